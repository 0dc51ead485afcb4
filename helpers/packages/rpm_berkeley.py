"""rpm's database of old: a hash of Berkeley DB (its dbinc/db_page.h), ``Packages``."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

from paack.helpers.packages.package import Unreadable

_MAGIC = 0x061561
_META, _HASH_UNSORTED, _OVERFLOW, _HASH = 8, 2, 7, 13  # types of pages
_KEY_DATA, _OFF_PAGE = 1, 3  # types of items
_HEAD = 26  # bytes of a page before its items
_BLOB_LIMIT = 1 << 26
_NUMBER = 4  # bytes of a key, and of the value beside the first one


def headers(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the headers in the database."""
    meta = file.read(72)
    order = next((each for each in "<>" if _word(each, meta, 12) == _MAGIC), None)
    if order is None or meta[25] != _META:
        raise Unreadable("no hash of Berkeley DB")
    if meta[24]:
        raise Unreadable("an encrypted database")
    size, last = _word(order, meta, 20), _word(order, meta, 32)
    if size not in (512 << shift for shift in range(8)):
        raise Unreadable(f"pages of {size} bytes")
    file.seek(0, 2)
    if last >= file.tell() // size:
        raise Unreadable("the database is cut off")
    for number in range(1, last + 1):
        page = _page(file, number, size)
        if page[25] in (_HASH, _HASH_UNSORTED):
            yield from _values(file, order, page, size)


def _values(file: IO[bytes], order: str, page: bytes, size: int) -> Iterator[bytes]:
    """Yield the values of a page: items come as key, value, key, value."""
    (count,) = struct.unpack_from(f"{order}H", page, 20)
    places = struct.unpack_from(f"{order}{count}H", page, _HEAD)
    for number in range(1, count, 2):
        at = places[number]
        if page[at] == _OFF_PAGE:
            _, start, length = struct.unpack_from(f"{order}B3x2I", page, at)
            yield _chain(file, order, start, length, size)
        elif page[at] == _KEY_DATA:
            # An item ends where the one before it starts.
            value = page[at + 1 : places[number - 1]]
            if len(value) > _NUMBER:
                yield value


def _chain(file: IO[bytes], order: str, number: int, length: int, size: int) -> bytes:
    """Return a value that stands on pages of its own."""
    if length > _BLOB_LIMIT:
        raise Unreadable(f"a header of {length} bytes")
    parts, left = [], length
    while left > 0:
        page = _page(file, number, size)
        used = struct.unpack_from(f"{order}H", page, 22)[0]
        part = page[_HEAD : _HEAD + min(used, left)]
        if page[25] != _OVERFLOW or not part:
            raise Unreadable("a header whose pages are not there")
        parts.append(part)
        left -= len(part)
        number = _word(order, page, 16)
    return b"".join(parts)


def _page(file: IO[bytes], number: int, size: int) -> bytes:
    file.seek(number * size)
    page = file.read(size)
    if len(page) < size:
        raise Unreadable("the database is cut off")
    return page


def _word(order: str, data: bytes, at: int) -> int:
    return int(struct.unpack_from(f"{order}I", data, at)[0])
