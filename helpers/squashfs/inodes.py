"""The inode table, and the table of owners that it refers to."""

from __future__ import annotations

from typing import NamedTuple

from paack.helpers.squashfs.compression import Compressor
from paack.helpers.squashfs.directories import Listing
from paack.helpers.squashfs.layout import (
    DEVICE_INODE,
    DIRECTORY,
    DIRECTORY_EXTENDED,
    DIRECTORY_INODE,
    DOTS,
    EXTENDED,
    FIFO,
    FIFO_INODE,
    FILE,
    FILE_EXTENDED,
    FILE_INODE,
    ID,
    ID_COUNT,
    INODE,
    NOTHING_32,
    SYMLINK,
    SYMLINK_INODE,
    XATTRS,
)
from paack.helpers.squashfs.metadata import MetadataStream


class LimitError(ValueError):
    """The filesystem cannot hold it: what, in words."""


class Inode(NamedTuple):
    """What all inodes have. ``xattrs`` is a number of the xattr table; ``links`` counts names.

    ``mode`` has no file type; ``mtime`` is in whole seconds since 1970.
    """

    mode: int
    uid: int
    gid: int
    mtime: int
    number: int
    links: int = 1
    xattrs: int = NOTHING_32


class FileData(NamedTuple):
    """Where the content of a file is.

    ``start`` is the place of its blocks, ``blocks`` their size fields (32 bits each; 0: zeros);
    ``fragment`` and ``offset`` that of the rest. ``sparse`` counts bytes that are not stored.
    """

    size: int
    start: int = 0
    blocks: bytes = b""
    fragment: int = NOTHING_32
    offset: int = 0
    sparse: int = 0


class InodeTable:
    """Inodes, in any order; each method returns the reference of the inode that it adds."""

    def __init__(self, compressor: Compressor) -> None:
        self._stream = MetadataStream(compressor)
        self._ids: dict[int, int] = {}

    def file(self, inode: Inode, data: FileData) -> int:
        """Add a regular file."""
        size, start, blocks, fragment, offset, sparse = data
        plain = inode.links == 1 and inode.xattrs == NOTHING_32 and not sparse
        if plain and start <= NOTHING_32 and size <= NOTHING_32:
            body = FILE_INODE.pack(start, fragment, offset, size)
            return self._stream.append(self._head(FILE, inode) + body + blocks)
        head = self._head(FILE + EXTENDED, inode)
        numbers = (start, size, sparse, inode.links, fragment, offset, inode.xattrs)
        return self._stream.append(head + FILE_EXTENDED.pack(*numbers) + blocks)

    def directory(self, inode: Inode, parent: int, listing: Listing) -> int:
        """Add a directory; ``parent`` is the number of the inode above."""
        place, offset = listing.reference >> 16, listing.reference & 0xFFFF
        size = listing.size + DOTS
        if inode.xattrs == NOTHING_32 and not listing.lookups and size < 1 << 16:
            body = DIRECTORY_INODE.pack(place, inode.links, size, offset, parent)
            return self._stream.append(self._head(DIRECTORY, inode) + body)
        if size > NOTHING_32:
            raise LimitError("a directory of more than 4 GiB")
        numbers = (inode.links, size, place, parent, listing.lookups, offset, inode.xattrs)
        head = self._head(DIRECTORY + EXTENDED, inode)
        return self._stream.append(head + DIRECTORY_EXTENDED.pack(*numbers) + listing.lookup)

    def symlink(self, inode: Inode, target: bytes) -> int:
        """Add a symbolic link."""
        return self._other(SYMLINK, inode, SYMLINK_INODE.pack(inode.links, len(target)) + target)

    def special(self, inode: Inode, kind: int, device: int) -> int:
        """Add a FIFO, or a device of the number ``device`` (as Linux's new_encode_dev has it)."""
        if kind == FIFO:
            return self._other(FIFO, inode, FIFO_INODE.pack(inode.links))
        return self._other(kind, inode, DEVICE_INODE.pack(inode.links, device))

    def close(self) -> tuple[bytes, bytes]:
        """Return the table, and the IDs of owners that it refers to by their number."""
        return self._stream.close(), b"".join(map(ID.pack, self._ids))

    def _other(self, kind: int, inode: Inode, body: bytes) -> int:
        if inode.xattrs == NOTHING_32:
            return self._stream.append(self._head(kind, inode) + body)
        head = self._head(kind + EXTENDED, inode)
        return self._stream.append(head + body + XATTRS.pack(inode.xattrs))

    def _head(self, kind: int, inode: Inode) -> bytes:
        mode, uid, gid, mtime, number, _, _ = inode
        ids = self._ids
        first, second = ids.get(uid), ids.get(gid)
        if first is None or second is None:
            first, second = self._id(uid), self._id(gid)
        return INODE.pack(kind, mode, first, second, mtime, number)

    def _id(self, owner: int) -> int:
        number = self._ids.setdefault(owner, len(self._ids))
        if number >= ID_COUNT:
            raise LimitError(f"more than {ID_COUNT} different owners")
        return number
