"""Store images: what a filesystem cannot hold is refused, what it can hold comes back."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings

from helpers.errors import BuildError, ToolError
from helpers.run import Result, feed
from helpers.store.image import ImageMaker, _check_result, image_maker
from helpers.store.limits import losses
from tests.support.tree import ROOT, diff_trees, read_tree
from tests.unit.archives import Archive, archives, records_of, rewritten, tree_of

EROFS = ImageMaker("erofs", "mkfs.erofs", "1")


@settings(max_examples=50)
@given(archives())
def test_squashfs_gives_back_what_is_not_refused(archive: Archive) -> None:
    maker = image_maker("squashfs")
    tree = tree_of(archive.content)
    for _, node in list(tree.walk()):
        if losses("squashfs", node.entry):
            node.entry.mtime = 0
        assert losses("squashfs", node.entry) == []
    stream = rewritten(tree, archive.content)

    def write(out: IO[bytes]) -> None:
        out.write(stream)

    with tempfile.TemporaryDirectory(prefix="paack-unit-") as scratch:
        image, target = Path(scratch) / "image", Path(scratch) / "tree"
        _check_result(maker, feed(maker.command(image), write))
        subprocess.run(
            ["unsquashfs", "-quiet", "-no-progress", "-dest", target, image],
            check=True,
            capture_output=True,
        )
        found = read_tree(target)
        del found[ROOT]
    assert diff_trees(records_of(tree, archive.content), found) == []


def result(status: int, stderr: str) -> Result:
    return Result(("tool", "image"), status, b"", stderr)


@pytest.mark.parametrize(
    "stderr",
    [
        "",
        "\n",
        "mkfs.erofs 1.8.6\n",
        "<W> erofs: EXPERIMENTAL tar mode in use\n".replace("EXPERIMENTAL", "experimental"),
        "------\nBuild completed.\n",
    ],
)
def test_what_a_tool_always_says_is_no_warning(stderr: str) -> None:
    _check_result(EROFS, result(0, stderr))


@pytest.mark.parametrize(
    ("status", "stderr", "message"),
    [
        (1, "", "mkfs.erofs did not make the store image"),
        (0, "WARNING: unknown pax header", "mkfs.erofs did not make the store image"),
        (0, "<W> erofs: skipping x\n", "mkfs.erofs did not make the store image"),
        (1, "x: No space left on device", "the disk is full"),
        (-9, "", "mkfs.erofs did not make the store image"),
    ],
)
def test_a_warning_is_an_error(status: int, stderr: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        _check_result(EROFS, result(status, stderr))
    assert caught.value.message.startswith(message)
    assert stderr.rstrip() in caught.value.message
    assert caught.value.hint


def test_the_recipe_tells_all_that_decides_the_bytes() -> None:
    recipe = image_maker("squashfs").recipe
    said = subprocess.run(["tar2sqfs", "--version"], capture_output=True, text=True, check=True)
    version = said.stdout.split()[2].removesuffix(",")
    for word in ("layout ", "squashfs", f"tar2sqfs {version}", "--no-skip", "zstd", "level=9"):
        assert word in recipe
    assert "tmp" not in recipe


def fake_erofs(directory: Path, said: str) -> None:
    """Put a mkfs.erofs into ``directory`` that says of itself what is given."""
    tool = directory / "mkfs.erofs"
    tool.write_text(f"#!/bin/sh\necho '{said}'\n")
    tool.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ("mkfs.erofs (erofs-utils) 1.8.6", True),
        ("mkfs.erofs 1.10", True),
        ("mkfs.erofs (erofs-utils) 2.0", True),
        ("mkfs.erofs 1.7.1", False),
        ("mkfs.erofs 1.5", False),
        ("what?", False),
    ],
)
def test_an_old_mkfs_erofs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, good: bool
) -> None:
    fake_erofs(tmp_path, said)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if good:
        assert image_maker("erofs").tool == "mkfs.erofs"
        return
    with pytest.raises(ToolError, match=r"1\.8 or newer") as caught:
        image_maker("erofs")
    assert "squashfs" in str(caught.value.hint)
