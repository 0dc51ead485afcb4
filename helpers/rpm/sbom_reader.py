"""Reading the packages of images out of the bill of materials in an RPM (SPDX 2.3, ours)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IMAGE = "SPDXRef-Image-"
_LIMIT = 1 << 28


@dataclass(frozen=True, slots=True, order=True)
class ListedPackage:
    """A package of an image: its kind is the type of its URL; ``license`` is SPDX or as it says."""

    kind: str
    name: str
    version: str
    purl: str
    license: str = ""
    path: str = ""

    def as_json(self) -> dict[str, str]:
        """Return what ``--json`` prints."""
        return {
            "purl": self.purl,
            "name": self.name,
            "version": self.version,
            "license": self.license,
            "path": self.path,
        }


def read_bill(file: Path) -> dict[str, tuple[ListedPackage, ...]]:
    """Return the packages of each image, by the digest of its manifest.

    Raises ValueError for what is no such bill. Bills of older packages have no package.
    """
    if file.stat().st_size > _LIMIT:
        raise ValueError(f"a bill of {file.stat().st_size} bytes")
    try:
        bill = json.loads(file.read_bytes())
        packages = {
            each["SPDXID"]: _package(each) for each in bill["packages"] if _is_package(each)
        }
        inside: defaultdict[str, set[ListedPackage]] = defaultdict(set)
        for each in bill["packages"]:
            if str(each["SPDXID"]).startswith(_IMAGE):
                inside[each["SPDXID"]] = set()
        for each in bill["relationships"]:
            image, package = each["spdxElementId"], each["relatedSpdxElement"]
            if image in inside and package in packages:
                inside[image].add(packages[package])
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no bill of paack: {error!r}") from error
    return {
        f"sha256:{image.removeprefix(_IMAGE)}": tuple(sorted(found))
        for image, found in inside.items()
    }


def _is_package(fields: Mapping[str, object]) -> bool:
    return "sourceInfo" in fields


def _package(fields: Mapping[str, object]) -> ListedPackage:
    purl = str(fields["externalRefs"][0]["referenceLocator"])  # type: ignore[index]
    said = str(fields.get("licenseComments", "")).partition(": ")[2]
    return ListedPackage(
        kind=purl.removeprefix("pkg:").partition("/")[0],
        name=str(fields["name"]),
        version=str(fields["versionInfo"]),
        purl=purl,
        license=str(fields.get("licenseDeclared", said)),
        path=str(fields["sourceInfo"]),
    )
