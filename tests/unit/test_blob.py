"""Blobs, compressed by the tools that made them in the wild."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.blobs.blob import (
    BlobReader,
    Compression,
    detect_compression,
    digest_of,
    is_digest,
)
from paack.helpers.errors import VerificationError

CONTENT = b"".join(b"line %d of a layer\n" % number for number in range(60_000))
HALF = len(CONTENT) // 2
EMPTY = b""
SKIPPABLE = b"\x50\x2a\x4d\x18" + (7).to_bytes(4, "little") + b"skipped"


def tool(*command: str) -> Callable[[bytes], bytes]:
    def compress(content: bytes) -> bytes:
        return subprocess.run(command, input=content, capture_output=True, check=True).stdout

    return compress


def in_two(compress: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda content: compress(content[:HALF]) + compress(content[HALF:])


gzip_1, zstd = tool("gzip", "-1"), tool("zstd", "-q", "-c")
MAKERS: dict[str, tuple[Compression, Callable[[bytes], bytes]]] = {
    "none": (Compression.NONE, bytes),
    "gzip": (Compression.GZIP, gzip_1),
    "gzip of Python": (Compression.GZIP, gzip.compress),
    "gzip of two members": (Compression.GZIP, in_two(gzip_1)),
    "gzip with an empty member": (
        Compression.GZIP,
        lambda c: gzip_1(b"") + gzip_1(c) + gzip_1(b""),
    ),
    "gzip of many members": (
        Compression.GZIP,
        lambda c: b"".join(gzip_1(c[at : at + 100_000]) for at in range(0, len(c), 100_000)),
    ),
    "gzip not compressed": (Compression.GZIP, lambda c: gzip.compress(c, compresslevel=0)),
    "bzip2": (Compression.BZIP2, tool("bzip2")),
    "bzip2 of two streams": (Compression.BZIP2, in_two(bz2.compress)),
    "xz": (Compression.XZ, tool("xz", "-1")),
    "xz of two streams": (Compression.XZ, in_two(lzma.compress)),
    "zstd": (Compression.ZSTD, zstd),
    "zstd, long window": (Compression.ZSTD, tool("zstd", "-q", "-c", "--long=27")),
    "zstd without checksum": (Compression.ZSTD, tool("zstd", "-q", "-c", "--no-check")),
    "zstd of two frames": (Compression.ZSTD, in_two(zstd)),
    "zstd, then a skippable frame": (Compression.ZSTD, lambda c: zstd(c) + SKIPPABLE),
    "zstd:chunked": (
        Compression.ZSTD,
        lambda c: zstd(c[:HALF]) + zstd(c[HALF:]) + SKIPPABLE + SKIPPABLE,
    ),
    "zstd with a skippable frame between": (
        Compression.ZSTD,
        lambda c: zstd(c[:HALF]) + SKIPPABLE + zstd(c[HALF:]),
    ),
    "zstd with an empty frame": (Compression.ZSTD, lambda c: zstd(c) + zstd(b"")),
}
COMPRESSED = [name for name, (kind, _) in MAKERS.items() if kind]


def blob(directory: Path, content: bytes) -> BlobReader:
    """Write a blob and return its reader."""
    path = directory / "blob"
    path.write_bytes(content)
    return BlobReader(path, f"sha256:{hashlib.sha256(content).hexdigest()}")


@pytest.mark.parametrize("name", MAKERS)
def test_gives_back_what_was_compressed(tmp_path: Path, name: str) -> None:
    kind, compress = MAKERS[name]
    reader = blob(tmp_path, compress(CONTENT))
    assert b"".join(reader) == CONTENT
    assert reader.compression is kind


@pytest.mark.parametrize("name", ["none", "gzip", "bzip2", "xz", "zstd"])
def test_gives_back_nothing(tmp_path: Path, name: str) -> None:
    assert b"".join(blob(tmp_path, MAKERS[name][1](EMPTY))) == EMPTY


@pytest.mark.parametrize("name", [name for name in COMPRESSED if "zstd" not in name])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
def test_a_stream_that_ends_early_is_an_error(tmp_path: Path, name: str, kept: float) -> None:
    whole = MAKERS[name][1](CONTENT)
    reader = blob(tmp_path, whole[: int(len(whole) * kept)])
    if "two" in name or "many" in name or "empty" in name:
        reader = blob(tmp_path, whole[:-3])  # half of it may be a whole member
    with pytest.raises(VerificationError, match="cannot be decompressed"):
        b"".join(reader)


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
def test_zstd_that_ends_early_is_told_by_the_diff_id(tmp_path: Path, kept: float) -> None:
    whole = zstd(CONTENT)
    content = b"".join(blob(tmp_path, whole[: int(len(whole) * kept)]))
    assert CONTENT.startswith(content)
    assert digest_of(content) != digest_of(CONTENT)


def test_a_wrong_checksum_in_the_stream_is_an_error(tmp_path: Path) -> None:
    for compress in (gzip_1, zstd, tool("bzip2"), tool("xz", "-1", "--check=crc32")):
        damaged = bytearray(compress(CONTENT))
        damaged[-5] ^= 1
        with pytest.raises(VerificationError, match="cannot be decompressed"):
            b"".join(blob(tmp_path, bytes(damaged)))


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "zstd"])
@pytest.mark.parametrize("garbage", [b"garbage" * 9, b"\0" * 512])
def test_garbage_after_the_stream_is_an_error(tmp_path: Path, name: str, garbage: bytes) -> None:
    reader = blob(tmp_path, MAKERS[name][1](CONTENT) + garbage)
    with pytest.raises(VerificationError, match="cannot be decompressed"):
        b"".join(reader)


@pytest.mark.parametrize("name", MAKERS)
def test_other_bytes_than_the_digest_says_are_an_error(tmp_path: Path, name: str) -> None:
    """And the file is named: it is damaged, whatever else may be wrong with its content."""
    content = MAKERS[name][1](CONTENT)
    reader = blob(tmp_path, content)
    for place in (12, len(content) // 2, len(content) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        reader.path.write_bytes(damaged)
        with pytest.raises(VerificationError, match="are not those of sha256:") as caught:
            b"".join(reader)
        assert str(reader.path) in str(caught.value)
        assert caught.value.hint is not None
        with pytest.raises(VerificationError):
            reader.verify()


def test_a_blob_that_is_not_there_is_no_broken_image(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        b"".join(BlobReader(tmp_path / "blob", digest_of(b"")))


BOMBS = {
    "gzip": lambda: gzip.compress(bytes(64 << 20), 9),
    "bzip2": lambda: bz2.compress(bytes(64 << 20)),
    "xz": lambda: lzma.compress(bytes(64 << 20), preset=0),
    "zstd": lambda: zstandard.compress(bytes(64 << 20), 19),
}


@pytest.mark.parametrize("name", BOMBS)
def test_zeros_come_in_small_chunks(tmp_path: Path, name: str) -> None:
    """A thousand to one: memory must not depend on what a blob holds."""
    sizes = [len(chunk) for chunk in blob(tmp_path, BOMBS[name]())]
    assert sum(sizes) == 64 << 20
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", Compression.NONE),
        (b"B", Compression.NONE),
        (b"BZh9rest", Compression.BZIP2),
        (b"\x1f\x8b\x08rest", Compression.GZIP),
        (b"\x1f\x8b\x07rest", Compression.NONE),
        (b"\xfd7zXZ\0rest", Compression.XZ),
        (b"\x28\xb5\x2f\xfdrest", Compression.ZSTD),
        (b"etc/" + bytes(508), Compression.NONE),
    ],
)
def test_compression_is_told_by_the_first_bytes(head: bytes, kind: Compression) -> None:
    assert detect_compression(head) is kind


HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (f"sha256:{HEX}", True),
        (f"sha256:{HEX}\n", False),
        (f"sha256:{HEX[1:]}", False),
        (f"sha256:{HEX}0", False),
        (f"sha256:{HEX.upper()}", False),
        (f"SHA256:{HEX}", False),
        (f"sha512:{HEX}", False),
        (HEX, False),
        ("", False),
        (None, False),
        (5, False),
        ([f"sha256:{HEX}"], False),
        ("sha256:" + "\u0660" * 64, False),
    ],
)
def test_a_digest_has_one_form(text: object, good: bool) -> None:
    assert is_digest(text) is good


@given(st.binary())
def test_digests_are_those_of_sha256(content: bytes) -> None:
    assert digest_of(content) == "sha256:" + hashlib.new("sha256", content).hexdigest()
    assert is_digest(digest_of(content))
