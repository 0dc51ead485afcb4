"""Stores as tables, a row for each path, however they were read; and how two of them differ."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, fields
from typing import IO

from paack.helpers.store import tar

_CHUNK = 1 << 20
KINDS = {
    tar.REGULAR: "file",
    tar.SYMLINK: "symbolic link",
    tar.CHAR: "character device",
    tar.BLOCK_DEVICE: "block device",
    tar.DIRECTORY: "directory",
    tar.FIFO: "FIFO",
}


@dataclass(frozen=True, slots=True)
class Row:
    """All that a filesystem says of a path; ``content`` is the SHA-256 of a file's bytes.

    ``xattrs`` are sorted; ``link`` is the target of a symbolic link.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    device: tuple[int, int]
    link: bytes
    xattrs: tuple[tuple[bytes, bytes], ...]
    content: bytes = b""


@dataclass
class Table:
    """The rows of a store by path ("." is the root), and which paths are one file.

    ``repeated`` are paths that a directory holds twice.
    """

    rows: dict[bytes, Row] = field(default_factory=dict)
    links: dict[bytes, bytes] = field(default_factory=dict)
    repeated: list[bytes] = field(default_factory=list)

    def add(self, path: bytes, row: Row) -> None:
        """Add a path."""
        if path in self.rows or path in self.links:
            self.repeated.append(path)
        self.rows[path] = row

    def row(self, path: bytes) -> Row | None:
        """Return what there is at a path, which may be a further name of a file."""
        return self.rows.get(self.links.get(path, path))

    def groups(self) -> dict[bytes, tuple[bytes, ...]]:
        """Return, for each path that is one of several names of a file, all of these names."""
        names: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for path, first in self.links.items():
            names[first].append(path)
        found = {}
        for first, others in names.items():
            group = tuple(sorted([first, *others]))
            found.update(dict.fromkeys(group, group))
        return found

    def paths(self) -> Set[bytes]:
        """Return every path."""
        return self.rows.keys() | self.links.keys()


def read_table(stream: IO[bytes]) -> Table:
    """Read a store from a tar stream; raise tar.TarError."""
    table = Table()
    for entry in _HashingReader(iter(lambda: stream.read(_CHUNK), b"")):
        path = _clean(entry.name)
        if entry.kind == tar.LINK:
            if path in table.rows or path in table.links:
                table.repeated.append(path)
            table.links[path] = _clean(entry.link)
        else:
            table.add(path, _row(entry))
    return table


def differences(expected: Table, found: Table) -> Iterator[tuple[bytes, str]]:
    """Yield (path, what is wrong) for everything in which ``found`` is not as expected."""
    groups, found_groups = expected.groups(), found.groups()
    for path in found.repeated:
        yield path, "comes twice"
    for path in sorted(expected.paths() | found.paths()):
        wanted, there = expected.row(path), found.row(path)
        if wanted is None:
            kind = there.kind if there else "link to nothing"
            yield path, f"should not be there ({kind})"
        elif there is None:
            yield path, f"is missing ({wanted.kind})"
        elif wanted != there:
            yield path, "; ".join(_changes(wanted, there))
        elif groups.get(path) != found_groups.get(path):
            yield path, _link_change(groups.get(path, ()), found_groups.get(path, ()), path)


def _changes(wanted: Row, there: Row) -> Iterator[str]:
    if wanted.kind != there.kind:
        yield f"is a {there.kind}, not a {wanted.kind}"
        return
    for each in fields(Row):
        one, other = getattr(wanted, each.name), getattr(there, each.name)
        if one == other:
            continue
        if each.name == "content":
            yield "other content"
        elif each.name == "xattrs":
            yield from _xattr_changes(dict(one), dict(other))
        elif each.name == "mode":
            yield f"mode is {other:04o}, not {one:04o}"
        elif each.name == "link":
            yield f"points to {show(other)}, not {show(one)}"
        else:
            yield f"{each.name} is {other}, not {one}"


def _xattr_changes(wanted: Mapping[bytes, bytes], there: Mapping[bytes, bytes]) -> Iterator[str]:
    for key in sorted(wanted.keys() | there.keys()):
        if key not in there:
            yield f"xattr {show(key)} is missing"
        elif key not in wanted:
            yield f"xattr {show(key)} should not be there"
        elif wanted[key] != there[key]:
            yield f"xattr {show(key)} has another value"


def _link_change(wanted: tuple[bytes, ...], there: tuple[bytes, ...], path: bytes) -> str:
    def named(group: tuple[bytes, ...]) -> str:
        return ", ".join(show(each) for each in group if each != path) or "nothing"

    return f"is one file with {named(there)}, not with {named(wanted)}"


def show(path: bytes) -> str:
    """Return bytes as text that fits into a line."""
    text = path.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else repr(text)[1:-1]


class _HashingReader(tar.Reader):
    """Keeps SHA-256 of the data in place of a checksum that anyone can forge."""

    def _checksum(self, size: int) -> int:
        sha256 = hashlib.sha256()
        while size:
            available = len(self._window) - self._position
            if not available:
                if not self._fill():
                    raise tar.TarError("truncated data")
                continue
            take = min(size, available)
            sha256.update(memoryview(self._window)[self._position : self._position + take])
            self._position += take
            self.offset += take
            size -= take
        return int.from_bytes(sha256.digest(), "big")


def _row(entry: tar.Entry) -> Row:
    regular = entry.kind == tar.REGULAR
    return Row(
        kind=KINDS.get(entry.kind, "file of an unknown kind"),
        # As the kernel shows every symbolic link.
        mode=0o777 if entry.kind == tar.SYMLINK else entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        size=entry.size if regular else 0,
        mtime=entry.mtime,
        device=(entry.major, entry.minor),
        link=entry.link if entry.kind == tar.SYMLINK else b"",
        xattrs=tuple(sorted(entry.xattrs.items())),
        content=entry.crc.to_bytes(32, "big") if regular else b"",
    )


def _clean(name: bytes) -> bytes:
    return b"/".join(part for part in name.split(b"/") if part not in (b"", b".")) or b"."
