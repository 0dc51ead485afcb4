"""What an update changes: images, layers, bytes, and on request every file.

Each side is an RPM, a lock, a definition (its lock counts), or REVISION:FILE of a git repository.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from paack.helpers.diff.packages import PackageChange, package_changes
from paack.helpers.diff.side import Side
from paack.helpers.lock import LockedGroup
from paack.helpers.oci import LockedImage, parse_reference
from paack.helpers.progress import count, human
from paack.helpers.store import file_changes

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@dataclass(frozen=True)
class Change:
    """An image that differs; ``old`` or ``new`` is None on the side that lacks it.

    ``files`` are lines, if asked for. ``added`` are the digests of its layers that no image of the
    old side has, ``removed`` of those that none of the new side has: a layer that images share is
    fetched and dropped once. ``packages`` are None where one side does not know its own, or neither
    has any.
    """

    old: LockedImage | None
    new: LockedImage | None
    added: tuple[str, ...]
    removed: tuple[str, ...]
    files: tuple[str, ...] | None = None
    packages: tuple[PackageChange, ...] | None = None

    @property
    def kind(self) -> str:
        """Added, removed or changed."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    @property
    def summary(self) -> str:
        """How many packages are changed, added and removed."""
        if self.packages is None:
            return "not known"
        signs = Counter(each.sign for each in self.packages)
        words = {"~": "changed", "+": "added", "-": "removed"}
        parts = [f"{signs[sign]} {word}" for sign, word in words.items() if signs[sign]]
        return ", ".join(parts) or "the same"

    @property
    def title(self) -> str:
        """Name and arch, with the old name if that changed."""
        names = [each.names[0] for each in (self.old, self.new) if each]
        arch = (self.new or self.old).arch  # type: ignore[union-attr]
        return f"{' -> '.join(dict.fromkeys(names))} ({arch})"


@dataclass(frozen=True)
class Diff:
    """The difference: ``fetched`` and ``dropped`` are blobs (digest, bytes) of all images."""

    old: Side
    new: Side
    changes: tuple[Change, ...]

    @property
    def fetched(self) -> dict[str, int]:
        """Layers that a device does not have yet."""
        known = self.old.layers()
        return {key: size for key, size in self.new.layers().items() if key not in known}

    @property
    def new_parts(self) -> dict[LockedGroup | str, int]:
        """Packages of layers, and packs, that a device does not have yet."""
        return {key: size for key, size in self.new.parts.items() if key not in self.old.parts}

    @property
    def download(self) -> int | None:
        """Bytes that a device downloads, with shared layers about; None when it is not known."""
        if not self.new.parts:
            return self.new.download
        return (self.new.download or 0) + sum(self.new_parts.values())

    @property
    def dropped(self) -> dict[str, int]:
        """Layers that are needed no more."""
        known = self.new.layers()
        return {key: size for key, size in self.old.layers().items() if key not in known}

    @property
    def units(self) -> list[tuple[str, str]]:
        """Quadlet units that differ, (kind, name): of two RPMs, otherwise nothing is known."""
        old, new = self.old.units, self.new.units
        if old is None or new is None:
            return []
        kinds = {
            name: "added" if name not in old else "removed" if name not in new else "changed"
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
        }
        return [(kind, name) for name, kind in kinds.items()]

    def lines(self) -> Iterator[str]:
        """Yield the difference for a terminal."""
        for change in self.changes:
            sign = _SIGNS[change.kind]
            layers = f"{count(len(change.added), 'layer')} new, {len(change.removed)} gone"
            packages = f"; packages: {change.summary}" if change.packages is not None else ""
            yield f"{sign} {change.title}: {layers}{packages}"
            if change.kind == "changed":
                yield from (f"    {each}" for each in change.packages or ())
            for line in change.files or ():
                yield f"    {line}"
        yield from (f"{_SIGNS[kind]} unit {name}" for kind, name in self.units)
        yield self.total()
        if self.changes or self.new_parts:
            yield self.sizes()

    def markdown(self) -> str:
        """Return the difference for a pull request."""
        units = "\n".join(f"- unit `{name}` {kind}" for kind, name in self.units)
        if not self.changes:
            return "\n\n".join(filter(None, ["No image changes.", units]))
        rows = [
            f"| {each.kind} | `{each.title}` | {len(each.added)} | {len(each.removed)} "
            f"| {each.summary} |"
            for each in self.changes
        ]
        text = "| | image | layers new | layers gone | packages |\n"
        text += "| --- | --- | ---: | ---: | --- |\n"
        text += "\n".join(rows) + f"\n\n{self.total()}\n{self.sizes()}\n"
        for each in self.changes:
            if each.packages and each.kind == "changed":
                text += _details(f"packages of {each.title}", map(str, each.packages))
            if each.files:
                text += _details(f"files of {each.title}", each.files)
        return f"{text}\n{units}".rstrip("\n")

    def as_json(self) -> str:
        """Return the difference for programs."""
        changes = [
            {
                "kind": each.kind,
                "arch": (each.new or each.old).arch,  # type: ignore[union-attr]
                "old": list(each.old.names) if each.old else None,
                "new": list(each.new.names) if each.new else None,
                "layersAdded": list(each.added),
                "layersRemoved": list(each.removed),
                "packages": _as_json(each.packages),
                **({"files": list(each.files)} if each.files is not None else {}),
            }
            for each in self.changes
        ]
        added, removed = sum(self.fetched.values()), sum(self.dropped.values())
        sizes = {"bytesAdded": added, "bytesRemoved": removed, "bytesToDownload": self.download}
        sizes |= {"bytesOnDiskOld": self.old.disk, "bytesOnDiskNew": self.new.disk}
        units = [{"kind": kind, "unit": name} for kind, name in self.units]
        return json.dumps({"changes": changes, "units": units, **sizes}, indent=2)

    def total(self) -> str:
        """Return the sum, in a line."""
        if not self.changes:
            return "no image changes"
        fetched, dropped = self.fetched, self.dropped
        return (
            f"{count(len(fetched), 'layer')} new ({human(sum(fetched.values()))} compressed), "
            f"{len(dropped)} gone ({human(sum(dropped.values()))})"
        )

    def sizes(self) -> str:
        """Return, in a line, what a device downloads (all of the new RPM) and what it stores."""
        if parts := self.new.parts:
            what = "" if self.new.download is None else "the package, and "
            kinds = {"layers" if isinstance(each, LockedGroup) else "packs" for each in parts}
            return (
                f"to download: about {human(self.download or 0)}: {what}{len(self.new_parts)} "
                f"of {count(len(parts), 'package')} of {' and '.join(sorted(kinds))}"
            )
        download, before, after = self.new.download, self.old.disk, self.new.disk
        if download is None or before is None or after is None:
            return "to download, on disk: unknown (compare two RPMs)"
        sign = "+" if after >= before else "-"
        return (
            f"to download: {human(download)}; "
            f"on disk: {human(after)}, was {human(before)} ({sign}{human(abs(after - before))})"
        )


