"""Blobs: content named by its sha256 digest, read with verification and decompression.

Digests are written as everywhere in the field: ``sha256:`` and 64 hexadecimal digits.
"""

from __future__ import annotations

import bz2
import hashlib
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import Protocol, cast

import zstandard
from isal import igzip_lib, isal_zlib

from helpers.errors import VerificationError

CHUNK = 1 << 20
BROKEN_IMAGE = "the image is broken at its source; ask who made it, or build it anew"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_GZIP_WINDOW_BITS = 31
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
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


# bz2 says OSError for a corrupt stream, with no errno.
_STREAM_ERRORS: tuple[type[Exception], ...] = (
    zlib.error,
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
    """Iterates over the *uncompressed* bytes of the blob in ``path``, in chunks.

    The digest is checked at the end of the iteration (VerificationError); so are truncated or
    corrupt streams. ``compression`` is set after the first chunk. The kind of compression is
    read off the content, as containers/storage does, not off a media type.
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
        new = _DECOMPRESSORS[self.compression]
        stream = new()
        data: bytes | None = head
        while data is not None:
            while data:
                if stream.eof:
                    stream = new()  # a further gzip member or zstd frame
                out = stream.decompress(data)
                if out:
                    yield out
                data = stream.unused_data if stream.eof else b""
            data = next(raw, None)
        if not stream.eof:
            raise EOFError("the compressed stream ends early")

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


_DECOMPRESSORS: dict[Compression, Callable[[], _Decompressor]] = {
    Compression.BZIP2: bz2.BZ2Decompressor,
    Compression.GZIP: lambda: isal_zlib.decompressobj(_GZIP_WINDOW_BITS),
    Compression.XZ: lzma.LZMADecompressor,
    Compression.ZSTD: lambda: zstandard.ZstdDecompressor().decompressobj(),
}
