"""The build time of packages: the same for the same images, whenever they are built."""

from __future__ import annotations

import os
from collections.abc import Sequence

from paack.helpers.errors import UsageError
from paack.helpers.lock import newest
from paack.helpers.rpm import Contents

#: The first and the last build time, in seconds since 1970. rpmbuild drops a changelog entry of
#: before 1990, with a message and no failure, and mock and Copr would take the clock; RPM files
#: hold times of 32 bits. Packages without images are of the first.
FLOOR, LIMIT = 631152000, (1 << 32) - 1
_MOST_DIGITS = 20


def build_time(contents: Sequence[Contents]) -> int:
    """Return SOURCE_DATE_EPOCH, or the creation time of the newest image; a second less for noon.

    What is before 1990, as with images that are made to be reproducible, or after 2106 is set to
    the nearest time in between. A changelog entry of noon is midnight to rpm: it takes it for one
    without a time. Raises UsageError.
    """
    epoch = _given()
    if epoch is None:
        epoch = newest(image for each in contents for image in each.images)
    epoch = min(max(epoch, FLOOR), LIMIT)
    return epoch - 1 if epoch % 86400 == 43200 else epoch


def _given() -> int | None:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        return None
    # int() takes neither all that isdigit() does, as "²", nor thousands of digits.
    if not given.isdecimal() or len(given) > _MOST_DIGITS:
        raise UsageError(
            f"SOURCE_DATE_EPOCH is not a number: {given[:40]!r}",
            hint="seconds since 1970, for example: export SOURCE_DATE_EPOCH=1700000000",
        )
    return int(given)
