"""Hash trees: veritysetup makes the same, and finds each byte that is changed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from paack.helpers.store.verity import BLOCK, hash_tree
from tests.support.commands import run


def image_of(path: Path, blocks: int, seed: int = 0) -> Path:
    path.write_bytes(random.Random(seed).randbytes(blocks * BLOCK))
    return path


@pytest.mark.parametrize("blocks", [1, 2, 127, 128, 129, 128 * 128, 128 * 128 + 1])
def test_veritysetup_makes_the_same(tmp_path: Path, blocks: int) -> None:
    image = image_of(tmp_path / "image", blocks)
    tree = hash_tree(image, "app")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(tree.content)
    dump = dict(
        line.split(":", 1)
        for line in run(["veritysetup", "dump", str(ours)]).stdout.splitlines()
        if ":" in line
    )
    words = [f"--salt={dump['Salt'].strip()}", f"--uuid={dump['UUID'].strip()}"]
    said = run(["veritysetup", "format", *words, str(image), str(theirs)]).stdout
    assert said.rpartition("Root hash:")[2].split()[0] == tree.root
    assert theirs.read_bytes() == tree.content
    run(["veritysetup", "verify", str(image), str(ours), tree.root])


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    image = image_of(tmp_path / "image", 300)
    tree = hash_tree(image, "app")
    file = tmp_path / "tree"
    file.write_bytes(tree.content)
    verify = ["veritysetup", "verify", str(image), str(file)]
    assert run([*verify, tree.root], check=False).returncode == 0
    assert run([*verify, "0" * 64], check=False).returncode != 0
    with image.open("r+b") as opened:
        os.pwrite(opened.fileno(), b"x", 299 * BLOCK)
    assert run([*verify, tree.root], check=False).returncode != 0
    assert hash_tree(image, "app").root != tree.root


def test_what_decides_a_tree(tmp_path: Path) -> None:
    image = image_of(tmp_path / "image", 3)
    tree = hash_tree(image, "app")
    assert hash_tree(image_of(tmp_path / "copy", 3), "app") == tree
    assert hash_tree(image, "other").root != tree.root


@pytest.mark.parametrize("size", [0, 1, BLOCK + 1])
def test_no_whole_blocks(tmp_path: Path, size: int) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(size))
    with pytest.raises(ValueError, match="image"):
        hash_tree(image, "app")
