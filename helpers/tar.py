"""Reading tar archives as Go's archive/tar does, and so as podman and CRI-O see a layer.

Formats: POSIX.1-1988 (ustar), POSIX.1-2001 (pax) and GNU, with long names and sparse files
(GNU tar manual, "Tar Internals"). Offsets are kept, since tar-split needs every raw byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct

from fastcrc.crc64 import go_iso

BLOCK = 512
REGULAR, LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO = (
    b"0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
)

_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK, _GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"
_HEADER = Struct("100s 8s 8s 8s 12s 12s 8s c 100s 8s 32s 32s 8s 8s 155s 12x")
_ZERO_BLOCK = bytes(BLOCK)
_XATTR = b"SCHILY.xattr."
_SPARSE_KEYS = b"GNU.sparse."
_META_LIMIT = 1 << 20  # Go's limit for a pax header or a long name, in bytes


class TarError(ValueError):
    """The archive is not a tar archive that Go's reader would accept."""


@dataclass(slots=True)
class Entry:
    """One member of an archive.

    Offsets and sizes are bytes in the uncompressed archive. ``size`` is the size of the file,
    ``stored`` of its data in the archive: they differ for sparse files, whose ``extents`` are
    (offset in the file, length) pairs. ``crc`` is CRC-64/ISO of the stored data.
    """

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    link: bytes
    major: int
    minor: int
    xattrs: dict[bytes, bytes]
    offset: int = 0
    stored: int = 0
    crc: int = 0
    extents: tuple[tuple[int, int], ...] | None = None


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
            entry = _parse(block)
            if entry.kind == _PAX:
                pax = _pax_records(self._meta(entry.size))
            elif entry.kind == _PAX_GLOBAL:
                self._meta(entry.size)  # Go hands these over and applies nothing
            elif entry.kind == _GNU_NAME:
                long_name = self._meta(entry.size).split(b"\0", 1)[0]
            elif entry.kind == _GNU_LINK:
                long_link = self._meta(entry.size).split(b"\0", 1)[0]
            else:
                if pax:
                    _merge_pax(entry, pax)
                entry.name = long_name or entry.name
                entry.link = long_link or entry.link
                self._data(entry, block, pax)
                return entry
        return None

    def _data(self, entry: Entry, block: bytes, pax: dict[bytes, bytes]) -> None:
        """Read (and checksum) the data of ``entry``, and its sparse map if it has one."""
        if entry.kind not in (REGULAR, _GNU_SPARSE):
            entry.size = 0
            entry.offset = self.offset
            return
        end = self.offset + entry.size
        stored = entry.size
        if entry.kind == _GNU_SPARSE:
            entry.kind = REGULAR
            end = self._old_gnu_sparse(entry, block) + stored
        elif pax and any(key.startswith(_SPARSE_KEYS) for key in pax):
            self._pax_sparse(entry, pax)
        entry.offset = self.offset
        entry.stored = end - self.offset
        if entry.stored < 0:
            raise TarError(f"{entry.name!r}: the sparse map is larger than the data")
        if entry.extents is not None:
            _check_extents(entry)
        entry.crc = self._checksum(entry.stored)
        self._skip_padding(stored)

    def _old_gnu_sparse(self, entry: Entry, block: bytes) -> int:
        """Read the map in the header and the extension blocks; return the offset of the data."""
        extents = _old_extents(block[386:482])
        entry.size = _number(block[483:495])
        more = block[482]
        while more:
            extension = self._read(BLOCK)
            if len(extension) < BLOCK:
                raise TarError("truncated sparse map")
            extents += _old_extents(extension[:504])
            more = extension[504]
        entry.extents = tuple(extents)
        return self.offset

    def _pax_sparse(self, entry: Entry, pax: dict[bytes, bytes]) -> None:
        """Formats 0.0 and 0.1 keep the map in pax records, 1.0 in front of the data."""
        entry.name = pax.get(b"GNU.sparse.name", entry.name)
        size = pax.get(b"GNU.sparse.realsize", pax.get(b"GNU.sparse.size"))
        if size is None:
            return
        entry.size = _decimal(size)
        if pax.get(b"GNU.sparse.major") == b"1":
            numbers = self._sparse_map_1_0()
        else:
            numbers = [_decimal(n) for n in pax.get(b"GNU.sparse.map", b"").split(b",") if n]
        if len(numbers) % 2:
            raise TarError(f"{entry.name!r}: odd sparse map")
        entry.extents = tuple(zip(numbers[::2], numbers[1::2], strict=True))

    def _sparse_map_1_0(self) -> list[int]:
        text = b""

        def line() -> int:
            nonlocal text
            while b"\n" not in text:
                if len(text) > _META_LIMIT or not (block := self._read(BLOCK)):
                    raise TarError("truncated sparse map")
                text += block
            number, _, text = text.partition(b"\n")
            return _decimal(number)

        count = line()
        if count > _META_LIMIT:
            raise TarError("sparse map too large")
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
        if size > _META_LIMIT:
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
        crc = 0
        while size:
            available = len(self._window) - self._position
            if not available:
                if not self._fill():
                    raise TarError("truncated data")
                continue
            take = min(size, available)
            view = memoryview(self._window)[self._position : self._position + take]
            crc = go_iso(view, crc)
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


