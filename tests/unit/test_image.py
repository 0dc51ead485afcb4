"""Store images: what a filesystem cannot hold is refused, and so is what a tool warns of."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard

from paack.helpers.errors import BuildError, ToolError
from paack.helpers.run import Result
from paack.helpers.store.image import ImageMaker, _check_result, image_maker
from paack.helpers.store.squashfs_store import BLOCK_SIZE
from paack.helpers.store.store import LAYOUT

EROFS = ImageMaker("erofs", "mkfs.erofs", "1")


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
    version = ".".join(map(str, zstandard.ZSTD_VERSION))
    made = (f"layout {LAYOUT}; ", f"zstd {version}", "level 5, ", f"blocks of {BLOCK_SIZE}")
    assert [word for word in made if word not in recipe] == []


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
