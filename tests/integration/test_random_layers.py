"""Layers that hide, replace and link to one another, drawn at random: podman's own pull decides.

PAACK_TEST_SEEDS=1000-2000 takes other images than CI does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from paack.helpers.blobs.blob import digest_of
from paack.helpers.errors import PaackError
from paack.helpers.store import layer
from tests.support.debian import push_multiarch
from tests.support.podman import KINDS, Kind, Podman
from tests.support.product import Paack, definition_text, store_image, unpack_rpm
from tests.support.random_layers import random_layer
from tests.support.registry import Registry
from tests.support.tree import Tree, diff_trees

FIRST, LAST = map(int, os.environ.get("PAACK_TEST_SEEDS", "31-46").split("-"))


@dataclass(frozen=True)
class Image:
    """An image of a registry, and the tars of its layers."""

    name: str
    layers: tuple[Path, ...]


@dataclass(frozen=True)
class Pulls:
    """What podman saw of images after it pulled them, and those that it refused."""

    podman: Podman
    trees: dict[str, Tree]
    refused: list[Image]
    start: int

    def timeless(self, name: str) -> set[bytes]:
        """Directories that got the time of the pull."""
        found = self.trees[name].items()
        return {
            path
            for path, record in found
            if record.kind == "directory" and (record.mtime or 0) >= self.start
        }


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        yield running


@pytest.fixture(scope="module")
def images(base: Path, registry: Registry) -> list[Image]:
    return [make(seed, base, registry) for seed in range(FIRST, LAST + 1)]


def make(seed: int, base: Path, registry: Registry) -> Image:
    random = Random(seed)
    layers = []
    for number in range(random.randint(1, 4)):
        layers.append(base / f"{seed}-{number}.tar")
        layers[-1].write_bytes(random_layer(random))
    push_multiarch(registry, f"random-{seed}", "1", {"amd64": layers})
    return Image(f"{registry.host}/random-{seed}:1", tuple(layers))


@pytest.fixture(scope="module", params=KINDS)
def pulls(
    request: pytest.FixtureRequest, base: Path, registry: Registry, images: list[Image]
) -> Iterator[Pulls]:
    kind: Kind = request.param
    start = int(time.time())
    # Each podman has its own images: both together see all
    ours = images[KINDS.index(kind) :: len(KINDS)]
    with Podman(kind, base, registries_conf=registry.registries_conf) as podman:
        trees, refused = {}, []
        for image in ours:
            pulled = podman.podman("pull", "--quiet", f"docker://{image.name}", check=False)
            if pulled.returncode:
                assert "adding layer with blob" in pulled.stderr
                refused.append(image)
                continue
            trees[image.name] = podman.tree(image.name)
            podman.podman("rmi", image.name)
        yield Pulls(podman, trees, refused, start)


def test_what_podman_pulls_is_the_same_in_a_store(
    pulls: Pulls, base: Path, registry: Registry
) -> None:
    podman, home = pulls.podman, base / pulls.podman.kind
    home.mkdir()
    paack = Paack(home, registry.registries_conf)
    (rpm,) = paack.build(paack.define(definition_text("random", list(pulls.trees))))
    where = home / "store"
    where.mkdir()
    podman.mount_image(store_image(unpack_rpm(rpm, home / "rpm")), where, "squashfs")
    podman.use_stores([where])
    different = {
        name: found
        for name, tree in pulls.trees.items()
        if (found := diff_trees(tree, podman.tree(name), timeless=pulls.timeless(name)))
    }
    podman.use_stores([])
    podman.umount(where)
    assert different == {}
    assert pulls.trees and pulls.refused, "images of both kinds"


def test_what_podman_refuses_is_refused(pulls: Pulls, tmp_path: Path) -> None:
    for image in pulls.refused:
        assert not all(is_read(path, tmp_path) for path in image.layers), image.name


def is_read(path: Path, scratch: Path) -> bool:
    digest = digest_of(path.read_bytes())
    try:
        layer.read(path, digest, digest, scratch).close()
    except PaackError:
        return False
    return True
