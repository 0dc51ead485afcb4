"""Reading squashfs images as tar2sqfs makes them for stores: version 4.0, zstd.

After the on-disk format of Linux (fs/squashfs/squashfs_fs.h). Programs at hand give what is in
the files; none tells where on the disk they are, which a report needs.
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
_METADATA, _PLAIN_METADATA = 8192, 1 << 15
_PLAIN_BLOCK, _NO_FRAGMENT = 1 << 24, 0xFFFFFFFF
_IS_DIRECTORY, _IS_FILE = 1, 2
_FILE_LIMIT = 1 << 36  # bytes: a size costs nothing to declare
_ENTRY_LIMIT = 20_000_000


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
        magic, _, _, self.block_size, fragments, compressor, _, flags, _, *version = fields[:11]
        self._root, self.used, _, _, self.tables, self._names, places, _ = fields[11:]
        if magic != _MAGIC or tuple(version) != _VERSION:
            raise ValueError("no squashfs 4.0")
        if compressor != _ZSTD:
            raise ValueError(f"squashfs compressor {compressor} is not known")
        if not 4096 <= self.block_size <= 1 << 20:
            raise ValueError(f"block size {self.block_size}")
        if not _SUPERBLOCK.size <= self.tables <= self._names <= self.used <= len(data):
            raise ValueError("the squashfs is cut off")
        self._zstd = zstandard.ZstdDecompressor()
        self._blocks: dict[int, tuple[bytes, int]] = {}
        # The options of the compressor are a metadata block of their own.
        self.start = self._block(_SUPERBLOCK.size)[1] if flags & 0x400 else _SUPERBLOCK.size
        self.fragments = tuple(self._fragments(fragments, places))

    def files(self) -> Iterator[File]:
        """Yield every regular file below the root, by each of its names."""
        waiting, seen, entries = [(b"", self._root)], set(), 0
        while waiting:
            path, reference = waiting.pop()
            if reference in seen:
                raise ValueError(f"the directory {path!r} has two names")
            seen.add(reference)
            for name, child, kind in self._listing(reference):
                entries += 1
                if entries > _ENTRY_LIMIT:
                    raise ValueError(f"more than {_ENTRY_LIMIT} files")
                full = path + b"/" + name if path else name
                if kind == _IS_DIRECTORY:
                    waiting.append((full, child))
                elif kind == _IS_FILE:
                    yield self._file(full, child)

    def content(self, file: File) -> bytes:
        """Return the bytes of a file, which should be small."""
        parts = []
        left = file.size - file.tail
        for block in file.blocks:
            size = min(self.block_size, left)
            parts.append(self._content(block, size) if block else bytes(size))
            left -= size
        if file.fragment is not None:
            content = self._content(self.fragments[file.fragment], self.block_size)
            parts.append(content[file.offset : file.offset + file.tail])
        return b"".join(parts)

    def _content(self, block: Block, limit: int) -> bytes:
        raw = self._data[block.start : block.start + block.size]
        return self._unpack(raw, limit) if block.compressed else raw

    def _unpack(self, raw: bytes, limit: int) -> bytes:
        declared = zstandard.get_frame_parameters(raw).content_size
        if declared > limit and declared != zstandard.CONTENTSIZE_UNKNOWN:
            raise ValueError(f"a block of {declared} bytes")
        return self._zstd.decompress(raw, max_output_size=limit)

    def _fragments(self, count: int, index: int) -> Iterator[Block]:
        per_block = _METADATA // _FRAGMENT.size
        for first in range(0, count, per_block):
            (place,) = struct.unpack_from("<Q", self._data, index + first // per_block * 8)
            wanted = min(per_block, count - first) * _FRAGMENT.size
            for start, size in _FRAGMENT.iter_unpack(self._metadata(place, 0, wanted)):
                yield self._place(start, size)

    def _place(self, start: int, size: int) -> Block:
        block = Block(start, size & ~_PLAIN_BLOCK, not size & _PLAIN_BLOCK)
        if not self.start <= start <= start + block.size <= self.tables:
            raise ValueError(f"a block at {start} is outside of the data")
        return block

    def _inode(self, reference: int) -> tuple[int, int, int]:
        """Return the type of an inode, and the place of what follows its header."""
        place, offset = self.tables + (reference >> 16), reference & 0xFFFF
        kind, _ = _HEADER.unpack(self._metadata(place, offset, _HEADER.size))
        return kind, place, offset + _HEADER.size

    def _listing(self, reference: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield (name, inode reference, type) of a directory's entries."""
        kind, place, offset = self._inode(reference)
        if kind == 1:
            raw = self._metadata(place, offset, _DIRECTORY.size)
            block, _, size, start, _ = _DIRECTORY.unpack(raw)
        elif kind == 8:
            raw = self._metadata(place, offset, _EXTENDED_DIRECTORY.size)
            _, size, block, _, _, start, _ = _EXTENDED_DIRECTORY.unpack(raw)
        else:
            raise ValueError(f"an inode of type {kind} is no directory")
        # The size counts "." and "..", which are not there.
        listing = self._metadata(self._names + block, start, size - 3) if size > 3 else b""
        at = 0
        while at < len(listing):
            count, inodes, _ = _LISTING.unpack_from(listing, at)
            at += _LISTING.size
            for _ in range(count + 1):
                inode, _, entry, length = _ENTRY.unpack_from(listing, at)
                at += _ENTRY.size
                yield listing[at : at + length + 1], inodes << 16 | inode, entry
                at += length + 1

    def _file(self, path: bytes, reference: int) -> File:
        kind, place, offset = self._inode(reference)
        form = {2: _FILE, 9: _EXTENDED_FILE}.get(kind)
        if form is None:
            raise ValueError(f"{path!r}: an inode of type {kind} is no file")
        fields = form.unpack(self._metadata(place, offset, form.size))
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
        sizes = self._metadata(place, offset + form.size, whole * 4)
        blocks: list[Block | None] = []
        for (word,) in struct.iter_unpack("<I", sizes):
            block = self._place(start, word) if word else None
            blocks.append(block)
            start += block.size if block else 0
        found = None if fragment == _NO_FRAGMENT else fragment
        return File(path, reference, size, tuple(blocks), found, within, tail)

    def _metadata(self, place: int, offset: int, length: int) -> bytes:
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