def diff(old: Side, new: Side, *, files: bool = False) -> Diff:
    """Compare two sides; with ``files``, every file of the images that changed, too."""
    changes = list(_changes(old, new))
    if files and changes:
        before, after = old.rootfs(), new.rootfs()
        changes = [
            replace(
                each,
                files=tuple(
                    file_changes(
                        before.files(each.old) if each.old else {},
                        after.files(each.new) if each.new else {},
                    )
                ),
            )
            for each in changes
        ]
    return Diff(old, new, tuple(_with_packages(each, old, new) for each in changes))


def _details(title: str, lines: Iterable[str]) -> str:
    fence = "````"
    shown = "\n".join(lines)
    head = f"\n<details><summary>{title}</summary>\n\n"
    return f"{head}{fence}diff\n{shown}\n{fence}\n\n</details>\n"


def _as_json(packages: Sequence[PackageChange] | None) -> list[dict[str, object]] | None:
    return None if packages is None else [each.as_json() for each in packages]


def _with_packages(change: Change, old: Side, new: Side) -> Change:
    before = old.packages(change.old) if change.old else ()
    after = new.packages(change.new) if change.new else ()
    if before is None or after is None or not (before or after):
        return change
    return replace(change, packages=package_changes(before, after))


def _changes(old: Side, new: Side) -> Iterator[Change]:
    """Yield a change for each pair of images that differ, sorted."""
    old_layers, new_layers = old.layers(), new.layers()
    found = [
        Change(before, after, _only(after, old_layers), _only(before, new_layers))
        for before, after in _pairs(old.images, new.images)
    ]
    yield from sorted(found, key=lambda each: (each.kind, each.title))


def _pairs(
    old: Sequence[LockedImage], new: Sequence[LockedImage]
) -> Iterator[tuple[LockedImage | None, LockedImage | None]]:
    """Pair images by name; those that are left, by repository, where that is not ambiguous."""
    before = {(each.names[0], each.arch): each for each in old}
    after = {(each.names[0], each.arch): each for each in new}
    pairs = [(before.pop(key), after.pop(key)) for key in sorted(before.keys() & after.keys())]
    left: defaultdict[tuple[str, str], tuple[list[LockedImage], list[LockedImage]]]
    left = defaultdict(lambda: ([], []))
    for side, images in enumerate((before, after)):
        for image in images.values():
            left[parse_reference(image.names[0]).repo, image.arch][side].append(image)
    yield from ((one, other) for one, other in pairs if one.manifest != other.manifest)
    for gone, come in left.values():
        if len(gone) == len(come) == 1:
            yield gone[0], come[0]
        else:
            yield from ((each, None) for each in gone)
            yield from ((None, each) for each in come)


def _only(image: LockedImage | None, known: Mapping[str, int]) -> tuple[str, ...]:
    layers = image.layers if image else ()
    return tuple(dict.fromkeys(each.digest for each in layers if each.digest not in known))
