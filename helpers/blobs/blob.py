"""Blobs: content named by its sha256 digest, read with verification and decompression.

Digests are written as everywhere in the field: ``sha256:`` and 64 hexadecimal digits.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import re
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from itertools import chain
from pathlib import Path
from typing import IO, Protocol, cast

import zstandard
from isal import igzip_lib

from paack.helpers.errors import VerificationError

CHUNK = 1 << 20
BROKEN_IMAGE = "the image is broken at its source; ask who made it, or build it anew"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_HEAD = 10


class Compression(IntEnum):
    """How a layer blob is compressed; the numbers are those of layers.json."""

    NONE = 0
    BZIP2 = 1
    GZIP = 2
    XZ = 3
    ZSTD = 4


_MAGIC = {
    b"BZh": Compression.BZIP2,
    b"\x1f\x8b\x08": Compression.GZIP,
    b"\xfd7zXZ\x00": Compression.XZ,
    b"\x28\xb5\x2f\xfd": Compression.ZSTD,
}


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


# bz2 says OSError for a corrupt stream, with no errno.
_STREAM_ERRORS: tuple[type[Exception], ...] = (
    cast("type[Exception]", igzip_lib.IsalError),
    zstandard.ZstdError,
    lzma.LZMAError,
    OSError,
    EOFError,
)


def is_digest(text: object) -> bool:
    """Tell whether ``text`` is a sha256 digest in its one canonical form."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def digest_of(content: bytes) -> str:
    """Return the digest of ``content``."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class BlobReader:
    """Iterates over the *uncompressed* bytes of the blob in ``path``, in chunks of up to CHUNK.

    The digest is checked at the end of the iteration (VerificationError); so are corrupt
    streams, and truncated ones but of zstd (the diffID tells). ``compression`` is set after the
    first chunk. The kind of compression is read off the content, as containers/storage does,
    not off a media type.
    """

    def __init__(self, path: Path, digest: str):
        self.path = path
        self.digest = digest
        self.compression = Compression.NONE

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._uncompressed()
        except _STREAM_ERRORS as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            self.verify()  # a damaged file is the likelier reason: say so
            raise VerificationError(
                f"layer {self.digest}: cannot be decompressed: {error}",
                hint=BROKEN_IMAGE,
            ) from error

    def verify(self) -> None:
        """Read the blob as it is; raise VerificationError unless it has its digest."""
        for _ in self._verified():
            pass

    def _uncompressed(self) -> Iterator[bytes]:
        raw = self._verified()
        head = next(raw, b"")
        self.compression = detect_compression(head)
        if self.compression is Compression.NONE:
            yield head
            yield from raw
            return
        chunks = chain([head], raw)
        # Bounded output: zeros are compressed a thousand times and more.
        if self.compression is Compression.ZSTD:
            yield from _zstd(chunks)
        else:
            yield from _members(chunks, _DECOMPRESSORS[self.compression])

    def _verified(self) -> Iterator[bytes]:
        sha256 = hashlib.sha256()
        with self.path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                yield chunk
        if f"sha256:{sha256.hexdigest()}" != self.digest:
            raise self._mismatch()

    def _mismatch(self) -> VerificationError:
        return VerificationError(
            f"{self.path}: the bytes are not those of {self.digest}",
            hint=f"rm {self.path}   and run the command again: it is fetched anew",
        )


def detect_compression(head: bytes) -> Compression:
    """Tell the compression by the first bytes (at least 10) of a stream."""
    return next(
        (kind for magic, kind in _MAGIC.items() if head.startswith(magic)), Compression.NONE
    )


def _members(chunks: Iterable[bytes], new: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Decompress any number of gzip members, or streams of another kind, end to end."""
    stream = new()
    for data in chunks:
        while data:
            if stream.eof:
                stream = new()
            yield stream.decompress(data, CHUNK)
            while not (stream.eof or stream.needs_input):
                yield stream.decompress(b"", CHUNK)
            data = stream.unused_data if stream.eof else b""
    if not stream.eof:
        raise EOFError("the compressed stream ends early")


def _zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress any number of zstd frames, end to end."""

    class Source:
        def read(self, _: int = -1) -> bytes:
            return next(chunks, b"")

    reader = zstandard.ZstdDecompressor().stream_reader(
        cast("IO[bytes]", Source()), read_across_frames=True
    )
    while chunk := reader.read(CHUNK):
        yield chunk


_DECOMPRESSORS: dict[Compression, Callable[[], _Decompressor]] = {
    Compression.BZIP2: bz2.BZ2Decompressor,
    Compression.GZIP: lambda: igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP),
    Compression.XZ: lzma.LZMADecompressor,
}
