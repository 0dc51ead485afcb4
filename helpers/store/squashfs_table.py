"""All that a squashfs holds, read without mounting it, as the kernel would find it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from paack.helpers.squashfs import layout
from paack.helpers.store.squashfs_reader import Squashfs, open_squashfs
from paack.helpers.store.table import Row, Table

_KINDS = {
    layout.DIRECTORY: "directory",
    layout.FILE: "file",
    layout.SYMLINK: "symbolic link",
    layout.BLOCK_DEVICE: "block device",
    layout.CHAR_DEVICE: "character device",
    layout.FIFO: "FIFO",
}
_DEVICES = (layout.BLOCK_DEVICE, layout.CHAR_DEVICE)
_NUMBER = Struct("<I")
#: Of extended inodes: where in what follows the header the number of the xattrs is.
_XATTRS_AT = {layout.DIRECTORY: 20, layout.FILE: 36, layout.FIFO: 4}
_LINK_LIMIT = 1 << 16  # bytes of a symbolic link


def read_table(image: Path) -> Table:
    """Return all that a squashfs image holds; raise ValueError when it is damaged."""
    with open_squashfs(image) as squashfs:
        return _Reader(squashfs).table()


class _Reader:
    def __init__(self, squashfs: Squashfs) -> None:
        self._squashfs = squashfs
        self._xattrs: dict[int, tuple[tuple[bytes, bytes], ...]] = {}
        self._sets: list[tuple[int, ...]] = []
        self._pairs = 0
        if squashfs.xattr_table is not None:
            head = layout.XATTR_TABLE
            self._pairs, count = squashfs.unpack(head, squashfs.xattr_table)
            index = squashfs.xattr_table + head.size
            self._sets = list(squashfs.lookup(index, count, layout.XATTR_SET))

    def table(self) -> Table:
        table = Table()
        first: dict[int, bytes] = {}
        numbers: dict[int, int] = {}
        waiting = [(b".", self._squashfs.root, layout.DIRECTORY, 0)]
        while waiting:
            path, reference, kind, number = waiting.pop()
            # The kernel tells inodes apart by their numbers.
            if numbers.setdefault(number, reference) != reference:
                raise ValueError(f"{path!r} has the inode number of another file")
            if reference in first:
                if kind == layout.DIRECTORY:
                    raise ValueError(f"the directory {path!r} has two names")
                if path in table.links or path in table.rows:
                    table.repeated.append(path)
                table.links[path] = first[reference]
                continue
            first[reference] = path
            table.add(path, self._row(path, reference, kind, number))
            if kind == layout.DIRECTORY:
                prefix = b"" if path == b"." else path + b"/"
                # Backwards, so that files come in the order of the blocks that they share.
                entries = list(self._squashfs.listing(reference))
                waiting += [(prefix + entry[0], *entry[1:]) for entry in reversed(entries)]
        return table

    def _row(self, path: bytes, reference: int, kind: int, number: int) -> Row:
        squashfs = self._squashfs
        place, offset = squashfs.tables + (reference >> 16), reference & 0xFFFF
        head = layout.INODE
        fields = head.unpack(squashfs.metadata(place, offset, head.size))
        form, mode, uid, gid, mtime, own_number = fields
        if (form - 1) % layout.EXTENDED + 1 != kind or kind not in _KINDS:
            raise ValueError(f"{path!r} is an inode of type {form}, not {kind}")
        if number and own_number != number:
            raise ValueError(f"{path!r} has another inode number than its directory says")
        if max(uid, gid) >= len(squashfs.owners):
            raise ValueError(f"{path!r} has an owner that is not in the table")
        at = offset + head.size
        file = squashfs.file(path, reference) if kind == layout.FILE else None
        link = self._link(place, at) if kind == layout.SYMLINK else b""
        row_device = (0, 0)
        if kind in _DEVICES:
            raw = squashfs.metadata(place, at, layout.DEVICE_INODE.size)
            _, device = layout.DEVICE_INODE.unpack(raw)
            row_device = (device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00)
        xattrs: tuple[tuple[bytes, bytes], ...] = ()
        if form > layout.EXTENDED:
            xattrs = self._xattrs_of(place, at + self._before_xattrs(kind, len(link)))
        return Row(
            kind=_KINDS[kind],
            mode=mode,
            uid=squashfs.owners[uid],
            gid=squashfs.owners[gid],
            size=file.size if file else 0,
            mtime=mtime,
            device=row_device,
            link=link,
            xattrs=xattrs,
            content=_sha256(squashfs.content(file)) if file else b"",
        )

    def _link(self, place: int, at: int) -> bytes:
        form = layout.SYMLINK_INODE
        _, size = form.unpack(self._squashfs.metadata(place, at, form.size))
        if size > _LINK_LIMIT:
            raise ValueError(f"a symbolic link of {size} bytes")
        return self._squashfs.metadata(place, at + form.size, size)

    def _before_xattrs(self, kind: int, link: int) -> int:
        if kind == layout.SYMLINK:
            return layout.SYMLINK_INODE.size + link
        return layout.DEVICE_INODE.size if kind in _DEVICES else _XATTRS_AT[kind]

    def _xattrs_of(self, place: int, at: int) -> tuple[tuple[bytes, bytes], ...]:
        (number,) = _NUMBER.unpack(self._squashfs.metadata(place, at, _NUMBER.size))
        if number == layout.NOTHING_32:
            return ()
        if number not in self._xattrs:
            if number >= len(self._sets):
                raise ValueError(f"there are no xattrs of the number {number}")
            reference, count, _ = self._sets[number]
            self._xattrs[number] = tuple(sorted(self._pairs_at(reference, count)))
        return self._xattrs[number]

    def _pairs_at(self, reference: int, count: int) -> Iterator[tuple[bytes, bytes]]:
        place, at = self._pairs + (reference >> 16), reference & 0xFFFF
        read = self._squashfs.metadata
        for _ in range(count):
            kind, length = layout.XATTR_KEY.unpack(read(place, at, layout.XATTR_KEY.size))
            at += layout.XATTR_KEY.size
            if kind & 0xFF >= len(layout.XATTR_PREFIXES):
                raise ValueError(f"xattr prefix {kind} is not known")
            key = layout.XATTR_PREFIXES[kind & 0xFF] + read(place, at, length)
            at += length
            value = self._value(place, at)
            at += layout.XATTR_VALUE.size + len(value)
            if kind & layout.XATTR_ELSEWHERE:
                (elsewhere,) = layout.POINTER.unpack(value)
                value = self._value(self._pairs + (elsewhere >> 16), elsewhere & 0xFFFF)
            yield key, value

    def _value(self, place: int, at: int) -> bytes:
        form = layout.XATTR_VALUE
        (size,) = form.unpack(self._squashfs.metadata(place, at, form.size))
        return self._squashfs.metadata(place, at + form.size, size)


def _sha256(content: Iterator[bytes]) -> bytes:
    sha256 = hashlib.sha256()
    for part in content:
        sha256.update(part)
    return sha256.digest()
