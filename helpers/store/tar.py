"""Reading tar archives as Go's archive/tar does, and so as podman and CRI-O see a layer.

Formats: POSIX.1-1988 (ustar), POSIX.1-2001 (pax) and GNU, with long names and sparse files
(GNU tar manual, "Tar Internals"). Offsets are kept, since tar-split needs every raw byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from paack.helpers.crc import crc64_iso
from paack.helpers.store.tarheader import (
    BLOCK,
    BLOCK_DEVICE,
    CHAR,
    DIRECTORY,
    FIFO,
    GNU_LINK,
    GNU_NAME,
    GNU_SPARSE,
    LINK,
    META_LIMIT,
    NO_XATTRS,
    PAX,
    PAX_GLOBAL,
    REGULAR,
    SPARSE_1_0,
    SYMLINK,
    UNTYPED,
    WITHOUT_DATA,
    Entry,
    TarError,
    check_extents,
    integer,
    is_gnu,
    merge_pax,
    number,
    old_extents,
    parse_header,
    pax_records,
    sparse_format,
    sparse_map_0,
)

__all__ = [
    "BLOCK",
    "BLOCK_DEVICE",
    "CHAR",
    "DIRECTORY",
    "FIFO",
    "LINK",
    "NO_XATTRS",
    "REGULAR",
    "SYMLINK",
    "Entry",
    "Reader",
    "TarError",
]

_ZERO_BLOCK = bytes(BLOCK)
_SMALL = 1 << 14  # bytes: a copy is cheaper than a view


class Reader:
    """Reads the entries of an archive that arrives in chunks of any size.

    >>> for entry in Reader(chunks): ...

    Raises TarError for what Go's reader refuses.
    """

    def __init__(self, chunks: Iterable[bytes]):
        self._chunks = iter(chunks)
        self._window = b""
        self._position = 0
        self.offset = 0

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            yield entry
        self._drain()

    def _next(self) -> Entry | None:
        pax: dict[bytes, bytes] = {}
        long_name = long_link = None
        while (block := self._header_block()) is not None:
            entry = parse_header(block)
            if entry.kind == PAX:
                pax = pax_records(self._meta(entry.size))
            elif entry.kind == PAX_GLOBAL:
                # For Go this is a member; what came before it was for it alone.
                pax_records(self._meta(entry.size))
                pax, long_name, long_link = {}, None, None
            elif entry.kind == GNU_NAME:
                long_name = self._meta(entry.size).split(b"\0", 1)[0]
            elif entry.kind == GNU_LINK:
                long_link = self._meta(entry.size).split(b"\0", 1)[0]
            else:
                if pax:
                    merge_pax(entry, pax)
                entry.name = long_name or entry.name
                entry.link = long_link or entry.link
                if entry.kind == UNTYPED:
                    entry.kind = DIRECTORY if entry.name.endswith(b"/") else REGULAR
                self._data(entry, block, pax)
                return entry
        return None

    def _data(self, entry: Entry, block: bytes, pax: dict[bytes, bytes]) -> None:
        """Read (and checksum) the data of ``entry``, and its sparse map if it has one."""
        if entry.kind in WITHOUT_DATA:
            if pax and sparse_format(pax):
                raise TarError(f"{entry.name!r}: only a regular file can be sparse")
            entry.size = 0
            entry.offset = self.offset
            return
        end = self.offset + entry.size
        stored = entry.size
        if entry.kind == GNU_SPARSE:
            entry.kind = REGULAR
            end = self._old_gnu_sparse(entry, block) + stored
        elif pax:
            self._pax_sparse(entry, pax)
        entry.offset = self.offset
        entry.stored = end - self.offset
        if entry.stored < 0:
            raise TarError(f"{entry.name!r}: the sparse map is larger than the data")
        if entry.extents is not None:
            check_extents(entry)
        entry.crc = self._checksum(entry.stored)
        self._skip_padding(stored)

    def _old_gnu_sparse(self, entry: Entry, block: bytes) -> int:
        """Read the map in the header and the extension blocks; return the offset of the data."""
        if not is_gnu(block):
            raise TarError(f"{entry.name!r}: a sparse map that is not GNU tar's")
        extents = old_extents(block[386:482])
        entry.size = number(block[483:495])
        more = block[482]
        while more:
            extension = self._read(BLOCK)
            if len(extension) < BLOCK:
                raise TarError("truncated sparse map")
            extents += old_extents(extension[:504])
            more = extension[504]
        entry.extents = tuple(extents)
        return self.offset

    def _pax_sparse(self, entry: Entry, pax: dict[bytes, bytes]) -> None:
        """Formats 0.0 and 0.1 keep the map in pax records, 1.0 in front of the data."""
        form = sparse_format(pax)
        if form is None:
            return
        entry.name = pax.get(b"GNU.sparse.name") or entry.name
        size = pax.get(b"GNU.sparse.size") or pax.get(b"GNU.sparse.realsize")
        if size:
            entry.size = integer(size)
        numbers = self._sparse_map_1_0() if form == SPARSE_1_0 else sparse_map_0(pax)
        entry.extents = tuple(zip(numbers[::2], numbers[1::2], strict=True))

    def _sparse_map_1_0(self) -> list[int]:
        start, text = self.offset, b""

        def line() -> int:
            nonlocal text
            while b"\n" not in text:
                block = self._read(BLOCK)
                if len(block) < BLOCK or self.offset - start > META_LIMIT:
                    raise TarError("truncated sparse map")
                text += block
            number, _, text = text.partition(b"\n")
            return integer(number)

        count = line()
        if not 0 <= count <= META_LIMIT:
            raise TarError("bad sparse map")
        return [line() for _ in range(2 * count)]

    def _header_block(self) -> bytes | None:
        block = self._read(BLOCK)
        if not block:
            return None
        if len(block) < BLOCK:
            raise TarError("truncated header")
        if block != _ZERO_BLOCK:
            return block
        second = self._read(BLOCK)
        if second and second != _ZERO_BLOCK:
            raise TarError("one zero block in the middle of the archive")
        return None

    def _meta(self, size: int) -> bytes:
        if size > META_LIMIT:
            raise TarError(f"header of {size} bytes")
        data = self._read(size)
        if len(data) < size:
            raise TarError("truncated header")
        self._skip_padding(size)
        return data

    def _read(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer at the end of the archive."""
        while len(self._window) - self._position < size and self._fill():
            pass
        data = self._window[self._position : self._position + size]
        self._position += len(data)
        self.offset += len(data)
        return data

    def _checksum(self, size: int) -> int:
        """Pass over ``size`` bytes and return their CRC-64/ISO."""
        data = self._window[self._position : self._position + size] if size < _SMALL else b""
        if len(data) == size:
            self._position += size
            self.offset += size
            return crc64_iso(data)
        crc = 0
        while size:
            available = len(self._window) - self._position
            if not available:
                if not self._fill():
                    raise TarError("truncated data")
                continue
            take = min(size, available)
            view = memoryview(self._window)[self._position : self._position + take]
            crc = crc64_iso(view, crc)
            self._position += take
            self.offset += take
            size -= take
        return crc

    def _skip_padding(self, size: int) -> None:
        self._read(-size % BLOCK)

    def _fill(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        rest = self._window[self._position :]
        self._window = rest + chunk if rest else chunk
        self._position = 0
        return True

    def _drain(self) -> None:
        """Pass over what follows the end mark: whoever feeds us digests every byte."""
        self.offset += len(self._window) - self._position
        for chunk in self._chunks:
            self.offset += len(chunk)
        self._window, self._position = b"", 0
