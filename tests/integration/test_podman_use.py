"""The store of a built RPM in use: podman lists, runs, copies and saves what is in it.

Each podman's own ordinary pull of the same images is the measure.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import oddities
from tests.support.additional_store import AdditionalStore
from tests.support.commands import run
from tests.support.debian import ARCHES, busybox_rootfs, push_multiarch, text_layer
from tests.support.image_directory import Digests
from tests.support.manifest import manifest, raw_manifest
from tests.support.podman import KINDS, Kind, Podman
from tests.support.product import Paack, definition_text, store_image, unpack_rpm
from tests.support.registry import Registry

#: `app` runs and has gzip layers; `plain` and `odd` have uncompressed ones; those of `odd` hold
#: everything that a layer may hold, sparse files included.
IMAGES = ("app", "plain", "odd")
ODD_LAYERS = ("files", "lower", "upper", "empty")
OTHER: dict[Kind, Kind] = {"debian12": "debian13", "debian13": "debian12"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("use")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        yield running


@pytest.fixture(scope="module")
def pushed(registry: Registry, base: Path) -> dict[str, Digests]:
    """The images, in the registry."""
    motd = text_layer(base / "motd.tar", {"etc/motd": "from the store\n"}, deleted=["etc/group"])
    plain = [text_layer(base / f"{name}.tar", {f"{name}.txt": name * 5000}) for name in "ab"]
    odd = []
    for name in ODD_LAYERS:
        odd.append(base / f"{name}.tar")
        odd[-1].write_bytes(oddities.ALL[name]())
    # No layer is in the registry in two forms: podman would take either when it pushes.
    app = {arch: [busybox_rootfs(arch), motd] for arch in ARCHES}
    return {
        "app": push_multiarch(registry, "app", "1", app),
        "plain": push_multiarch(registry, "plain", "1", {"amd64": plain}, compression="none"),
        "odd": push_multiarch(registry, "odd", "1", {"amd64": odd}, compression="none"),
    }


@pytest.fixture(scope="module")
def store(registry: Registry, pushed: dict[str, Digests], base: Path) -> Path:
    """The store image, out of an RPM."""
    paack = Paack(base, registry.registries_conf)
    images = [f"{registry.host}/{name}:1" for name in pushed]
    (rpm,) = paack.build(paack.define(definition_text("use-containers", images)))
    return store_image(unpack_rpm(rpm, base / "rpm"))


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture(scope="module")
def pulled(
    kind: Kind, base: Path, registry: Registry, pushed: dict[str, Digests]
) -> Iterator[Podman]:
    """A host that pulled the images."""
    with Podman(kind, base, registries_conf=registry.registries_conf) as podman:
        for name in pushed:
            podman.podman("pull", "--quiet", f"docker://{registry.host}/{name}:1")
        yield podman


@pytest.fixture(scope="module")
def device(kind: Kind, base: Path, store: Path) -> Iterator[Podman]:
    """A host that has the images in the store, and knows of no registry."""
    with Podman(kind, base) as podman, AdditionalStore.of(podman, store):
        yield podman


def listing(podman: Podman, *fields: str) -> list[str]:
    """Return what `podman images` shows, a sorted line per image."""
    columns = " ".join("{{.%s}}" % field for field in fields)  # noqa: UP031
    return sorted(podman.podman("images", f"--format={columns}").stdout.splitlines())


def copy(podman: Podman, source: str, destination: str, *options: str, check: bool = True) -> str:
    """Let the host's skopeo copy an image and return what it complains of."""
    command = ["skopeo", "copy", "--quiet", *options, source, destination]
    return podman.host.run(command, check=check).stderr


def digest_of(content: str | bytes) -> str:
    """Return the digest of some bytes."""
    raw = content.encode() if isinstance(content, str) else content
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def diff_ids(podman: Podman, image: str) -> list[str]:
    """Return the digests of the uncompressed layers, as podman knows them."""
    shown = podman.podman("image", "inspect", "--format={{json .RootFS.Layers}}", image).stdout
    found: list[str] = json.loads(shown)
    return found


def test_listed_as_after_a_pull_but_read_only(device: Podman, pulled: Podman) -> None:
    fields = ("Repository", "Tag", "Digest", "ID", "Created", "Size")
    assert listing(device, *fields) == listing(pulled, *fields)
    assert listing(device, "ReadOnly") == ["true"] * len(IMAGES)
    assert listing(pulled, "ReadOnly") == ["false"] * len(IMAGES)


