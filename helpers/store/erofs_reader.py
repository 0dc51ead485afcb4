"""Reading EROFS images as mkfs.erofs makes them for stores: not compressed, one device.

After the on-disk format of Linux (Documentation/filesystems/erofs.rst, fs/erofs/erofs_fs.h). No
program at hand gives owners and xattrs of an EROFS image without root.
"""

from __future__ import annotations

import hashlib
import mmap
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.crc import crc32c
from paack.helpers.store.table import Row, Table

_SUPERBLOCK = struct.Struct("<III BBH QQ III I 16s 16s I HHH BB I Q")
_START, _MAGIC = 1024, 0xE0F5E1E2
_COMPACT = struct.Struct("<HHHHI4xI4xHH4x")
_EXTENDED = struct.Struct("<HHH2xQI4xIIQII16x")
_DIRENT = struct.Struct("<QHBx")
_XATTR_HEADER = struct.Struct("<IB7x")
_XATTR_ENTRY = struct.Struct("<BBH")
_PLAIN, _INLINE = 0, 2
_CHECKSUM = 1
_UNDERSTOOD = 0b111  # incompatible features that do not matter for plain and inline data
_PREFIXES = {
    1: b"user.",
    2: b"system.posix_acl_access",
    3: b"system.posix_acl_default",
    4: b"trusted.",
    6: b"security.",
}
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "FIFO",
}
_CHUNK = 1 << 20


def read_table(image: Path) -> Table:
    """Return all that an EROFS image holds; raise ValueError when it is damaged."""
    with _open(image) as found:
        return found.table()


def read_files(image: Path, below: bytes, limit: int) -> Iterator[bytes]:
    """Yield the content of the files in the directory ``below``, and in the directories there.

    Files of more than ``limit`` bytes are left out. Raises ValueError as ``read_table``.
    """
    with _open(image) as found:
        yield from found.contents(below, limit)


