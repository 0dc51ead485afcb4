"""Compiled layers: made once, proved, never half; what is wrong with one is found."""

from __future__ import annotations

import bz2
import io
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.errors import BuildError, VerificationError
from paack.helpers.oci.locked import LockedImage
from paack.helpers.squashfs.compression import Compressor
from paack.helpers.store.block_file import CONTENT, Content
from paack.helpers.store.blocks import BlockWriter, ContentWriter
from paack.helpers.store.squashfs_store import SETTINGS
from tests.support import oddities
from tests.support.thorough import THOROUGH
from tests.unit.images import put_image, small_layer, squashfs_of

BLOCK_SIZE = 1 << 12


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def compiled(cache: Cache) -> list[Path]:
    return sorted((cache.root / "layers").glob("*"))


def image(cache: Cache) -> LockedImage:
    return put_image(cache, "app:1", [oddities.files(), small_layer("top")])


def test_a_layer_is_compiled_once(cache: Cache, tmp_path: Path) -> None:
    """Without their blobs, compiled layers make the same store."""
    images = [image(cache)]
    content = squashfs_of(images, cache, tmp_path / "image").read_bytes()
    made = {path: path.stat() for path in compiled(cache)}
    assert len(made) == 2
    for layer in images[0].layers:
        cache.path(layer.digest).unlink()
    assert squashfs_of(images, cache, tmp_path / "image").read_bytes() == content
    assert {path: path.stat() for path in compiled(cache)} == made
    assert list(cache.scratch().glob("*")) == []


def test_the_same_bytes_in_another_cache(cache: Cache, tmp_path: Path) -> None:
    other = Cache(tmp_path / "other")
    for each in (cache, other):
        squashfs_of([image(each)], each, tmp_path / each.root.name / "image")
    one, two = (
        {path.name: path.read_bytes() for path in compiled(each)} for each in (cache, other)
    )
    assert one == two
    assert (cache.root / "image").read_bytes() == (other.root / "image").read_bytes()


@pytest.mark.parametrize("where", [0.0, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("cut", [False, True])
def test_a_damaged_one_is_made_anew(cache: Cache, tmp_path: Path, where: float, cut: bool) -> None:
    images = [image(cache)]
    content = squashfs_of(images, cache, tmp_path / "image").read_bytes()
    good = {path: path.read_bytes() for path in compiled(cache)}
    for path, raw in good.items():
        at = int(where * (len(raw) - 1))
        path.write_bytes(raw[:at] if cut else raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    assert squashfs_of(images, cache, tmp_path / "image").read_bytes() == content
    assert {path: path.read_bytes() for path in compiled(cache)} == good


@pytest.mark.parametrize("bad", ["refused", "no archive"])
def test_nothing_is_left_of_a_bad_one(cache: Cache, tmp_path: Path, bad: str) -> None:
    layer = oddities.acl() if bad == "refused" else b"no archive" * 60
    images = [put_image(cache, "app:1", [layer])]
    with pytest.raises(BuildError if bad == "refused" else VerificationError):
        squashfs_of(images, cache, tmp_path / "image")
    assert compiled(cache) == []
    assert list(cache.scratch().glob("*")) == []


def test_another_blob_of_the_same_layer_is_proved_too(cache: Cache, tmp_path: Path) -> None:
    layer = small_layer("one")
    first = put_image(cache, "app:1", [layer])
    good = put_image(cache, "app:2", [layer], compress=bz2.compress)
    bad = put_image(cache, "app:3", [layer], compress=lambda _: b"something else")
    squashfs_of([first], cache, tmp_path / "image")
    squashfs_of([good], cache, tmp_path / "image")
    with pytest.raises(VerificationError, match="not a tar archive"):
        squashfs_of([bad], cache, tmp_path / "image")


def _read(blocks: dict[int, bytes], offset: int, size: int) -> bytes | None:
    return blocks.get(offset, b"")[:size] or None


def contents_of(*files: tuple[int, dict[int, bytes]]) -> tuple[list[Content], array[int], bytes]:
    """Return what files become, given as their size and their blocks that are not zeros."""
    out = io.BytesIO()
    with ThreadPoolExecutor(1) as pool:
        writer = ContentWriter(BlockWriter(out, Compressor(SETTINGS), pool), BLOCK_SIZE)
        for size, blocks in files:
            writer.add(size, partial(_read, blocks))
        writer.close()
    found = [Content(*fields) for fields in CONTENT.iter_unpack(bytes(writer.contents))]
    return found, writer.words, out.getvalue()


@pytest.mark.parametrize("size", [5 << 30, *([1 << 36] if THOROUGH else [])])
def test_a_large_file_with_one_block(size: int) -> None:
    """Only what is there is read, and stored; sizes have 64 bits."""
    block = b"x" * BLOCK_SIZE
    (content, other), words, data = contents_of((size, {5 * BLOCK_SIZE: block}), (size, {}))
    count = size // BLOCK_SIZE
    assert (content.size, content.blocks, content.sparse) == (size, count, size - BLOCK_SIZE)
    assert (other.size, other.blocks, other.sparse) == (size, count, size)
    assert [number for number, word in enumerate(words) if word] == [5]
    assert len(data) == words[5] < 100


def test_zeros_are_a_hole_however_they_come() -> None:
    zeros, some = bytes(BLOCK_SIZE), b"y" * BLOCK_SIZE
    holes = {BLOCK_SIZE: some}
    written = {0: zeros, BLOCK_SIZE: some, 2 * BLOCK_SIZE: zeros}
    (content,), words, _ = contents_of((3 * BLOCK_SIZE, holes), (3 * BLOCK_SIZE, written))
    assert content.sparse == 2 * BLOCK_SIZE
    assert [bool(word) for word in words] == [False, True, False]
