"""A package inside an image, as its database or metadata file describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

#: Longer texts are cut: nobody reads them, and a bill of materials is on every device.
TEXT_LIMIT = 1000
_DISTRIBUTION = frozenset({"deb", "apk", "rpm"})


class Unreadable(ValueError):
    """A file is not what its name says, or is larger than such files are."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package; ``kind`` is the type of its package URL: deb, apk, rpm, pypi, npm, golang, maven.

    ``version`` has the release, and for deb the epoch. ``source`` is the source package where it
    is another one: NAME, NAME@VERSION, or of rpm the file. ``license`` and ``supplier`` are as the
    package says them. ``group`` is Maven's.
    """

    kind: str
    name: str
    version: str
    arch: str = ""
    license: str = ""
    supplier: str = ""
    source: str = ""
    epoch: str = ""
    group: str = ""

    @property
    def full_version(self) -> str:
        """The version with an rpm's epoch, as rpm writes it."""
        return f"{self.epoch}:{self.version}" if self.epoch else self.version

    @property
    def is_of_distribution(self) -> bool:
        """Whether a distribution's package manager installed it."""
        return self.kind in _DISTRIBUTION


@dataclass(frozen=True, slots=True)
class Distribution:
    """What an image says in os-release(5): ID, and VERSION_ID or, where that lacks, BUILD_ID."""

    id: str = ""
    version: str = ""


def purl(package: Package, distribution: Distribution) -> str:
    """Return the package URL (https://github.com/package-url/purl-spec) of a package."""
    namespace, name = _names(package, distribution)
    path = "/".join(quote(part, safe=":") for part in [*namespace.split("/"), name] if part)
    qualifiers: dict[str, str] = {}
    if package.is_of_distribution:
        parts = filter(None, (distribution.id, distribution.version))
        qualifiers = {
            "arch": package.arch,
            "distro": "-".join(parts),
            "epoch": package.epoch,
            "upstream": package.source,
        }
    version = f"@{quote(package.version, safe=':')}" if package.version else ""
    return f"pkg:{package.kind}/{path}{version}{_query(qualifiers)}"


def _names(package: Package, distribution: Distribution) -> tuple[str, str]:
    name = package.name
    if package.kind in _DISTRIBUTION:
        default = {"deb": "debian", "apk": "alpine"}.get(package.kind, "")
        return (distribution.id or default).lower(), name
    if package.kind == "maven":
        return package.group or name, name  # as many old ones have it, and scanners guess
    if package.kind == "pypi":
        return "", name.lower().replace("_", "-")
    if package.kind == "golang":
        # The type's own rule is lower case; Go's paths, and those who look them up, tell case.
        namespace, _, last = name.rpartition("/")
        return namespace, last
    namespace, _, last = name.rpartition("/")
    return namespace, last


def _query(qualifiers: Mapping[str, str]) -> str:
    pairs = [f"{key}={quote(value, safe=':')}" for key, value in qualifiers.items() if value]
    return f"?{'&'.join(pairs)}" if pairs else ""


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return a text of a file on one line, without what a terminal or a reader may act upon."""
    shown = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return " ".join(shown.split())[:limit]
