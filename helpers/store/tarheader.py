"""Headers of tar archives: ustar blocks, pax records, GNU tar's numbers and sparse maps.

As Go's archive/tar understands them, so that a layer is what podman and CRI-O see in it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from struct import Struct
from types import MappingProxyType

BLOCK = 512
META_LIMIT = 1 << 20  # Go's limit for a pax header or a long name, in bytes
SPARSE_1_0 = (b"1", b"0")

REGULAR, LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO = (
    b"0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
)
#: A regular file or, when its name ends with a slash, a directory: before POSIX.
UNTYPED = b"\0"
PAX, PAX_GLOBAL, GNU_NAME, GNU_LINK, GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"
#: Kinds that have no data, whatever their header says of a size.
WITHOUT_DATA = frozenset({LINK, SYMLINK, CHAR, BLOCK_DEVICE, DIRECTORY, FIFO})

#: Shared by all entries that have none: a layer may have hundreds of thousands.
NO_XATTRS: Mapping[bytes, bytes] = MappingProxyType({})

_HEADER = Struct("100s 8s 8s 8s 12s 12s 8s c 100s 6s 2s 64x 8s 8s 155s 8x 4s")
_USTAR, _GNU, _STAR_TRAILER = b"ustar\0", (b"ustar ", b" \0"), b"tar\0"
_XATTR = b"SCHILY.xattr."
_SPARSE_0 = ((b"0", b"0"), (b"0", b"1"))
_SPARSE_PAIR = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
_SHORTEST_RECORD = 5  # bytes: "5 a=\n"
_INTEGER = re.compile(rb"([+-]?)0*([0-9]{1,19})")
_INT64 = range(-(1 << 63), 1 << 63)
_NANOSECOND_DIGITS = 9
_NAMES = frozenset({b"path", b"linkpath", b"uname", b"gname"})


class TarError(ValueError):
    """The archive is not a tar archive that Go's reader would accept."""


@dataclass(slots=True)
class Entry:
    """One member of an archive.

    Offsets and sizes are bytes in the uncompressed archive. ``size`` is the size of the file,
    ``stored`` of its data in the archive: they differ for sparse files, whose ``extents`` are
    (offset in the file, length) pairs. ``crc`` is CRC-64/ISO of the stored data. ``kept`` says
    that a file of the layer's tree has these data, and ``name`` is then its path there.
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
    xattrs: Mapping[bytes, bytes]
    offset: int = 0
    stored: int = 0
    crc: int = 0
    extents: tuple[tuple[int, int], ...] | None = None
    kept: bool = False


def parse_header(block: bytes) -> Entry:
    """Parse one header block; raise TarError."""
    (name, mode, uid, gid, size, mtime, checksum, kind, link,
     magic, version, major, minor, prefix, trailer) = _HEADER.unpack(block)  # fmt: skip
    _check_sum(block, checksum)
    device = (0, 0)
    above = b""
    if magic == _USTAR or (magic, version) == _GNU:
        device = (number(major), number(minor))
        above = _prefix(prefix, gnu=magic != _USTAR, star=trailer == _STAR_TRAILER)
    if kind not in (CHAR, BLOCK_DEVICE):
        device = (0, 0)
    name = _text(name)
    entry = Entry(
        name=above + b"/" + name if above else name,
        kind=kind,
        mode=number(mode) & 0o7777,
        uid=number(uid),
        gid=number(gid),
        size=number(size),
        mtime=number(mtime),
        link=_text(link),
        major=device[0],
        minor=device[1],
        xattrs=NO_XATTRS,
    )
    _check_size(entry)
    return entry


def is_gnu(block: bytes) -> bool:
    """Tell whether a header is GNU tar's own format."""
    return (block[257:263], block[263:265]) == _GNU


def _check_size(entry: Entry) -> None:
    """Refuse data of negative size."""
    if entry.size < 0 and entry.kind not in WITHOUT_DATA:
        raise TarError(f"{entry.name!r}: negative size")


@lru_cache(maxsize=1 << 12)  # owners, modes and times come again and again
def number(field: bytes) -> int:
    """Parse an octal or (GNU) base-256 number."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        if value not in _INT64:
            raise TarError(f"too large a number: {field!r}")
        return value
    return _octal(field)


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0").split(b"\0", 1)[0]
    if not digits:
        return 0
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        raise TarError(f"not an octal number: {field!r}")
    return int(digits, 8)


def integer(text: bytes) -> int:
    """Parse a number of a pax record or a sparse map, as strconv.ParseInt does."""
    match = _INTEGER.fullmatch(text)
    value = int(match[1] + match[2]) if match else 0
    if match is None or value not in _INT64:
        raise TarError(f"not a decimal number: {text!r}")
    return value


def pax_records(data: bytes) -> dict[bytes, bytes]:
    """Parse ``LENGTH KEY=VALUE\\n`` records; the sparse map of format 0.0 is joined to 0.1's."""
    records: dict[bytes, bytes] = {}
    sparse: list[bytes] = []
    position = 0
    while position < len(data):
        blank = data.find(b" ", position)
        length = integer(data[position : max(blank, position)])
        end = position + length
        record = data[blank + 1 : end]
        if length < _SHORTEST_RECORD or end > len(data) or not record.endswith(b"\n"):
            raise TarError("bad pax record")
        key, equals, value = record[:-1].partition(b"=")
        if not equals or not key or b"\0" in (value if key in _NAMES else key):
            raise TarError("bad pax record")
        if key in _SPARSE_PAIR:
            if key != _SPARSE_PAIR[len(sparse) % 2] or b"," in value:
                raise TarError("bad sparse map")
            sparse.append(value)
        else:
            records[key] = value
        position = end
    if sparse:
        records[b"GNU.sparse.map"] = b",".join(sparse)
    return records


