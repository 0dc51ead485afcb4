"""A compiled layer: its files' compressed blocks, and what a store needs to know of its files.

The file: blocks; sections (zstd); a head (JSON) that says how long the sections are and what the
layer is; a trailer, with the SHA-256 of all before it. Offsets of blocks count from the start of
the file. Who writes to a user's cache decides what is built from it; `paack verify` reads blobs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import IO, Any, NamedTuple

import zstandard

from paack.helpers.store.store import LayerFacts

FORMAT = 1  # raise it when the file has another form
#: Identity, size, start of the blocks, bytes not stored, fragment, offset there, number of the
#: first block's size field, and how many there are.
CONTENT = Struct("<32s3Q4I")
#: Kind, length of the name, mode, uid, gid, mtime, number, links (of a directory: the number of
#: the one above), xattrs, value: of a file its content, of a directory how many entries it has, of
#: a symbolic link the length of its target, of a device its number (Linux's new_encode_dev), of a
#: further name of a file the number of that.
NODE = Struct("<2BH7I")
FRAGMENT = Struct("<QI")
LINK_KIND = 0  # beside the types of squashfs inodes
_XATTR_COUNT, _XATTR = Struct("<I"), Struct("<2I")
_TRAILER = Struct("<I32s8s")
_MAGIC = b"paackLyr"
_SECTIONS = ("contents", "words", "fragments", "xattrs", "nodes")
_CHUNK = 1 << 20


class Damaged(ValueError):
    """The file is not what was written."""


class Content(NamedTuple):
    """The content of one or more files of the layer; see CONTENT."""

    identity: bytes
    size: int
    start: int
    sparse: int
    fragment: int
    offset: int
    first: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a layer is. ``tar_split`` is the number of a content.

    ``unpacked`` are the bytes of its files, each once, as ``paack report`` has them.
    """

    facts: LayerFacts
    inodes: int
    tar_split: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Sections:
    """The parts of a compiled layer as they are written."""

    contents: bytes
    words: bytes
    fragments: bytes
    xattrs: bytes
    nodes: bytes


class CompiledLayer:
    """A compiled layer that is open for reading."""

    def __init__(self, file: IO[bytes], head: Head, places: Mapping[str, tuple[int, int]]) -> None:
        self._file = file
        self._places = places
        self.head = head
        self.data_size = min(start for start, _ in places.values())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def fileno(self) -> int:
        """Return the descriptor, from which blocks are copied."""
        return self._file.fileno()

    def read(self, start: int, size: int) -> bytes:
        """Return some bytes of the file."""
        return os.pread(self._file.fileno(), size, start)

    def contents(self) -> Iterator[Content]:
        """Yield the contents by number."""
        return map(Content._make, CONTENT.iter_unpack(self.section("contents")))

    def fragments(self) -> list[tuple[int, int]]:
        """Return (start, size field) of the fragment blocks."""
        return list(FRAGMENT.iter_unpack(self.section("fragments")))

    def xattrs(self) -> list[dict[bytes, bytes]]:
        """Return the sets of xattrs by number."""
        return list(_unpack_xattrs(self.section("xattrs")))

    def section(self, name: str) -> bytes:
        """Return a section."""
        start, size = self._places[name]
        return zstandard.ZstdDecompressor().decompress(self.read(start, size))


def write_end(out: IO[bytes], written: hashlib._Hash, sections: Sections, head: Head) -> None:
    """Write what follows the blocks, of which ``written`` is the SHA-256."""
    zstd = zstandard.ZstdCompressor(level=3)
    packed = [zstd.compress(getattr(sections, name)) for name in _SECTIONS]
    text = json.dumps({"sections": list(map(len, packed)), "head": asdict(head)}).encode()
    for part in (*packed, text):
        written.update(part)
        out.write(part)
    out.write(_TRAILER.pack(len(text), written.digest(), _MAGIC))


def open_compiled(path: Path) -> CompiledLayer:
    """Open a compiled layer, all of which is checked; raise Damaged, or FileNotFoundError."""
    file = path.open("rb", buffering=0)
    try:
        size = os.fstat(file.fileno()).st_size
        end = size - _TRAILER.size
        length, digest, magic = _TRAILER.unpack(os.pread(file.fileno(), _TRAILER.size, max(end, 0)))
        if magic != _MAGIC or _sha256(file, end) != digest:
            raise Damaged(f"{path}: not what was written")
        text = json.loads(os.pread(file.fileno(), length, end - length))
        places, start = {}, end - length - sum(text["sections"])
        for name, size in zip(_SECTIONS, text["sections"], strict=True):
            places[name] = start, size
            start += size
        return CompiledLayer(file, _head(**text["head"]), places)
    except (ValueError, LookupError, TypeError, OSError, StructError) as error:
        file.close()
        raise Damaged(f"{path}: {error}") from error
    except BaseException:
        file.close()
        raise


def _head(facts: dict[str, Any], **numbers: int) -> Head:
    owners = {key: tuple(facts[key]) for key in ("uids", "gids")}
    return Head(LayerFacts(**{**facts, **owners}), **numbers)


def pack_xattrs(sets: Sequence[Mapping[bytes, bytes]]) -> bytes:
    """Return sets of xattrs as a section."""
    parts = []
    for xattrs in sets:
        parts.append(_XATTR_COUNT.pack(len(xattrs)))
        for key, value in xattrs.items():
            parts.append(_XATTR.pack(len(key), len(value)) + key + value)
    return b"".join(parts)


def _unpack_xattrs(section: bytes) -> Iterator[dict[bytes, bytes]]:
    at = 0
    while at < len(section):
        (count,) = _XATTR_COUNT.unpack_from(section, at)
        at += _XATTR_COUNT.size
        found = {}
        for _ in range(count):
            key, value = _XATTR.unpack_from(section, at)
            at += _XATTR.size
            found[section[at : at + key]] = section[at + key : at + key + value]
            at += key + value
        yield found


def _sha256(file: IO[bytes], end: int) -> bytes:
    sha256 = hashlib.sha256()
    file.seek(0)
    while end > 0 and (chunk := file.read(min(end, _CHUNK))):
        sha256.update(chunk)
        end -= len(chunk)
    return sha256.digest()
