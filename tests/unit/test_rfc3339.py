"""Times of image configs, as Go reads them; tests/integration/test_readable.py asks podman."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.oci.rfc3339 import parse_time, utc


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.999999999Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("1970-01-01T1:00:00Z", 3600),
        ("1970-01-01T00:00:01,5Z", 1),
        ("1970-01-01T00:00:01.1234567890123Z", 1),
        ("1970-01-01T05:30:00+05:30", 0),
        ("1970-01-01T00:00:00-00:60", 3600),
        ("1969-12-31T00:30:00-23:30", 0),
        ("0000-02-29T00:00:00Z", -62162121600),
        ("0001-01-01T00:00:00+05:00", -62135596800 - 18000),
        ("9999-12-31T23:59:59-05:00", 253402300799 + 18000),
    ],
)
def test_what_go_reads_is_a_time(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-05-06T24:00:00Z",
        "2024-05-06T07:60:09Z",
        "2024-05-06T07:08:60Z",
        "2024-05-06T07:08:09",
        "2024-05-06",
        "2024-05-06 07:08:09Z",
        "2024-05-06t07:08:09Z",
        "2024-05-06T07:08:09z",
        "2024-5-06T07:08:09Z",
        "2024-05-06T07:8:09Z",
        "2024-05-06T07:08:09.Z",
        "2024-05-06T07:08:09+5:00",
        "2024-05-06T07:08:09+0500",
        "2024-05-06T07:08:09+24:00",
        "2024-05-06T07:08:09+23:60",
        "2024-05-06T07:08:09+00:61",
        "2024-05-06T07:08:09Z\n",
        "10000-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "\u0662024-05-06T07:08:09Z",
        "\uff12024-05-06T07:08:09Z",
    ],
)
def test_what_go_does_not_read_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_time(text)


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    st.integers(-23, 23),
)
def test_times_are_read_as_python_does(when: datetime, hours: int) -> None:
    expected = when.replace(microsecond=0, tzinfo=UTC) - timedelta(hours=hours)
    seconds = parse_time(f"{when.isoformat()}{hours:+03d}:00")
    assert timedelta(seconds=seconds) == expected - datetime(1970, 1, 1, tzinfo=UTC)
    assert utc(seconds) == expected.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-(1 << 40), "0001-01-01T23:23:44Z"), (253402300800, "9999-12-31T00:00:00Z")],
)
def test_what_is_written_has_a_year_of_four_digits(seconds: int, text: str) -> None:
    assert utc(seconds) == text
