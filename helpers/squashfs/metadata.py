"""Metadata: streams of records in compressed blocks of 8 KiB, and tables of them by number."""

from __future__ import annotations

from struct import Struct

from paack.helpers.squashfs.compression import Compressor
from paack.helpers.squashfs.layout import METADATA_SIZE, POINTER

_HEADER = Struct("<H")


class MetadataStream:
    """Records one after the other; a record may go on in the next block.

    ``blocks`` is what goes to the disk. A reference to a record is the offset of its block there,
    shifted left by 16 bits, and its offset in the uncompressed block.
    """

    def __init__(self, compressor: Compressor) -> None:
        self._compressor = compressor
        self._pending = bytearray()
        self.blocks = bytearray()

    @property
    def block(self) -> int:
        """The offset of the block that the next record starts in."""
        return len(self.blocks)

    @property
    def offset(self) -> int:
        """Where in its block the next record starts."""
        return len(self._pending)

    def append(self, record: bytes) -> int:
        """Append a record and return its reference."""
        pending = self._pending
        reference = len(self.blocks) << 16 | len(pending)
        pending += record
        while len(pending) >= METADATA_SIZE:
            self._flush(METADATA_SIZE)
        return reference

    def close(self) -> bytes:
        """Return all blocks; nothing can be appended then."""
        if self._pending:
            self._flush(len(self._pending))
        return bytes(self.blocks)

    def _flush(self, size: int) -> None:
        packed, header = self._compressor.metadata(bytes(self._pending[:size]))
        self.blocks += _HEADER.pack(header)
        self.blocks += packed
        del self._pending[:size]


def lookup_table(compressor: Compressor, records: bytes, start: int) -> tuple[bytes, bytes]:
    """Return the blocks of a table, which will be at ``start``, and the array of their places."""
    blocks, places = bytearray(), bytearray()
    for at in range(0, len(records), METADATA_SIZE):
        packed, header = compressor.metadata(records[at : at + METADATA_SIZE])
        places += POINTER.pack(start + len(blocks))
        blocks += _HEADER.pack(header)
        blocks += packed
    return bytes(blocks), bytes(places)