@pytest.mark.parametrize("name", IMAGES)
def test_inspected_as_after_a_pull(
    device: Podman, pulled: Podman, registry: Registry, name: str
) -> None:
    def inspect(podman: Podman) -> dict[str, Any]:
        shown = podman.podman("image", "inspect", f"{registry.host}/{name}:1").stdout
        (described,) = json.loads(shown)
        where = described.pop("GraphDriver")["Data"]["UpperDir"]
        assert podman.host.outside(Path(where)).is_dir()
        return dict(described, NamesHistory=None)  # a store has none

    assert inspect(device) == inspect(pulled)


@pytest.mark.parametrize("by", ["tag", "list digest", "arch digest", "ID"])
def test_runs_offline(
    device: Podman, registry: Registry, pushed: dict[str, Digests], by: str
) -> None:
    repository, digests = f"{registry.host}/app", pushed["app"]
    image = {
        "tag": f"{repository}:1",
        "list digest": f"{repository}@{digests.list}",
        "arch digest": f"{repository}@{digests.per_arch['amd64']}",
        "ID": device.podman("images", "--quiet", f"{repository}:1").stdout.strip(),
    }[by]
    script = "cat /etc/motd; test ! -e /etc/group && echo x > /new && cat /new"
    ran = device.run(image, "sh", "-c", script)
    assert ran.stdout == "from the store\nx\n"
    assert device.podman("ps", "--all", "--quiet").stdout == ""


def test_cannot_be_removed(device: Podman, registry: Registry) -> None:
    refused = device.podman("rmi", f"{registry.host}/app:1", check=False)
    assert (refused.returncode, "read-only image" in refused.stderr) == (125, True)
    device.podman("image", "prune", "--all", "--force")
    assert len(listing(device, "ID")) == len(IMAGES)


@pytest.mark.parametrize("spoilt", [False, True])
def test_podman_checks_every_layer(base: Path, store: Path, tmp_path: Path, spoilt: bool) -> None:
    """`podman system check` (5.x) reads each layer and compares it with its tar-split."""
    if spoilt:
        store = with_another_motd(store, tmp_path)
    with Podman("debian13", base, shared=[tmp_path]) as podman, AdditionalStore.of(podman, store):
        found = podman.podman("system", "check", check=False)
    assert found.returncode == (125 if spoilt else 0)
    assert ('checksum failed for "etc/motd"' in found.stdout) == spoilt


def with_another_motd(store: Path, directory: Path) -> Path:
    """Make a copy of a store image in which one file has other content."""
    tree, copied = directory / "tree", directory / "spoilt.squashfs"
    run(["unsquashfs", "-quiet", "-no-progress", "-dest", str(tree), str(store)])
    (motd,) = tree.glob("overlay/*/diff/etc/motd")
    motd.write_text("from the stork\n")
    run(["mksquashfs", str(tree), str(copied), "-quiet", "-no-progress"])
    return copied


@pytest.mark.parametrize("name", IMAGES)
def test_manifests_are_the_originals(
    device: Podman, pulled: Podman, registry: Registry, pushed: dict[str, Digests], name: str
) -> None:
    digests = pushed[name]
    arch = digests.per_arch["amd64"]
    wanted = {":1": arch, f"@{digests.list}": digests.list, f"@{arch}": arch}
    for podman in (device, pulled):
        for reference, digest in wanted.items():
            image = f"containers-storage:{registry.host}/{name}{reference}"
            raw = podman.host.run(["skopeo", "inspect", "--raw", image]).stdout
            assert raw == raw_manifest(registry, name, f"@{digest}")
            assert digest_of(raw) == digest


def test_uncompressed_image_is_copied_as_it_was(
    device: Podman, pulled: Podman, registry: Registry, pushed: dict[str, Digests]
) -> None:
    for podman in (device, pulled):
        target = podman.home / "plain"
        source = f"containers-storage:{registry.host}/plain:1"
        copy(podman, source, f"dir:{target}", "--preserve-digests")
        assert (
            digest_of((target / "manifest.json").read_bytes())
            == (pushed["plain"].per_arch["amd64"])
        )
        assert_blobs(target, diff_ids(podman, f"{registry.host}/plain:1"))