@contextmanager
def _open(image: Path) -> Iterator[_Image]:
    with (
        image.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        try:
            yield _Image(data)
        except (struct.error, IndexError, OverflowError) as error:
            raise ValueError(f"damaged EROFS image: {error}") from error


@dataclass(frozen=True, slots=True)
class _Inode:
    row: Row
    first_block: int
    layout: int
    inline: int  # offset of what follows the inode and its xattrs
    size: int

    @property
    def is_directory(self) -> bool:
        return self.row.kind == "directory"


class _Image:
    def __init__(self, data: mmap.mmap):
        self._data = data
        (
            magic, checksum, compatible, bits, _, root, _, self._epoch, _, blocks, meta,
            xattrs, _, _, incompatible, *_,
        ) = _SUPERBLOCK.unpack_from(data, _START)  # fmt: skip
        if magic != _MAGIC:
            raise ValueError("no EROFS image")
        if incompatible & ~_UNDERSTOOD:
            raise ValueError(f"EROFS features {incompatible:#x} are not known")
        self._block = 1 << bits
        if compatible & _CHECKSUM:
            self._check(checksum)
        if len(data) != blocks * self._block:
            raise ValueError(f"{len(data)} bytes, not {blocks} blocks")
        if data[:_START].strip(b"\0"):
            raise ValueError("there is something in front of the filesystem")
        self._meta, self._xattrs = meta * self._block, xattrs * self._block
        self._root = root

    def table(self) -> Table:
        table = Table()
        first: dict[int, bytes] = {}
        waiting = [(b".", self._root)]
        while waiting:
            path, nid = waiting.pop()
            if nid in first:
                if table.rows[first[nid]].kind == "directory":
                    raise ValueError(f"the directory {path!r} has two names")
                if path in table.links or path in table.rows:
                    table.repeated.append(path)
                table.links[path] = first[nid]
                continue
            first[nid] = path
            inode = self._inode(nid)
            table.add(path, inode.row)
            if inode.is_directory:
                prefix = b"" if path == b"." else path + b"/"
                waiting += [(prefix + name, child) for name, child in self._entries(inode)]
        return table

    def contents(self, below: bytes, limit: int) -> Iterator[bytes]:
        homes = [nid for name, nid in self._entries(self._inode(self._root)) if name == below]
        for home in homes:
            for _, nid in self._entries(self._inode(home)):
                directory = self._inode(nid)
                if not directory.is_directory:
                    continue
                for _, child in self._entries(directory):
                    inode = self._inode(child)
                    if inode.row.kind == "file" and inode.size <= limit:
                        yield b"".join(self._content(inode))

    def _check(self, checksum: int) -> None:
        block = bytearray(self._data[_START : self._block])
        block[4:8] = bytes(4)
        # Linux's crc32c does not invert its result.
        if crc32c(bytes(block)) ^ 0xFFFFFFFF != checksum:
            raise ValueError("the superblock's checksum is wrong")

    def _inode(self, nid: int) -> _Inode:
        at = self._meta + nid * 32
        (form,) = struct.unpack_from("<H", self._data, at)
        mtime, nanoseconds = self._epoch, 0
        if form & 1:
            header = _EXTENDED.size
            fields = _EXTENDED.unpack_from(self._data, at)
            _, count, mode, size, union, uid, gid, mtime, nanoseconds, _ = fields
        else:
            header = _COMPACT.size
            _, count, mode, _, size, union, uid, gid = _COMPACT.unpack_from(self._data, at)
        layout = form >> 1 & 7
        area = 12 + (count - 1) * 4 if count else 0
        kind = _KINDS.get(stat.S_IFMT(mode), "file of an unknown kind")
        if nanoseconds:
            raise ValueError("a time with a fraction of a second")
        plain = _Inode(_EMPTY, union, layout, at + header + area, size)
        row = Row(
            kind=kind,
            mode=stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            size=size if kind == "file" else 0,
            mtime=mtime,
            device=_device(union) if kind.endswith("device") else (0, 0),
            link=b"".join(self._content(plain)) if kind == "symbolic link" else b"",
            xattrs=tuple(sorted(self._xattrs_of(at + header, area))),
            content=self._sha256(plain) if kind == "file" else b"",
        )
        return _Inode(row, union, layout, at + header + area, size)

    def _content(self, inode: _Inode) -> Iterator[bytes]:
        if inode.layout not in (_PLAIN, _INLINE):
            raise ValueError(f"data layout {inode.layout} is not known")
        start, size = inode.first_block * self._block, inode.size
        inline = 0
        if inode.layout == _INLINE and size:
            inline = size - (size - 1) // self._block * self._block
        plain = size - inline
        for offset in range(0, plain, _CHUNK):
            yield self._bytes(start + offset, min(_CHUNK, plain - offset))
        yield self._bytes(inode.inline, inline)

    def _sha256(self, inode: _Inode) -> bytes:
        sha256 = hashlib.sha256()
        for chunk in self._content(inode):
            sha256.update(chunk)
        return sha256.digest()

    def _entries(self, inode: _Inode) -> Iterator[tuple[bytes, int]]:
        content = b"".join(self._content(inode))
        for start in range(0, len(content), self._block):
            block = content[start : start + self._block]
            (_, names, _) = _DIRENT.unpack_from(block)
            heads = [_DIRENT.unpack_from(block, at) for at in range(0, names, _DIRENT.size)]
            ends = [offset for _, offset, _ in heads[1:]] + [len(block)]
            for (nid, offset, _), end in zip(heads, ends, strict=True):
                name = block[offset:end].rstrip(b"\0")
                if name not in (b".", b".."):
                    yield name, nid

    def _xattrs_of(self, at: int, area: int) -> Iterator[tuple[bytes, bytes]]:
        if not area:
            return
        _, shared = _XATTR_HEADER.unpack_from(self._data, at)
        position = at + _XATTR_HEADER.size
        for number in struct.unpack_from(f"<{shared}I", self._data, position):
            yield self._xattr(self._xattrs + number * 4)[:2]
        position += 4 * shared
        while position < at + area:
            key, value, position = self._xattr(position)
            yield key, value

    def _xattr(self, at: int) -> tuple[bytes, bytes, int]:
        length, index, size = _XATTR_ENTRY.unpack_from(self._data, at)
        if index not in _PREFIXES:
            raise ValueError(f"xattr prefix {index} is not known")
        at += _XATTR_ENTRY.size
        key = _PREFIXES[index] + self._bytes(at, length)
        value = self._bytes(at + length, size)
        return key, value, at + (length + size + 3 & ~3)

    def _bytes(self, start: int, size: int) -> bytes:
        found = self._data[start : start + size]
        if len(found) != size:
            raise ValueError("the image is cut off")
        return found


_EMPTY = Row("", 0, 0, 0, 0, 0, (0, 0), b"", ())


def _device(number: int) -> tuple[int, int]:
    """Split a device number as Linux's new_decode_dev does."""
    return number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
