"""Files of compressed blocks that say what is in them: compiled layers, and packs.

Such a file: blocks; zeros, up to the alignment of its form; sections (zstd); a head (JSON) that
says how long the sections are; a trailer, with the SHA-256 of all before it. Offsets of blocks
count from the start of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import IO, Any, ClassVar, NamedTuple, Self

import zstandard

#: Identity, size, start of the blocks, bytes not stored, fragment, offset there, number of the
#: first block's size field, and how many there are.
CONTENT = Struct("<32s3Q4I")
FRAGMENT = Struct("<QI")
_TRAILER = Struct("<I32s8s")
_CHUNK = 1 << 20
_SECTION_LIMIT = 1 << 31  # bytes: a size costs nothing to declare


class Damaged(ValueError):
    """The file is not what was written."""


class Content(NamedTuple):
    """The content of one or more files; see CONTENT."""

    identity: bytes
    size: int
    start: int
    sparse: int
    fragment: int
    offset: int
    first: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Form:
    """What all files of a kind have: magic (8 bytes), sections, a size of whole ``alignment``."""

    magic: bytes
    sections: tuple[str, ...]
    alignment: int = 1


class Ends(NamedTuple):
    """An open file, what its head says, (start, size) of its sections, and its SHA-256.

    ``trailer_sha256`` is the one in its trailer, of all before that.
    """

    file: IO[bytes]
    head: dict[str, Any]
    places: Mapping[str, tuple[int, int]]
    sha256: str
    trailer_sha256: str


class BlockFile:
    """A file of blocks that is open for reading. ``data_size``: bytes before its sections."""

    form: ClassVar[Form]

    def __init__(self, ends: Ends) -> None:
        self._file = ends.file
        self._places = ends.places
        self.data_size = min(start for start, _ in ends.places.values())

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file, all of which is checked; raise Damaged, or FileNotFoundError."""
        file = path.open("rb", buffering=0)
        try:
            return cls(_ends(file, cls.form))
        except (ValueError, LookupError, TypeError, OSError, StructError, RecursionError) as error:
            file.close()
            raise Damaged(f"{path}: {error}") from error
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def fileno(self) -> int:
        """Return the descriptor, from which blocks are copied."""
        return self._file.fileno()

    @property
    def path(self) -> Path:
        """A name of the file for other programs, while it is open here."""
        return Path(f"/proc/{os.getpid()}/fd/{self.fileno()}")

    def read(self, start: int, size: int) -> bytes:
        """Return some bytes of the file."""
        return os.pread(self._file.fileno(), size, start)

    def contents(self) -> Iterator[Content]:
        """Yield the contents by number."""
        return map(Content._make, CONTENT.iter_unpack(self.section("contents")))

    def words(self) -> array[int]:
        """Return the size fields of the contents' blocks."""
        return array("I", self.section("words"))

    def fragments(self) -> list[tuple[int, int]]:
        """Return (start, size field) of the fragment blocks."""
        return list(FRAGMENT.iter_unpack(self.section("fragments")))

    def section(self, name: str) -> bytes:
        """Return a section; raise Damaged."""
        start, size = self._places[name]
        raw = self.read(start, size)
        try:
            if zstandard.get_frame_parameters(raw).content_size > _SECTION_LIMIT:
                raise Damaged(f"the section {name} is too large")
            return zstandard.ZstdDecompressor().decompress(raw)
        except zstandard.ZstdError as error:
            raise Damaged(f"the section {name}: {error}") from error


def write_end(
    out: IO[bytes],
    written: hashlib._Hash,
    size: int,
    form: Form,
    sections: Mapping[str, bytes | bytearray],
    head: Mapping[str, Any],
) -> None:
    """Write what follows the blocks: ``size`` bytes, of which ``written`` is the SHA-256."""
    zstd = zstandard.ZstdCompressor(level=3)
    packed = [zstd.compress(sections[name]) for name in form.sections]
    text = json.dumps({"sections": list(map(len, packed)), "head": head}).encode()
    end = size + sum(map(len, packed)) + len(text) + _TRAILER.size
    for part in (bytes(-end % form.alignment), *packed, text):
        written.update(part)
        out.write(part)
    out.write(_TRAILER.pack(len(text), written.digest(), form.magic))


def _ends(file: IO[bytes], form: Form) -> Ends:
    size = os.fstat(file.fileno()).st_size
    end = size - _TRAILER.size
    trailer = os.pread(file.fileno(), _TRAILER.size, max(end, 0))
    length, digest, magic = _TRAILER.unpack(trailer)
    sha256 = _sha256(file, end)
    if magic != form.magic or sha256.digest() != digest or size % form.alignment:
        raise Damaged("not what was written")
    text = json.loads(os.pread(file.fileno(), length, end - length))
    sizes = text["sections"]
    if any(type(size) is not int or not 0 <= size <= end - length for size in sizes):
        raise Damaged("a section is not in the file")
    places, start = {}, end - length - sum(sizes)
    for name, size in zip(form.sections, sizes, strict=True):
        places[name] = start, size
        start += size
    sha256.update(trailer)
    return Ends(file, text["head"], places, sha256.hexdigest(), digest.hex())


def _sha256(file: IO[bytes], end: int) -> hashlib._Hash:
    sha256 = hashlib.sha256()
    file.seek(0)
    while end > 0 and (chunk := file.read(min(end, _CHUNK))):
        sha256.update(chunk)
        end -= len(chunk)
    return sha256
