"""Stores as squashfs: programs that we did not write find in them what the layers hold."""

from __future__ import annotations

import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings

from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.chain import stored_layers
from paack.helpers.progress import Reporter
from paack.helpers.store.image_reader import read_image
from paack.helpers.store.squashfs_reader import Block, open_squashfs
from paack.helpers.store.squashfs_store import BLOCK_SIZE
from paack.helpers.store.table import differences, read_table
from paack.helpers.store.tar_store import write_store
from tests.support import oddities
from tests.support.rights import need_root
from tests.support.tree import ROOT, diff_trees, read_tree
from tests.unit.archives import Archive, archives, entries_of, records_of, tree_of
from tests.unit.images import layer_of, noise, put_image, read_by_sqfs2tar, squashfs_of


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def unpacked(image: Path, target: Path) -> Path:
    need_root("files get their owners")
    command = ["unsquashfs", "-quiet", "-no-progress", "-dest", str(target), str(image)]
    subprocess.run(command, check=True, capture_output=True)
    return target


def blocks_of(image: Path, below: bytes = b"") -> dict[Block, bytes]:
    """Return the blocks of files in whose path ``below`` is, and what they are on disk."""
    content = image.read_bytes()
    with open_squashfs(image) as squashfs:
        files = [file for file in squashfs.files() if below in file.path]
        blocks = {block for file in files for block in file.blocks if block}
        parts = {file.fragment for file in files} - {None}
        blocks |= {squashfs.fragments[part] for part in parts if part is not None}
    return {block: content[block.start : block.start + block.size] for block in blocks}


def refused_times(content: bytes) -> bool:
    return any(not 0 <= entry.mtime < 1 << 32 for entry in entries_of(content))


@settings(max_examples=60)
@given(archives())
def test_every_layer_comes_back(archive: Archive) -> None:
    """By unsquashfs and by sqfs2tar, file by file; and our own reader agrees with both."""
    if refused_times(archive.content):
        return
    with tempfile.TemporaryDirectory(prefix="paack-unit-") as scratch:
        home = Path(scratch)
        cache = Cache(home / "cache")
        images = [put_image(cache, "app:1", [archive.content])]
        image = squashfs_of(images, cache, home / "image")
        (stored,) = stored_layers(images)
        tree = unpacked(image, home / "tree") / "overlay" / stored.id / "diff"
        found = read_tree(tree)
        del found[ROOT]
        layer = tree_of(archive.content)
        assert diff_trees(records_of(layer, archive.content), found) == []
        other = read_by_sqfs2tar(image)
        assert list(differences(other, read_image(image, "squashfs"))) == []


def test_the_store_is_that_of_the_tar_stream(cache: Cache, tmp_path: Path) -> None:
    """All that mkfs.erofs would get is there, the store's own files, too."""
    layers = [make() for name, make in oddities.ALL.items() if name != "acl"]
    images = [put_image(cache, "app:1", layers), put_image(cache, "app:2", layers[:1])]
    image = squashfs_of(images, cache, tmp_path / "image")
    stream = tmp_path / "stream"
    with stream.open("wb") as out:
        write_store(out, images, stored_layers(images), cache, tmp_path, Reporter(), None)
    with stream.open("rb") as given:
        expected = read_table(given)
    assert list(differences(expected, read_by_sqfs2tar(image))) == []
    assert list(differences(expected, read_image(image, "squashfs"))) == []


def test_what_two_layers_have_is_stored_once(cache: Cache, tmp_path: Path) -> None:
    """Blocks and tails alike, also where a fragment block has what the other layer lacks."""
    shared = {f"s/{number}": noise(f"s{number}", 9_000) for number in range(40)}
    shared["s/large"] = noise("large", 3 * BLOCK_SIZE + 5)
    mine = {f"s/{number}-mine": noise(f"m{number}", 9_000) for number in range(40)}
    some = dict(list(shared.items())[:9])
    layers = [layer_of(shared), layer_of({**shared, **mine}), layer_of(some)]
    images = [put_image(cache, f"app:{number}", [layer]) for number, layer in enumerate(layers)]
    image = squashfs_of(images, cache, tmp_path / "image")
    content = sum(len(each) for each in (shared | mine).values())
    data = sum(block.size for block in blocks_of(image))
    # Noise is not compressed; besides it there are tar-splits and records.
    assert content < data < content + 60_000
    found = read_by_sqfs2tar(image)
    with (tmp_path / "stream").open("w+b") as stream:
        write_store(stream, images, stored_layers(images), cache, tmp_path, Reporter(), None)
        stream.seek(0)
        assert list(differences(read_table(stream), found)) == []


def test_one_changed_file_changes_one_block(cache: Cache, tmp_path: Path) -> None:
    """Which files share a block is told by what they are: the blocks that follow stay."""
    files = {f"d{n % 9}/{n}": noise(f"{n}", 500 + n * 37 % 9_000) for n in range(900)}
    found = []
    for changed in ({}, {"d1/1": noise("other", 2_000)}, {"d4/4": noise("other", 70)}):
        images = [put_image(cache, "app:1", [layer_of(files | changed)])]
        image = squashfs_of(images, cache, tmp_path / "image")
        found.append(set(blocks_of(image, b"/diff/").values()))
    before, *after = found
    assert len(before) > 15
    for blocks in after:
        # That of the file, and one beside it when it went from one to the other.
        assert len(blocks - before) <= 2


def test_blocks_keep_the_order_of_layers(cache: Cache, tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(9)]
    layers = [layer_of({name: noise(layer + name, 70_000) for name in names}) for layer in "abc"]
    images = [put_image(cache, "app:1", layers)]
    image = squashfs_of(images, cache, tmp_path / "image")
    with open_squashfs(image) as squashfs:
        starts: dict[bytes, list[int]] = {}
        for file in squashfs.files():
            if b"/diff/" in file.path and file.fragment is not None:
                layer = file.path.split(b"/")[1]
                starts.setdefault(layer, []).append(squashfs.fragments[file.fragment].start)
    ordered = [starts[layer] for layer in sorted(starts)]
    assert len(ordered) == 3
    assert all(max(one) < min(other) for one, other in pairwise(ordered))
