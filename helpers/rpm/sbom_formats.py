"""The bills of materials that an RPM may bring, by format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paack.helpers.oci import LockedImage
from paack.helpers.packages import ImagePackages
from paack.helpers.rpm.cyclonedx import make_cyclonedx
from paack.helpers.rpm.spdx import Subject, make_sbom

#: What a bill is made from; see ``make_sbom``.
BillInput = tuple[
    Subject | None, Sequence[LockedImage], Mapping[str, bytes], Mapping[str, ImagePackages]
]

#: The name of the file of each format, and what makes it.
FILES = {"spdx": "sbom.spdx.json", "cyclonedx": "sbom.cdx.json"}
MAKERS = {"spdx": make_sbom, "cyclonedx": make_cyclonedx}


def maker_of(source: str) -> str:
    """Return the format of a bill of materials, by the name of the source or file."""
    return next(name for name, file in FILES.items() if source.endswith(file))
