"""Which packages an update of an image changes, adds and removes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from paack.helpers.packages import FoundPackage
from paack.helpers.printable import printable
from paack.helpers.rpm import ListedPackage


@dataclass(frozen=True, slots=True, order=True)
class PackageChange:
    """A package that differs: its versions on each side; no version where it is missing."""

    kind: str
    name: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def sign(self) -> str:
        """``+``, ``-`` or ``~``."""
        return "~" if self.old and self.new else "+" if self.new else "-"

    def __str__(self) -> str:
        versions = " -> ".join(", ".join(each) for each in (self.old, self.new) if each)
        return printable(f"{self.sign} {self.kind} {self.name} {versions}", 500)

    def as_json(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        old, new = list(self.old), list(self.new)
        return {"kind": self.kind, "name": self.name, "old": old, "new": new}


def listed(found: FoundPackage) -> ListedPackage:
    """Return a package of a layer as a bill lists it."""
    package = found.package
    return ListedPackage(package.kind, package.name, package.full_version, found.purl)


def package_changes(
    old: Iterable[ListedPackage], new: Iterable[ListedPackage]
) -> tuple[PackageChange, ...]:
    """Return what differs between the packages of two images, sorted.

    Of a package that is there in several versions, those that both have are left out.
    """
    before, after = _versions(old), _versions(new)
    return tuple(_changes(before, after))


_Versions = dict[tuple[str, str], set[str]]


def _versions(packages: Iterable[ListedPackage]) -> _Versions:
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for each in packages:
        found[each.kind, each.name].add(each.version)
    return dict(found)


def _changes(before: _Versions, after: _Versions) -> Iterator[PackageChange]:
    for kind, name in sorted(before.keys() | after.keys()):
        old, new = before.get((kind, name), set()), after.get((kind, name), set())
        if old != new:
            yield PackageChange(kind, name, tuple(sorted(old - new)), tuple(sorted(new - old)))
