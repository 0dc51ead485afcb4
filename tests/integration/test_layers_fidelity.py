"""Three workloads on one base, installed together, their layers shared.

The base is there once, every image is what an ordinary pull of it is, runs by all its names, and
pulled images do not need the stores. test_layers.py shows how the packages are made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support import oddities
from tests.support.additional_store import AdditionalStores
from tests.support.debian import ARCHES, debian_rootfs, push_multiarch, text_layer
from tests.support.emulator import aarch64_emulator
from tests.support.image_directory import RPM_ARCHES, Arch, Digests
from tests.support.installed import Installed
from tests.support.layer_ids import layer_parents
from tests.support.manifest import all_layers
from tests.support.podman import KINDS, Kind, Podman
from tests.support.product import newer_erofs_utils
from tests.support.registry import Registry
from tests.support.rpm_query import tags
from tests.support.shared_layers import Release, build, package
from tests.support.traffic import Traffic
from tests.support.tree import Tree, diff_trees
from tests.support.workloads import MB, Layer, layer_tar

#: Layers above the base, and a last one that says the name in /etc/motd; odd ones have no size.
IMAGES = {
    "web": {"files": 0, "runtime": 2 * MB, "lower": 0, "web": 3 * MB, "upper": 0},
    "shop": {"files": 0, "runtime": 2 * MB, "lower": 0, "upper": 0, "shop": 2 * MB},
    "watch": {"lower": 0, "watch": 2 * MB, "upper": 0},
}
#: A path that is in one of the layers only.
PATHS = {
    "base": "usr/bin/bash",
    "files": "odd",
    "lower": "replaced",
    "upper": "missing",
    "motd": "etc/motd",
    **{name: f"{name}.data" for name in ("runtime", "web", "shop", "watch")},
}
#: What is in the stores: small layers stay with the images, even when two have them.
IN_GROUPS = ["base", "files runtime", "lower watch", "upper shop", "web"]
WITH_IMAGES = {"web": "lower upper motd", "shop": "lower motd", "watch": "upper motd"}
#: Filesystem and arch; test_layers.py compares all four with bundled stores, byte by byte.
FORMS = [("squashfs", "x86_64"), ("squashfs", "aarch64"), ("erofs", "x86_64")]
DAMAGED = re.compile("Damaged (layer|image) ([0-9a-f]{64})")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("three")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        yield running


@pytest.fixture(scope="module")
def pushed(base: Path, registry: Registry) -> dict[str, Digests]:
    """The images, in the registry."""
    found = {}
    for name, layers in IMAGES.items():
        motd = text_layer(base / f"motd-{name}.tar", {"etc/motd": f"{name}\n"})
        above = [*(layer_file(base, name, *layer) for layer in layers.items()), motd]
        images = {arch: [debian_rootfs(arch), *above] for arch in ARCHES}
        found[name] = push_multiarch(registry, name, "1", images, compression="zstd")
    return found


def layer_file(base: Path, image: str, name: str, size: int) -> Path:
    """Return the tar of a layer, made once; of ``upper`` each image has another.

    An ordinary pull of a second image would fail: podman cannot read that layer from its own
    storage, see test_podman_use.py. Zeros after the end of an archive make another blob of it.
    """
    if size:
        return layer_tar(base, Layer(name, size))
    padding = bytes(512 * (1 + [*IMAGES].index(image))) if name == "upper" else b""
    path = base / f"{name}-{len(padding)}.tar"
    path.write_bytes(oddities.ALL[name]() + padding)
    return path


#: What packages are built with: all others are shared, squashfs, for both arches.
BUILDS: dict[str, dict[str, str]] = {
    "squashfs": {},
    "erofs": {"filesystem": "erofs", "arches": "[x86_64]"},
    "bundled": {"layers": "bundled", "arches": "[x86_64]"},
}
NewRelease = Callable[[str], Release]
NewInstalled = Callable[[str, str], Installed]


@pytest.fixture(scope="module")
def release(base: Path, registry: Registry, pushed: dict[str, Digests]) -> NewRelease:
    """Builds the three packages, as BUILDS says, once."""

    @cache
    def made(how: str) -> Release:
        tools = newer_erofs_utils(base / "bin") if how == "erofs" else {}
        texts = [package(name, [f"{registry.host}/{name}:1"], **BUILDS[how]) for name in pushed]
        return build(base / how, registry, *texts, XDG_CACHE_HOME=str(base / "cache"), **tools)

    return made


@pytest.fixture(scope="module")
def installed(base: Path, release: NewRelease) -> NewInstalled:
    """Installs all RPMs of an arch together, once."""

    @cache
    def made(how: str, arch: str) -> Installed:
        return Installed(base / f"root-{how}-{arch}", release(how).installable(arch))

    return made


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture(scope="module")
def online(kind: Kind, base: Path, registry: Registry) -> Iterator[Podman]:
    """A host that pulls the images."""
    with Podman(kind, base, registries_conf=registry.registries_conf) as podman:
        yield podman


@dataclass(frozen=True)
class Pulled:
    """What podman sees of each image after it pulled it, by arch and name.

    ``damaged`` is what `podman system check` complains of then: layers that podman cannot read
    from its own storage, see test_podman_use.py.
    """

    trees: dict[tuple[str, str], Tree]
    damaged: set[tuple[str, str]]


@pytest.fixture(scope="module")
def pulled(online: Podman, registry: Registry, pushed: dict[str, Digests]) -> Pulled:
    trees: dict[tuple[str, str], Tree] = {}
    damaged: set[tuple[str, str]] = set()
    for arch, theirs in RPM_ARCHES.items():
        for name in pushed:
            image = f"{registry.host}/{name}:1"
            online.podman("pull", "--quiet", f"--arch={theirs}", f"docker://{image}")
            trees[arch, name] = online.tree(image)
        if arch == "x86_64":
            damaged = check(online)
        online.podman("rmi", "--all", "--force")  # else the next arch takes its layers
    return Pulled(trees, damaged)


def check(podman: Podman) -> set[tuple[str, str]]:
    """Return the layers and images that `podman system check` complains of; 4.3 has none."""
    if podman.kind == "debian12":
        return set()
    done = podman.podman("system", "check", check=False)
    found = set(DAMAGED.findall(done.stdout))
    assert done.returncode == (125 if found else 0), done
    return found


@pytest.fixture(scope="module")
def offline(kind: Kind, base: Path) -> Iterator[Podman]:
    """A host that knows of no registry."""
    with Podman(kind, base) as podman:
        yield podman


@pytest.mark.parametrize("arch", RPM_ARCHES)
def test_the_base_is_on_disk_once(base: Path, installed: NewInstalled, arch: str) -> None:
    root = installed("squashfs", arch)
    groups: dict[Path, str] = {}
    others: dict[str, str] = {}
    layers: list[str] = []
    with Podman("debian12", base) as podman, AdditionalStores.of(podman, root.stores()) as stores:
        for image, place in zip(root.stores(), stores.places, strict=True):
            content = content_of(podman, place)
            if image.parent.name == "container-layers":
                groups[image] = content
                layers += layer_parents(podman, place)
            else:
                others[image.stem] = content
    assert sorted(groups.values()) == IN_GROUPS
    assert others == WITH_IMAGES
    assert set(Counter(layers).values()) == {1}
    (store,) = [path for path, content in groups.items() if content == "base"]
    assert root.size() < 2 * store.stat().st_size


def content_of(podman: Podman, place: Path) -> str:
    """Return which layers are in the store that is mounted on ``place``."""
    overlay = podman.host.outside(place) / "overlay"
    return " ".join(name for name, path in PATHS.items() if [*overlay.glob(f"*/diff/{path}")])


def test_bundled_packages_have_it_three_times(installed: NewInstalled) -> None:
    bundled, shared = (installed(how, "x86_64") for how in ("bundled", "squashfs"))
    largest = max(path.stat().st_size for path in shared.stores())
    assert shared.size() + 2 * largest < bundled.size() < shared.size() + 2.2 * largest


@pytest.mark.parametrize(("filesystem", "arch"), FORMS)
def test_stores_equal_pulls(
    online: Podman,
    installed: NewInstalled,
    registry: Registry,
    pulled: Pulled,
    filesystem: str,
    arch: str,
) -> None:
    with AdditionalStores.of(online, installed(filesystem, arch).stores()):
        seen = {name: online.tree(f"{registry.host}/{name}:1") for name in IMAGES}
    for name, tree in seen.items():
        expected = pulled.trees[arch, name]
        assert diff_trees(expected, tree, timeless=oddities.UNNAMED_DIRECTORIES) == []
        assert len(expected) > 1500
    assert len({tree[b"etc/motd"].sha256 for tree in seen.values()}) == len(IMAGES)


def references(podman: Podman, repository: str, digests: Digests, arch: Arch) -> list[str]:
    """Return the names of an image: tag, digests, ID."""
    identifier = podman.podman("images", "--quiet", f"{repository}:1").stdout.strip()
    by_digest = (f"{repository}@{each}" for each in (digests.list, digests.per_arch[arch]))
    return [f"{repository}:1", *by_digest, identifier]


@pytest.mark.parametrize("filesystem", ["squashfs", "erofs"])
def test_images_run_by_tag_and_digests(
    offline: Podman,
    installed: NewInstalled,
    registry: Registry,
    pushed: dict[str, Digests],
    filesystem: str,
) -> None:
    said: dict[str, set[str]] = {}
    with AdditionalStores.of(offline, installed(filesystem, "x86_64").stores()):
        for name, digests in pushed.items():
            names = references(offline, f"{registry.host}/{name}", digests, "amd64")
            names = names if filesystem == "squashfs" else names[:1]
            said[name] = {offline.run(each, "cat", "/etc/motd").stdout for each in names}
        assert check(offline) == set()
    assert said == {name: {f"{name}\n"} for name in IMAGES}


def test_images_of_another_arch_run(
    kind: Kind,
    base: Path,
    installed: NewInstalled,
    registry: Registry,
    pushed: dict[str, Digests],
) -> None:
    """With an emulator, which starts a program through the loader of the image."""
    emulator = aarch64_emulator()
    options = [f"--volume={emulator}:/emulator:ro"]
    program = ["/emulator", "/usr/lib/ld-linux-aarch64.so.1", "/usr/bin/cat", "/etc/motd"]
    stores = installed("squashfs", "aarch64").stores()
    said: dict[str, set[str]] = {}
    with (
        Podman(kind, base, shared=[emulator.parent]) as podman,
        AdditionalStores.of(podman, stores),
    ):
        for name, digests in pushed.items():
            names = references(podman, f"{registry.host}/{name}", digests, "arm64")
            names = names if name == "web" else names[:1]
            said[name] = {podman.run(each, *program, options=options).stdout for each in names}
    assert said == {name: {f"{name}\n"} for name in IMAGES}


def test_pulled_images_survive(
    kind: Kind,
    base: Path,
    release: NewRelease,
    registry: Registry,
    pushed: dict[str, Digests],
    pulled: Pulled,
) -> None:
    """First one package of layers goes, with all that need it, then the rest."""
    rpms, groups = release("squashfs").of(), release("squashfs").groups()
    needed = {rpm: release("squashfs").needed(rpm) for rpm in rpms if rpm not in groups}
    (group,) = [each for each in groups if sum(each in theirs for theirs in needed.values()) == 2]
    going = [group, *(rpm for rpm in needed if group in needed[rpm])]
    root = Installed(base / f"root-{kind}", release("squashfs").installable())
    with Podman(kind, base, registries_conf=registry.registries_conf) as podman:
        stores = AdditionalStores(podman)
        stores.show(root.stores())
        traffic = Traffic(registry)
        for name in pushed:
            podman.podman("pull", "--quiet", f"docker://{registry.host}/{name}:1")
        assert not traffic.blobs().keys() & all_layers(registry, pushed)
        own = layer_parents(podman, podman.graphroot)
        assert {parent for parent in own.values() if parent} < own.keys()

        refused = root.rpm("--erase", tags(group, "%{NAME}"), check=False)
        assert "is needed by (installed) web-1-1.x86_64" in refused.stderr
        root.erase(*going)
        stores.show(root.stores())
        assert len(stores.places) == len(rpms) - len(going) == 5
        assert_pulled_images(podman, registry, pulled)

        root.erase(*(rpm for rpm in rpms if rpm not in going))
        assert root.stores() == []
        stores.show([])
        assert_pulled_images(podman, registry, pulled)
        assert layer_parents(podman, podman.graphroot) == own


def assert_pulled_images(podman: Podman, registry: Registry, pulled: Pulled) -> None:
    """Assert that the images are in read-write storage, run, and are as after any pull."""
    form = "{{.Repository}}:{{.Tag}} {{.ReadOnly}}"
    listed = podman.podman("images", f"--format={form}").stdout.splitlines()
    assert {f"{registry.host}/{name}:1 false" for name in IMAGES} <= set(listed)
    for name in IMAGES:
        assert podman.run(f"{registry.host}/{name}:1", "cat", "/etc/motd").stdout == f"{name}\n"
    assert check(podman) == pulled.damaged
