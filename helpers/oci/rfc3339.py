"""Times as Go's time package reads them from JSON: RFC 3339, and a little more."""

from __future__ import annotations

import re
from datetime import date

#: Go takes an hour of one digit, a comma for the dot, and any number of digits behind it.
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,]\d+)?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_ERA = 400  # years, after which the calendar is the same again
_ERA_DAYS = 146_097
_DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()


def parse_time(text: str) -> int:
    """Return the whole seconds since 1970 (before it: negative) of a time in the years 0 to 9999.

    Raises ValueError. Go also reads zones of 24 hours, but then refuses to write the time again,
    which storing the image would need.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text!r}")
    year, month, day, hour, minute, second = (int(match[number]) for number in range(1, 7))
    zone = int(match[8] or 0) * 60 + int(match[9] or 0)
    in_range = hour < 24 and minute < 60 and second < 60 and int(match[9] or 0) <= 60
    if not in_range or zone >= 24 * 60:
        raise ValueError(f"not a time: {text!r}")
    try:
        # Python has no year 0.
        days = date(year + _ERA if year < _ERA else year, month, day).toordinal() - _EPOCH
    except ValueError as error:
        raise ValueError(f"not a time: {text!r}") from error
    if year < _ERA:
        days -= _ERA_DAYS
    seconds = days * _DAY + hour * 3600 + minute * 60 + second
    return seconds + zone * 60 if match[7] == "-" else seconds - zone * 60


def utc(seconds: int) -> str:
    """Return a time as RFC 3339 in UTC; what is beyond the years 1 to 9999 is their border."""
    days, second = divmod(seconds, _DAY)
    day = min(max(days + _EPOCH, date.min.toordinal()), date.max.toordinal())
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{date.fromordinal(day).isoformat()}T{clock}Z"
