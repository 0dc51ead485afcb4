"""Reading squashfs images of stores without mounting them: version 4.0, zstd.

After the on-disk format of Linux (fs/squashfs/squashfs_fs.h); also what tar2sqfs made for older
packages.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import zstandard

_SUPERBLOCK = struct.Struct("<4s4I6H8Q")
_MAGIC, _VERSION, _ZSTD = b"hsqs", (4, 0), 6
_HEADER = struct.Struct("<H10xI")  # of an inode: its type, its number
_DIRECTORY, _EXTENDED_DIRECTORY = struct.Struct("<IIHHI"), struct.Struct("<4IHHI")
_FILE, _EXTENDED_FILE = struct.Struct("<4I"), struct.Struct("<3Q4I")
_LISTING, _ENTRY = struct.Struct("<III"), struct.Struct("<HhHH")
_FRAGMENT = struct.Struct("<QI4x")
_OWNER, _POINTER = struct.Struct("<I"), struct.Struct("<Q")
_NO_TABLE = (1 << 64) - 1
_METADATA, _PLAIN_METADATA = 8192, 1 << 15
_PLAIN_BLOCK, _NO_FRAGMENT = 1 << 24, 0xFFFFFFFF
_IS_DIRECTORY, _IS_FILE = 1, 2
_FILE_LIMIT = 1 << 36  # bytes: a size costs nothing to declare
_ENTRY_LIMIT = 20_000_000
_FRAGMENTS_KEPT = 16


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes on the disk: where they start and how many they are."""

    start: int
    size: int
    compressed: bool


@dataclass(frozen=True, slots=True)
class File:
    """A regular file; ``reference`` is the same for all names of one file.

    Its content is that of its blocks (None: zeros), then ``tail`` bytes of a fragment block.
    """

    path: bytes
    reference: int
    size: int
    blocks: tuple[Block | None, ...]
    fragment: int | None
    offset: int
    tail: int


