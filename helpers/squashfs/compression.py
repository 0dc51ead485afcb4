"""Compressing blocks with zstd: the same bytes wherever the same version of it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from threading import local

import zstandard

from paack.helpers.squashfs.layout import DATA_PLAIN, METADATA_PLAIN


class _Mine(local):
    """What each thread has for itself."""

    zstd: zstandard.ZstdCompressor | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How hard zstd tries; ``level`` is the one that an image says it was made with.

    The others are ZSTD_compressionParameters, which hold for blocks of any size. ``strategy``: 3
    is greedy.
    """

    level: int
    window_log: int
    chain_log: int
    hash_log: int
    search_log: int
    min_match: int
    target_length: int
    strategy: int

    def __str__(self) -> str:
        """Name them all: they decide the bytes."""
        return ", ".join(f"{key} {value}" for key, value in asdict(self).items())


class Compressor:
    """Compresses blocks; several threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        numbers = asdict(settings)
        del numbers["level"]
        self._parameters = zstandard.ZstdCompressionParameters(**numbers, write_content_size=True)
        self._mine = _Mine()

    @property
    def version(self) -> str:
        """The version of zstd, which decides the bytes: that of the pinned Python package."""
        return ".".join(map(str, zstandard.ZSTD_VERSION))

    def data(self, content: bytes) -> tuple[bytes, int]:
        """Return what a data or fragment block is on disk, and its size field."""
        packed = self._zstd().compress(content)
        if len(packed) < len(content):
            return packed, len(packed)
        return content, len(content) | DATA_PLAIN

    def metadata(self, content: bytes) -> tuple[bytes, int]:
        """Return what a metadata block is on disk, and its header."""
        packed = self._zstd().compress(content)
        if len(packed) < len(content):
            return packed, len(packed)
        return content, len(content) | METADATA_PLAIN

    def _zstd(self) -> zstandard.ZstdCompressor:
        found = self._mine.zstd
        if found is None:
            found = self._mine.zstd = zstandard.ZstdCompressor(compression_params=self._parameters)
        return found