def assert_blobs(directory: Path, digests: list[str]) -> None:
    """Assert that each blob is in a directory of `dir:`, byte for byte."""
    for digest in digests:
        assert digest_of((directory / digest.removeprefix("sha256:")).read_bytes()) == digest


def test_odd_layers_are_copied_as_they_were(
    device: Podman, pulled: Podman, registry: Registry, pushed: dict[str, Digests]
) -> None:
    """podman cannot give back sparse files, or files behind an absolute symlink, from its own.

    The tar-split that it writes at a pull misses them; it reads them well from ours.
    """
    source = f"containers-storage:{registry.host}/odd:1"
    target = device.home / "odd"
    copy(device, source, f"dir:{target}", "--preserve-digests")
    assert digest_of((target / "manifest.json").read_bytes()) == pushed["odd"].per_arch["amd64"]
    layers = diff_ids(device, f"{registry.host}/odd:1")
    assert len(layers) == len(ODD_LAYERS)
    assert_blobs(target, layers)
    complaint = copy(pulled, source, f"dir:{pulled.home / 'odd'}", check=False)
    assert "Digest did not match" in complaint


def test_compressed_image_is_pushed_back_as_it_was(
    kind: Kind, base: Path, registry: Registry, pushed: dict[str, Digests], store: Path
) -> None:
    """Local storage holds no compressed layer: the blobs must be in the registry, and known.

    podman remembers from a pull which blobs are the compressed forms of which layers.
    """
    source, wanted = f"containers-storage:{registry.host}/app:1", pushed["app"].per_arch["amd64"]

    def push(podman: Podman, tag: str) -> str:
        copy(podman, source, f"docker://{registry.host}/app:{tag}", "--dest-tls-verify=false")
        return raw_manifest(registry, "app", f":{tag}")

    with Podman(kind, base, registries_conf=registry.registries_conf) as podman:
        podman.podman("pull", "--quiet", f"docker://{registry.host}/app:1")
        assert digest_of(push(podman, "from-pull")) == wanted
        podman.podman("rmi", f"{registry.host}/app:1")
        with AdditionalStore.of(podman, store):
            assert digest_of(push(podman, "from-store")) == wanted
    with Podman(kind, base) as podman, AdditionalStore.of(podman, store):
        # compressed anew, by another gzip: another manifest of the same image
        config = json.loads(push(podman, "from-device"))["config"]
        assert config == manifest(registry, "app", wanted)["config"]


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_saved_image_loads_elsewhere(
    device: Podman, kind: Kind, base: Path, registry: Registry, form: str
) -> None:
    image, archive = f"{registry.host}/app:1", device.home / f"app.{form}"
    device.podman("save", "--quiet", f"--format={form}", f"--output={archive}", image)
    with Podman(OTHER[kind], base) as podman:
        podman.podman("load", "--quiet", f"--input={archive}")
        assert podman.run(image, "cat", "/etc/motd").stdout == "from the store\n"
        assert diff_ids(podman, image) == diff_ids(device, image)
        assert listing(podman, "ID", "ReadOnly") == [
            f"{device.podman('images', '--quiet', image).stdout.strip()} false"
        ]


@pytest.mark.parametrize("name", IMAGES)
def test_saved_layers_have_their_digests(device: Podman, registry: Registry, name: str) -> None:
    image, archive = f"{registry.host}/{name}:1", device.home / f"{name}.tar"
    device.podman("save", "--quiet", f"--output={archive}", image)
    with tarfile.open(archive) as saved:

        def content(member: str) -> bytes:
            file = saved.extractfile(member)
            assert file is not None
            return file.read()

        (described,) = json.loads(content("manifest.json"))
        layers = [digest_of(content(layer)) for layer in described["Layers"]]
        config = digest_of(content(described["Config"]))
    assert layers == diff_ids(device, image)
    assert config.startswith(f"sha256:{device.podman('images', '--quiet', image).stdout.strip()}")


def test_ordinary_podman_cannot_save_odd_layers(pulled: Podman, registry: Registry) -> None:
    """What the store can and ordinary storage cannot; when this fails, podman has been mended."""
    image, archive = f"{registry.host}/odd:1", pulled.home / "odd.tar"
    failed = pulled.podman("save", "--quiet", f"--output={archive}", image, check=False)
    assert failed.returncode == 125
    assert re.search("Digest did not match|write too long", failed.stderr)