@contextmanager
def open_squashfs(image: Path) -> Iterator[Squashfs]:
    """Yield the filesystem in ``image``; all damage that is found raises ValueError."""
    with (
        image.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        try:
            yield Squashfs(data)
        except (struct.error, OverflowError, zstandard.ZstdError, MemoryError) as error:
            raise ValueError(f"damaged squashfs: {error}") from error


class Squashfs:
    """A squashfs: where its files are, and what is in them.

    ``start`` to ``tables`` (offsets in bytes) are the blocks of files, from there to ``used`` the
    tables: inodes, names, fragments, owners, xattrs. ``fragments`` are shared by small files.
    """

    def __init__(self, data: mmap.mmap):
        self._data = data
        fields = _SUPERBLOCK.unpack_from(data)
        magic, _, _, self.block_size, fragments, compressor, _, flags = fields[:8]
        owners, version = fields[8], fields[9:11]
        self.root, self.used, ids, xattrs, self.tables, self._names, places, _ = fields[11:]
        if magic != _MAGIC or version != _VERSION:
            raise ValueError("no squashfs 4.0")
        if compressor != _ZSTD:
            raise ValueError(f"squashfs compressor {compressor} is not known")
        if not 4096 <= self.block_size <= 1 << 20:
            raise ValueError(f"block size {self.block_size}")
        if not _SUPERBLOCK.size <= self.tables <= self._names <= self.used <= len(data):
            raise ValueError("the squashfs is cut off")
        self._zstd = zstandard.ZstdDecompressor()
        self._zeros = bytes(self.block_size)
        self._blocks: dict[int, tuple[bytes, int]] = {}
        self._kept: dict[int, bytes] = {}
        # The options of the compressor are a metadata block of their own.
        self.start = self._block(_SUPERBLOCK.size)[1] if flags & 0x400 else _SUPERBLOCK.size
        self.fragments = tuple(self._fragments(fragments, places))
        self.owners = tuple(owner for (owner,) in self.lookup(ids, owners, _OWNER))
        self.xattr_table = None if xattrs == _NO_TABLE else xattrs

    def files(self) -> Iterator[File]:
        """Yield every regular file below the root, by each of its names."""
        waiting, seen, entries = [(b"", self.root)], set(), 0
        while waiting:
            path, reference = waiting.pop()
            if reference in seen:
                raise ValueError(f"the directory {path!r} has two names")
            seen.add(reference)
            for name, child, kind, _ in self.listing(reference):
                entries += 1
                if entries > _ENTRY_LIMIT:
                    raise ValueError(f"more than {_ENTRY_LIMIT} files")
                full = path + b"/" + name if path else name
                if kind == _IS_DIRECTORY:
                    waiting.append((full, child))
                elif kind == _IS_FILE:
                    yield self.file(full, child)

    def content(self, file: File) -> Iterator[bytes]:
        """Yield the bytes of a file."""
        left = file.size - file.tail
        for block in file.blocks:
            size = min(self.block_size, left)
            yield self._content(block, size) if block else self._zeros[:size]
            left -= size
        if file.fragment is not None and file.tail:
            content = self._fragment(file.fragment)
            yield content[file.offset : file.offset + file.tail]

    def _fragment(self, number: int) -> bytes:
        """Return a fragment block; the last ones are kept, as files in a directory share them."""
        content = self._kept.pop(number, None)
        if content is None:
            content = self._content(self.fragments[number], None)
            if len(self._kept) >= _FRAGMENTS_KEPT:
                del self._kept[next(iter(self._kept))]
        self._kept[number] = content
        return content

    def _content(self, block: Block, size: int | None) -> bytes:
        """Return the bytes of a block, which must be of ``size`` (None: any)."""
        raw = self._data[block.start : block.start + block.size]
        content = self._unpack(raw, size or self.block_size) if block.compressed else raw
        if len(content) > self.block_size or (size is not None and len(content) != size):
            raise ValueError(f"the block at {block.start} has {len(content)} bytes")
        return content

    def _unpack(self, raw: bytes, limit: int) -> bytes:
        declared = zstandard.get_frame_parameters(raw).content_size
        if declared > limit and declared != zstandard.CONTENTSIZE_UNKNOWN:
            raise ValueError(f"a block of {declared} bytes")
        return self._zstd.decompress(raw, max_output_size=limit)

    def lookup(self, index: int, count: int, record: struct.Struct) -> Iterator[tuple[int, ...]]:
        """Yield the records of a table, the places of whose blocks are at ``index``."""
        per_block = _METADATA // record.size
        for first in range(0, count, per_block):
            (place,) = self.unpack(_POINTER, index + first // per_block * _POINTER.size)
            size = min(per_block, count - first) * record.size
            yield from record.iter_unpack(self.metadata(place, 0, size))

    def unpack(self, record: struct.Struct, place: int) -> tuple[int, ...]:
        """Return a record that is not compressed."""
        return record.unpack_from(self._data, place)

    def _fragments(self, count: int, index: int) -> Iterator[Block]:
        for start, size in self.lookup(index, count, _FRAGMENT):
            yield self._place(start, size)

    def _place(self, start: int, size: int) -> Block:
        block = Block(start, size & ~_PLAIN_BLOCK, not size & _PLAIN_BLOCK)
        if not self.start <= start <= start + block.size <= self.tables:
            raise ValueError(f"a block at {start} is outside of the data")
        return block

    def inode(self, reference: int) -> tuple[int, int, int]:
        """Return the type of an inode, and the place of what follows its header."""
        place, offset = self.tables + (reference >> 16), reference & 0xFFFF
        kind, _ = _HEADER.unpack(self.metadata(place, offset, _HEADER.size))
        return kind, place, offset + _HEADER.size

    def listing(self, reference: int) -> Iterator[tuple[bytes, int, int, int]]:
        """Yield (name, inode reference, type, inode number) of a directory's entries."""
        kind, place, offset = self.inode(reference)
        if kind == 1:
            raw = self.metadata(place, offset, _DIRECTORY.size)
            block, _, size, start, _ = _DIRECTORY.unpack(raw)
        elif kind == 8:
            raw = self.metadata(place, offset, _EXTENDED_DIRECTORY.size)
            _, size, block, _, _, start, _ = _EXTENDED_DIRECTORY.unpack(raw)
        else:
            raise ValueError(f"an inode of type {kind} is no directory")
        # The size counts "." and "..", which are not there.
        listing = self.metadata(self._names + block, start, size - 3) if size > 3 else b""
        at = 0
        while at < len(listing):
            count, inodes, base = _LISTING.unpack_from(listing, at)
            at += _LISTING.size
            for _ in range(count + 1):
                inode, number, kind, length = _ENTRY.unpack_from(listing, at)
                at += _ENTRY.size
                name = listing[at : at + length + 1]
                yield name, inodes << 16 | inode, kind, base + number
                at += length + 1

    def file(self, path: bytes, reference: int) -> File:
        """Return where the file of an inode is; ``path`` is its name in messages."""
        kind, place, offset = self.inode(reference)
        form = {2: _FILE, 9: _EXTENDED_FILE}.get(kind)
        if form is None:
            raise ValueError(f"{path!r}: an inode of type {kind} is no file")
        fields = form.unpack(self.metadata(place, offset, form.size))
        if kind == 2:
            start, fragment, within, size = fields
        else:
            start, size, _, _, fragment, within, _ = fields
        if size > _FILE_LIMIT:
            raise ValueError(f"{path!r} has {size} bytes")
        whole, tail = divmod(size, self.block_size)
        if fragment == _NO_FRAGMENT:
            whole, tail = whole + (tail > 0), 0
        elif fragment >= len(self.fragments) or within + tail > self.block_size:
            raise ValueError(f"{path!r}: there is no such fragment")
        sizes = self.metadata(place, offset + form.size, whole * 4)
        blocks: list[Block | None] = []
        for (word,) in struct.iter_unpack("<I", sizes):
            block = self._place(start, word) if word else None
            blocks.append(block)
            start += block.size if block else 0
        found = None if fragment == _NO_FRAGMENT else fragment
        return File(path, reference, size, tuple(blocks), found, within, tail)

    def metadata(self, place: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes of a table, from ``offset`` in the block at ``place``."""
        found = bytearray()
        while len(found) < length:
            content, place_after = self._block(place)
            if offset < len(content):
                found += content[offset : offset + length - len(found)]
                offset = 0
            elif len(content) < _METADATA:
                raise ValueError("a table is cut off")
            else:
                offset -= len(content)
            place = place_after
        return bytes(found)

    def _block(self, place: int) -> tuple[bytes, int]:
        """Return a metadata block and the place of the next."""
        if place not in self._blocks:
            (head,) = struct.unpack_from("<H", self._data, place)
            size = head & ~_PLAIN_METADATA
            raw = self._data[place + 2 : place + 2 + size]
            if not size or len(raw) != size:
                raise ValueError("a table is cut off")
            content = raw if head & _PLAIN_METADATA else self._unpack(raw, _METADATA)
            self._blocks[place] = content, place + 2 + size
        return self._blocks[place]
