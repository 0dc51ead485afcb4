"""Reading files of a layer off its spool: whole, from an offset, sparse or not."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import IO, Any, cast

from paack.helpers.store import tar

#: Returns bytes of a file by offset and size; None: they are all zeros.
Read = Callable[[int, int], bytes | None]


def reader(archive: int, entry: tar.Entry) -> Read:
    """Return the way to the bytes of a regular file; ``archive`` is the spool's descriptor."""
    if entry.extents is None:
        return plain(archive, entry.offset)
    return _sparse(archive, entry.offset, entry.extents)


def plain(descriptor: int, start: int) -> Read:
    """Return the way to the bytes from ``start`` on."""
    return lambda offset, size: _pread(descriptor, size, start + offset)


def _pread(descriptor: int, size: int, offset: int) -> bytes:
    data = os.pread(descriptor, size, offset)
    if len(data) != size:
        raise OSError("the spool ended early")
    return data


def _sparse(archive: int, start: int, extents: Sequence[tuple[int, int]]) -> Read:
    stored = [extent for extent in extents if extent[1]]
    places = []
    for _, length in stored:
        places.append(start)
        start += length
    offsets = [offset for offset, _ in stored]

    def read(offset: int, size: int) -> bytes | None:
        end = offset + size
        number = max(bisect_right(offsets, offset) - 1, 0)
        data: bytearray | None = None
        while number < len(stored) and offsets[number] < end:
            begin, length = stored[number]
            low, high = max(begin, offset), min(begin + length, end)
            if low < high:
                data = data or bytearray(size)
                stored_data = _pread(archive, high - low, places[number] + low - begin)
                data[low - offset : high - offset] = stored_data
            number += 1
        return None if data is None else bytes(data)

    return read


def open_file(archive: int, entry: tar.Entry) -> IO[bytes]:
    """Return a regular file of a layer, open for reading."""
    return cast("IO[bytes]", io.BufferedReader(_File(reader(archive, entry), entry.size)))


class _File(io.RawIOBase):
    def __init__(self, read: Read, size: int) -> None:
        super().__init__()
        self._read = read
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        size = max(min(len(view), self._size - self._position), 0)
        if size:
            data = self._read(self._position, size)
            view[:size] = bytes(size) if data is None else data
            self._position += size
        return size
