"""podman sees the same tree in the store of an RPM as after an ordinary pull, path by path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import oddities
from tests.support.commands import run
from tests.support.debian import busybox_rootfs, debian_rootfs, push_multiarch
from tests.support.image_directory import Compression, MediaTypes
from tests.support.packed import joined
from tests.support.podman import KINDS, Kind, Podman
from tests.support.product import (
    Paack,
    definition_text,
    newer_erofs_utils,
    store_image,
    unpack_rpm,
)
from tests.support.registry import Registry
from tests.support.thorough import THOROUGH
from tests.support.tree import ROOT, Tree, diff_trees, read_tree

#: "packed": a squashfs that its index and packs were joined to.
FILESYSTEMS = ("squashfs", "erofs", *(("packed",) if THOROUGH else ()))


@dataclass(frozen=True)
class Case:
    """An image: its layers (the base first) and how they are packed."""

    layers: tuple[str, ...]
    compression: Compression | tuple[Compression, ...] = "gzip"
    media_types: MediaTypes = "oci"
    #: Directories that no layer names: an ordinary pull gives them the time of the pull.
    timeless: tuple[bytes, ...] = ()


STACK = ("files", "lower", "upper", "empty")
MADE = oddities.UNNAMED_DIRECTORIES
CASES = {
    "gzip": Case(STACK, timeless=MADE),
    "uncompressed": Case(STACK, "none", timeless=MADE),
    "zstd": Case(STACK, "zstd", timeless=MADE),
    "mixed": Case(STACK, ("gzip", "none", "zstd", "gzip"), timeless=MADE),
    "docker": Case(STACK, ("gzip", "none", "none", "gzip"), media_types="docker", timeless=MADE),
    "twice": Case(("files", "lower", "upper", "files"), timeless=MADE),
    "busybox": Case(("busybox",)),
    "debian": Case(("debian", "lower", "upper"), timeless=MADE),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fidelity")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        for name, case in CASES.items():
            layers = [layer_file(base, layer) for layer in case.layers]
            push_multiarch(
                running,
                name,
                "1",
                {"amd64": layers},
                compression=case.compression,
                media_types=case.media_types,
            )
        yield running


def layer_file(base: Path, name: str) -> Path:
    """Return the tar of a layer, made once."""
    if name == "busybox":
        return busybox_rootfs("amd64")
    if name == "debian":
        return debian_rootfs("amd64")
    path = base / f"{name}.tar"
    if not path.exists():
        path.write_bytes(oddities.ALL[name]())
    return path


@pytest.fixture(scope="module", params=FILESYSTEMS)
def store(request: pytest.FixtureRequest, base: Path, registry: Registry) -> tuple[Path, str]:
    """The store image, out of an RPM with all images, and its filesystem."""
    filesystem: str = request.param
    home = base / filesystem
    home.mkdir()
    paack = Paack(home, registry.registries_conf)
    if filesystem == "erofs":
        paack.environment.update(newer_erofs_utils(home / "bin"))
    images = [f"{registry.host}/{name}:1" for name in CASES]
    if filesystem == "packed":
        rpms = paack.build(paack.define(definition_text("odd", images, layers="packed")))
        for rpm in rpms:
            unpack_rpm(rpm, home / "rpm")
        return joined(home / "rpm", "odd"), "squashfs"
    text = definition_text("odd-containers", images, filesystem=filesystem)
    (rpm,) = paack.build(paack.define(text))
    return store_image(unpack_rpm(rpm, home / "rpm")), filesystem


@pytest.fixture(scope="module", params=KINDS)
def podman(request: pytest.FixtureRequest, base: Path, registry: Registry) -> Iterator[Podman]:
    kind: Kind = request.param
    with Podman(kind, base, registries_conf=registry.registries_conf) as host:
        yield host


@pytest.fixture(scope="module")
def pulled(podman: Podman, registry: Registry) -> dict[str, Tree]:
    """What the podman sees of every image after it pulled it."""
    seen = {}
    for name in CASES:
        image = f"{registry.host}/{name}:1"
        podman.podman("pull", "--quiet", f"docker://{image}")
        seen[name] = podman.tree(image)
        podman.podman("rmi", image)
    return seen


def test_store_equals_pull(
    store: tuple[Path, str], podman: Podman, pulled: dict[str, Tree], registry: Registry, base: Path
) -> None:
    image, filesystem = store
    where = base / "store"
    where.mkdir(exist_ok=True)
    podman.mount_image(image, where, filesystem)
    podman.use_stores([where])
    try:
        differences = {
            name: diff_trees(
                pulled[name], podman.tree(f"{registry.host}/{name}:1"), timeless=case.timeless
            )
            for name, case in CASES.items()
        }
    finally:
        podman.use_stores([])
        podman.umount(where)
    assert {name: found for name, found in differences.items() if found} == {}
    assert len(pulled["gzip"]) > 100


def mounted_tree(podman: Podman, store: Path, where: Path, filesystem: str, image: str) -> Tree:
    """Return what ``podman`` sees of an image whose store image is mounted and listed."""
    where.mkdir(exist_ok=True)
    podman.mount_image(store, where, filesystem)
    podman.use_stores([where])
    try:
        return podman.tree(image)
    finally:
        podman.use_stores([])
        podman.umount(where)


def test_erofs_keeps_acls(podman: Podman, registry: Registry, base: Path) -> None:
    """squashfs refuses them, see test_bad_input."""
    home = base / f"acl-{podman.kind}"
    home.mkdir()
    push_multiarch(registry, "acl", "1", {"amd64": [layer_file(base, "acl")]})
    image = f"{registry.host}/acl:1"
    paack = Paack(home, registry.registries_conf, dict(newer_erofs_utils(home / "bin")))
    (rpm,) = paack.build(paack.define(definition_text("acl", [image], filesystem="erofs")))
    store = store_image(unpack_rpm(rpm, home / "rpm"))
    seen = mounted_tree(podman, store, base / "acl-store", "erofs", image)
    podman.podman("pull", "--quiet", f"docker://{image}")
    pulled = podman.tree(image)
    podman.podman("rmi", image)
    assert dict(pulled[b"with-acl"].xattrs)["system.posix_acl_access"] == oddities.ACL_USER_1000_RW
    assert diff_trees(pulled, seen) == []


def test_members_that_come_twice(podman: Podman, registry: Registry, base: Path) -> None:
    """The last one counts, as GNU tar has it; podman refuses to pull such an image at all."""
    home = base / f"twice-{podman.kind}"
    home.mkdir()
    layer = layer_file(base, "duplicates")
    push_multiarch(registry, "duplicates", "1", {"amd64": [layer]})
    image = f"{registry.host}/duplicates:1"
    refused = podman.podman("pull", "--quiet", f"docker://{image}", check=False)
    assert "duplicates of file paths not supported" in refused.stderr
    paack = Paack(home, registry.registries_conf)
    (rpm,) = paack.build(paack.define(definition_text("twice", [image])))
    store = store_image(unpack_rpm(rpm, home / "rpm"))
    seen = mounted_tree(podman, store, base / "twice-store", "squashfs", image)
    extracted = home / "extracted"
    extracted.mkdir()
    run(["tar", "--extract", "--same-permissions", "--numeric-owner", "--same-owner", "--file",
         str(layer), "--directory", str(extracted)])  # fmt: skip
    expected = {**read_tree(extracted), ROOT: seen[ROOT]}
    assert diff_trees(expected, seen) == []
