"""rpm's own database, "ndb" (rpm's lib/backend/ndb/rpmpkg.c): ``Packages.db``."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from paack.helpers.packages.package import Unreadable

_HEAD, _SLOT, _BLOB = struct.Struct("<4s4I"), struct.Struct("<4s3I"), struct.Struct("<4s3I")
_PAGE, _BLOCK = 4096, 16
_FIRST = 32  # the head takes the place of two slots
_PAGES_LIMIT = 2048
_BLOB_LIMIT = 1 << 26


def headers(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the headers in the database."""
    magic, version, _, pages, _ = _HEAD.unpack(file.read(_HEAD.size))
    if magic != b"RpmP" or version != 0:
        raise Unreadable("no rpm database (ndb) of version 0")
    if not 0 < pages <= _PAGES_LIMIT:
        raise Unreadable(f"{pages} pages of slots")
    file.seek(0)
    slots = _whole(file, pages * _PAGE)
    for at in range(_FIRST, len(slots) - _SLOT.size + 1, _SLOT.size):
        magic, index, start, _ = _SLOT.unpack_from(slots, at)
        if magic != b"Slot":
            raise Unreadable("a slot that is none")
        if not index:
            continue
        file.seek(start * _BLOCK)
        magic, number, _, size = _BLOB.unpack(file.read(_BLOB.size))
        if magic != b"BlbS" or number != index or size > _BLOB_LIMIT:
            raise Unreadable("a header that is not where its slot says")
        yield _whole(file, size)


def _whole(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise Unreadable("the database is cut off")
    return data
