"""A jar with the list of only those files that are read (APPNOTE.TXT 4.3.12, 4.3.16).

zipfile makes an object of each of the classes, which took most of the time of reading a jar.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from struct import Struct, error
from typing import IO

_END = Struct("<4s4H2IH")  # signature, disks, entries of this disk and of all, size, offset
_END_SIGNATURE, _ENTRY_SIGNATURE, _LOCATOR = b"PK\5\6", b"PK\1\2", b"PK\6\7"
_LENGTHS = Struct("<3H")  # of name, extra field and comment of an entry
_LENGTHS_AT, _NAME_AT = 28, 46
_LOCATOR_SIZE = 20


class _Joined(io.RawIOBase):
    """The start of a file, and ``tail`` behind it."""

    def __init__(self, file: IO[bytes], size: int, tail: bytes) -> None:
        self._file, self._size, self._tail, self._at = file, size, tail, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}
        start = starts.get(whence, self._size + len(self._tail))
        if start + offset < 0:
            raise OSError("before the start of the file")
        self._at = start + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size + len(self._tail)
        end = end if size < 0 else min(end, self._at + size)
        parts = []
        if self._at < self._size:
            self._file.seek(self._at)
            parts.append(self._file.read(min(end, self._size) - self._at))
        parts.append(self._tail[max(0, self._at - self._size) : max(0, end - self._size)])
        found = b"".join(parts)
        self._at += len(found)
        return found


def shortened(file: IO[bytes], is_wanted: Callable[[bytes], bool]) -> IO[bytes]:
    """Return a view of a zip archive that lists only wanted names; ``file`` when it is unusual.

    Unusual are archives with a comment, of the 64 bit form, and damaged ones: zipfile reads them.
    """
    size = file.seek(0, io.SEEK_END)
    start = size - _END.size
    file.seek(max(0, start - _LOCATOR_SIZE))
    tail = file.read(_LOCATOR_SIZE + _END.size)
    if start < 0 or _LOCATOR in tail[: -_END.size] or tail[-_END.size :][:4] != _END_SIGNATURE:
        return file
    *_, length, offset, comment = _END.unpack(tail[-_END.size :])
    if comment or length > start:
        return file
    file.seek(start - length)
    try:
        kept = list(_entries(file.read(length), is_wanted))
    except (error, ValueError):
        return file
    directory = b"".join(kept)
    count = min(len(kept), 0xFFFF)
    end = _END.pack(_END_SIGNATURE, 0, 0, count, count, len(directory), offset, 0)
    return _Joined(file, start - length, directory + end)  # type: ignore[return-value]


def _entries(directory: bytes, is_wanted: Callable[[bytes], bool]) -> Iterator[bytes]:
    at = 0
    while at < len(directory):
        name, extra, comment = _LENGTHS.unpack_from(directory, at + _LENGTHS_AT)
        first = at + _NAME_AT
        end = first + name + extra + comment
        if not directory.startswith(_ENTRY_SIGNATURE, at) or end > len(directory):
            raise ValueError("no entry")
        if is_wanted(directory[first : first + name]):
            yield directory[at:end]
        at = end