def merge_pax(entry: Entry, pax: dict[bytes, bytes]) -> None:
    """Let the records say what the header block had no room for."""
    xattrs: dict[bytes, bytes] = {}
    for key, value in pax.items():
        if key.startswith(_XATTR):
            xattrs[key[len(_XATTR) :]] = value
        elif not value:
            continue
        elif key in (b"path", b"linkpath"):
            setattr(entry, "name" if key == b"path" else "link", value)
        elif key in (b"uid", b"gid", b"size"):
            setattr(entry, key.decode(), integer(value))
        elif key in (b"mtime", b"atime", b"ctime"):
            seconds = _seconds(value)
            entry.mtime = seconds if key == b"mtime" else entry.mtime
    if xattrs:
        entry.xattrs = xattrs
    _check_size(entry)


def sparse_format(pax: dict[bytes, bytes]) -> tuple[bytes, bytes] | None:
    """Return the version of the records' sparse format; None: the file is not sparse."""
    version = (pax.get(b"GNU.sparse.major", b""), pax.get(b"GNU.sparse.minor", b""))
    if version == (b"", b"") and pax.get(b"GNU.sparse.map"):
        version = _SPARSE_0[0]  # before 1.0 there was no version
    return version if version == SPARSE_1_0 or version in _SPARSE_0 else None


def sparse_map_0(pax: dict[bytes, bytes]) -> list[int]:
    """Parse the map of formats 0.0 and 0.1: offset, length, offset, length..."""
    text = pax.get(b"GNU.sparse.map", b"")
    numbers = [integer(each) for each in text.split(b",")] if text else []
    if len(numbers) != 2 * integer(pax.get(b"GNU.sparse.numblocks", b"")):
        raise TarError("the sparse map has another length than it says")
    return numbers


def old_extents(numbers: bytes) -> list[tuple[int, int]]:
    """Parse the sparse map of a type S header, or of a block that continues it."""
    pairs = (numbers[i : i + 24] for i in range(0, len(numbers), 24))
    return [(number(pair[:12]), number(pair[12:])) for pair in takewhile(lambda p: p[0], pairs)]


def check_extents(entry: Entry) -> None:
    """Refuse maps that overlap, go backwards, leave the file or do not fit the stored data."""
    end = 0
    for offset, length in entry.extents or ():
        if offset < end or length < 0:
            raise TarError(f"{entry.name!r}: bad sparse map")
        end = offset + length
    if end > entry.size or sum(length for _, length in entry.extents or ()) != entry.stored:
        raise TarError(f"{entry.name!r}: bad sparse map")


def byte_sum(block: bytes) -> int:
    """Return ``sum(block)`` of a block of 512 bytes, twenty times as fast.

    The lower half of an Adler-32 is one more than the sum, up to 256 bytes of any value.
    """
    half = BLOCK // 2
    return (zlib.adler32(block[:half]) & 0xFFFF) + (zlib.adler32(block[half:]) & 0xFFFF) - 2


def _check_sum(block: bytes, field: bytes) -> None:
    """The sum of all bytes, the field's own counted as blanks."""
    wanted = _octal(field)
    unsigned = byte_sum(block) - sum(field) + len(field) * 0x20
    # Some old programs added up signed characters.
    if wanted != unsigned and wanted != unsigned - 256 * sum(byte >> 7 for byte in block):
        raise TarError("bad header checksum")


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _prefix(field: bytes, *, gnu: bool, star: bool) -> bytes:
    """Return the directory part of a name; where other formats have times, these are checked."""
    if gnu:
        return _prefix_of_old_go(field)
    if star:
        number(field[131:143])
        number(field[143:155])
        return _text(field[:131])
    return _text(field)


def _prefix_of_old_go(field: bytes) -> bytes:
    """Where GNU headers have two times, Go before 1.8 (Docker before 17) put a ustar prefix."""
    try:
        for time in (field[:12], field[12:24]):
            if time[0]:
                number(time)
    except TarError:
        text = _text(field)
        return text if text.isascii() else b""
    return b""


def _seconds(value: bytes) -> int:
    """Return the whole seconds of a pax time, rounded down as stat(2) shows them."""
    whole, _, fraction = value.partition(b".")
    seconds = integer(whole)
    if fraction and not fraction.isdigit():
        raise TarError(f"bad time {value!r}")
    before = whole.startswith(b"-") and fraction[:_NANOSECOND_DIGITS].strip(b"0")
    return seconds - 1 if before else seconds
