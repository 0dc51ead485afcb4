"""The build time of packages: the same for the same images, whenever they are built."""

from __future__ import annotations

import os
from collections.abc import Sequence

from paack.helpers.errors import UsageError
from paack.helpers.lock import newest
from paack.helpers.rpm import Contents

#: RPM takes a build time of 0 for "none"; packages without images have no other.
FLOOR = 315532800  # 1980-01-01, as zip and others do


def build_time(contents: Sequence[Contents]) -> int:
    """Return SOURCE_DATE_EPOCH, or the creation time of the newest image; a second less for noon.

    A changelog entry of noon is midnight to rpm: it takes it for one without a time.
    Raises UsageError.
    """
    epoch = _given()
    if epoch is None:
        epoch = max(newest(image for each in contents for image in each.images), FLOOR)
    return epoch - 1 if epoch % 86400 == 43200 else epoch


def _given() -> int | None:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        return None
    if not given.isdigit():
        raise UsageError(
            f"SOURCE_DATE_EPOCH is not a number: {given!r}",
            hint="seconds since 1970, for example: export SOURCE_DATE_EPOCH=1700000000",
        )
    return int(given)
