"""`paack cache.prune` removes what no build has used, and nothing that a build needs."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from tests.support.debian import text_layer
from tests.support.product import Paack, definition_text

DAY = 86_400


def files(cache: Path) -> set[Path]:
    return {path for path in cache.rglob("*") if path.is_file()}


def age(cache: Path, days: int) -> None:
    """Make all that is in the cache older."""
    then = time.time() - days * DAY
    for path in files(cache):
        os.utime(path, (then, then))


@pytest.fixture
def paack(tmp_path: Path) -> Paack:
    """Two definitions, of which both images have the same base; both are built."""
    paack = Paack(tmp_path)
    base = text_layer(tmp_path / "base.tar", {"base": "base\n"}).read_bytes()
    for name in ("one", "two"):
        own = text_layer(tmp_path / f"{name}.tar", {"name": f"{name}\n"}).read_bytes()
        spec = ImageSpec("x86_64", [base, own], packing=Packing.GZIP)
        write_image(tmp_path / "layout", f"localhost/{name}:1", [spec])
        source = f"oci:{tmp_path}/layout:localhost/{name}:1"
        paack.build(paack.define(definition_text(name, [source]), f"{name}.yaml"))
    return paack


def test_what_is_not_used_goes(paack: Paack) -> None:
    before = files(paack.cache)
    age(paack.cache, 31)
    shutil.rmtree(paack.output)
    (rpm,) = paack.build(paack.home / "one.yaml")
    said = paack.call("cache.prune", "--dry-run").stdout
    assert files(paack.cache) == before
    assert "blobs of images: 3 can go, 4 files stay" in said  # of "two": layer, config, manifest
    assert "compiled layers: 1 can go, 2 files stay" in said
    assert paack.call("cache.prune").stdout == said.replace("  can go from", "  removed from")
    assert len(files(paack.cache)) < len(before)

    # Offline, from what is left
    content = rpm.read_bytes()
    shutil.rmtree(paack.output)
    shutil.rmtree(paack.home / "layout")
    (again,) = paack.build(paack.home / "one.yaml")
    assert again.read_bytes() == content


def test_days(paack: Paack) -> None:
    age(paack.cache, 3)
    everything = files(paack.cache)
    paack.call("cache.prune")
    paack.call("cache.prune", "--days", "4")
    assert files(paack.cache) == everything
    refused = paack.call("cache.prune", "--days=-1", check=False)
    assert (refused.returncode, "--days -1: not a number of days" in refused.stderr) == (2, True)
    paack.call("cache.prune", "--days", "2")
    assert files(paack.cache) == set()