def _parse(block: bytes) -> Entry:
    (name, mode, uid, gid, size, mtime, checksum, kind, link, magic, _, _, major, minor, prefix) = (
        _HEADER.unpack(block)
    )
    if _number(checksum) != sum(block) - sum(checksum) + 8 * 0x20:
        raise TarError("bad header checksum")
    name = name.split(b"\0", 1)[0]
    if magic == b"ustar\x0000" and prefix[0]:
        name = prefix.split(b"\0", 1)[0] + b"/" + name
    if kind == b"\0":
        kind = DIRECTORY if name.endswith(b"/") else REGULAR
    is_device = kind in (CHAR, BLOCK_DEVICE)
    entry = Entry(
        name=name,
        kind=kind,
        mode=_number(mode) & 0o7777,
        uid=_number(uid),
        gid=_number(gid),
        size=_number(size),
        mtime=_number(mtime),
        link=link.split(b"\0", 1)[0],
        major=_number(major) if is_device else 0,
        minor=_number(minor) if is_device else 0,
        xattrs={},
    )
    if entry.size < 0:
        raise TarError(f"{name!r}: negative size")
    return entry


def _number(field: bytes) -> int:
    """Parse an octal or (GNU) base-256 number."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        negative = bool(field[0] & 0x40)
        return value - (1 << (8 * len(field) - 1)) if negative else value
    digits = field.strip(b" \0").split(b"\0", 1)[0]
    if not digits:
        return 0
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise TarError(f"not an octal number: {field!r}")
    return int(digits, 8)


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise TarError(f"not a decimal number: {text!r}")
    return int(text)


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """Parse ``LENGTH KEY=VALUE\\n`` records; the sparse map of format 0.0 is joined to 0.1's."""
    records: dict[bytes, bytes] = {}
    sparse: list[bytes] = []
    while data:
        length, _, _ = data.partition(b" ")
        size = _decimal(length)
        record = data[len(length) + 1 : size]
        if size > len(data) or not record.endswith(b"\n"):
            raise TarError("bad pax record")
        key, equals, value = record[:-1].partition(b"=")
        if not equals or not key or b"\0" in key:
            raise TarError("bad pax record")
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            sparse.append(value)
        else:
            records[key] = value
        data = data[size:]
    if sparse:
        records[b"GNU.sparse.map"] = b",".join(sparse)
    return records


def _merge_pax(entry: Entry, pax: dict[bytes, bytes]) -> None:
    for key, value in pax.items():
        if key.startswith(_XATTR):
            entry.xattrs[key[len(_XATTR) :]] = value
        elif not value:
            continue
        elif key in (b"path", b"linkpath"):
            if b"\0" in value:
                raise TarError(f"NUL in {key!r}")
            setattr(entry, "name" if key == b"path" else "link", value)
        elif key in (b"uid", b"gid", b"size"):
            setattr(entry, key.decode(), _decimal(value))
        elif key == b"mtime":
            entry.mtime = _seconds(value)


def _seconds(value: bytes) -> int:
    """Return the whole seconds of a pax time, rounded down as stat(2) shows them."""
    whole, _, fraction = value.partition(b".")
    digits = whole.removeprefix(b"-")
    if not digits.isdigit() or (fraction and not fraction.isdigit()) or len(digits) > 18:
        raise TarError(f"bad time {value!r}")
    seconds = int(whole)
    return seconds - 1 if whole.startswith(b"-") and fraction.strip(b"0") else seconds


def _old_extents(numbers: bytes) -> list[tuple[int, int]]:
    pairs = (numbers[i : i + 24] for i in range(0, len(numbers), 24))
    return [(_number(pair[:12]), _number(pair[12:])) for pair in pairs if pair[0]]


def _check_extents(entry: Entry) -> None:
    """Refuse maps that overlap, go backwards, leave the file or do not fit the stored data."""
    end = 0
    for offset, length in entry.extents or ():
        if offset < end or length < 0:
            raise TarError(f"{entry.name!r}: bad sparse map")
        end = offset + length
    if end > entry.size or sum(length for _, length in entry.extents or ()) != entry.stored:
        raise TarError(f"{entry.name!r}: bad sparse map")
