"""The table of extended attributes: each different set of them is stored once."""

from __future__ import annotations

from collections.abc import Mapping

from paack.helpers.squashfs.compression import Compressor
from paack.helpers.squashfs.layout import (
    NOTHING_32,
    XATTR_KEY,
    XATTR_PREFIXES,
    XATTR_SET,
    XATTR_TABLE,
    XATTR_VALUE,
)
from paack.helpers.squashfs.metadata import MetadataStream, lookup_table


class XattrTable:
    """Sets of xattrs by number."""

    def __init__(self, compressor: Compressor) -> None:
        self._compressor = compressor
        self._stream = MetadataStream(compressor)
        self._numbers: dict[bytes, int] = {}
        self._sets = bytearray()

    def number(self, xattrs: Mapping[bytes, bytes]) -> int:
        """Return the number of a set (NOTHING_32 without xattrs).

        Raises ValueError for a key with another prefix than squashfs has.
        """
        if not xattrs:
            return NOTHING_32
        record = b"".join(_record(key, xattrs[key]) for key in sorted(xattrs))
        number = self._numbers.get(record)
        if number is None:
            number = self._numbers[record] = len(self._numbers)
            reference = self._stream.append(record)
            self._sets += XATTR_SET.pack(reference, len(xattrs), len(record))
        return number

    def close(self, start: int) -> tuple[bytes, int | None]:
        """Return the table, which will be at ``start``, and where its head is (None: nowhere)."""
        if not self._sets:
            return b"", None
        pairs = self._stream.close()
        blocks, places = lookup_table(self._compressor, bytes(self._sets), start + len(pairs))
        head = XATTR_TABLE.pack(start, len(self._numbers))
        return pairs + blocks + head + places, start + len(pairs) + len(blocks)


def _record(key: bytes, value: bytes) -> bytes:
    for number, prefix in enumerate(XATTR_PREFIXES):
        if key.startswith(prefix):
            rest = key[len(prefix) :]
            head = XATTR_KEY.pack(number, len(rest))
            return head + rest + XATTR_VALUE.pack(len(value)) + value
    raise ValueError(f"squashfs has no xattr {key!r}")
