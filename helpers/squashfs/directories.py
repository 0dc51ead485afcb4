"""The directory table: listings of names, sorted, in runs of entries with a common header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from paack.helpers.squashfs.compression import Compressor
from paack.helpers.squashfs.layout import (
    INDEX_COUNT,
    INDEX_ENTRY,
    LISTING,
    LISTING_COUNT,
    LISTING_ENTRY,
    METADATA_SIZE,
)
from paack.helpers.squashfs.metadata import MetadataStream

_FURTHEST = (1 << 15) - 1


class Entry(NamedTuple):
    """A name in a directory: the reference to its inode, the inode's number and (basic) type."""

    name: bytes
    reference: int
    number: int
    kind: int


class Listing(NamedTuple):
    """Where a listing is: its reference in the directory table, its size in bytes.

    ``lookup`` helps to find a name in a listing of several metadata blocks: ``lookups`` entries.
    """

    reference: int
    size: int
    lookup: bytes
    lookups: int


class DirectoryTable:
    """The listings of all directories."""

    def __init__(self, compressor: Compressor) -> None:
        self._stream = MetadataStream(compressor)

    def add(self, entries: Sequence[Entry]) -> Listing:
        """Add the listing of a directory, whose ``entries`` are sorted by name."""
        stream = self._stream
        reference = stream.block << 16 | stream.offset
        size, index, count, block = 0, bytearray(), 0, stream.block
        start = 0
        while start < len(entries):
            end, run = _run(entries, start, METADATA_SIZE - stream.offset)
            if stream.block != block and count < INDEX_COUNT:
                block = stream.block
                name = entries[start].name
                index += INDEX_ENTRY.pack(size, block, len(name) - 1) + name
                count += 1
            stream.append(run)
            size += len(run)
            start = end
        return Listing(reference, size, bytes(index), count)

    def close(self) -> bytes:
        """Return the table."""
        return self._stream.close()


def _run(entries: Sequence[Entry], start: int, room: int) -> tuple[int, bytes]:
    """Return the run that begins with entry ``start``, and the entry after it.

    A run ends where the metadata block does, of which ``room`` bytes are left.
    """
    _, reference, base, _ = entries[start]
    block = reference >> 16
    packed = bytearray(LISTING.size)
    pack = LISTING_ENTRY.pack
    end = start
    for name, reference, number, kind in entries[start : start + LISTING_COUNT]:
        if reference >> 16 != block or not -_FURTHEST <= number - base <= _FURTHEST:
            break
        if end > start and len(packed) + LISTING_ENTRY.size + len(name) > room:
            break
        packed += pack(reference & 0xFFFF, number - base, kind, len(name) - 1)
        packed += name
        end += 1
    LISTING.pack_into(packed, 0, end - start - 1, block, base)
    return end, bytes(packed)
