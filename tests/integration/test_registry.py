"""Images for two architectures, from a real registry into RPMs, with a single `paack build`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import rpm_query
from tests.support.additional_store import AdditionalStore
from tests.support.commands import run
from tests.support.debian import ARCHES, busybox_rootfs, debian_rootfs, push_multiarch, text_layer
from tests.support.image_directory import Arch, Digests
from tests.support.manifest import all_layers, layer_digests, manifest, raw_manifest
from tests.support.podman import KINDS, Kind, Podman
from tests.support.product import Paack, definition_text, store_image, unpack_rpm
from tests.support.registry import Registry
from tests.support.traffic import Traffic
from tests.support.tree import diff_trees

NAME = "registry-containers"
RPM_ARCH: dict[Arch, str] = {"amd64": "x86_64", "arm64": "aarch64"}
ISA: dict[Arch, str] = {"amd64": "x86-64", "arm64": "aarch-64"}


@dataclass(frozen=True)
class Built:
    """RPMs of one call of `paack build`, the images in them, and the blobs that it fetched."""

    rpms: dict[Arch, Path]
    images: dict[str, Digests]
    blobs: dict[str, int]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        yield running


@pytest.fixture(scope="module")
def images(registry: Registry, base: Path) -> dict[str, Digests]:
    """`debian` (capabilities, many owners), `app` and `twin`, which share their base layer."""
    pushed = {
        name: push_app(registry, base, name, text)
        for name, text in (("app", "hello\n"), ("twin", "hello again\n"))
    }
    roots = {arch: [debian_rootfs(arch)] for arch in ARCHES}
    pushed["debian"] = push_multiarch(registry, "debian", "1", roots, compression="zstd")
    return pushed


@pytest.fixture(scope="module")
def built(registry: Registry, images: dict[str, Digests], base: Path) -> Built:
    """Two images by tag, one by list digest, for both arches."""
    wanted = [f"{registry.host}/{name}:1" for name in ("debian", "app")]
    wanted.append(f"{registry.host}/twin@{images['twin'].list}")
    paack = Paack(made(base / "built"), registry.registries_conf)
    traffic = Traffic(registry)
    rpms = paack.build(paack.define(definition_text(NAME, wanted, arches=tuple(RPM_ARCH.values()))))
    sent = traffic.blobs(all_layers(registry, images))
    return Built(
        {arch: rpm_query.of_arch(rpms, RPM_ARCH[arch]) for arch in ARCHES}, images, dict(sent)
    )


def made(directory: Path) -> Path:
    """Make a directory and return it."""
    directory.mkdir()
    return directory


def push_app(
    registry: Registry, base: Path, name: str, text: str, arches: Sequence[Arch] = ARCHES
) -> Digests:
    """Push `name:1`: busybox and a layer with `text` in /etc/motd."""
    top = text_layer(base / f"{name}.tar", {"etc/motd": text}, deleted=["etc/group"])
    return push_multiarch(
        registry, name, "1", {arch: [busybox_rootfs(arch), top] for arch in arches}
    )


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("arch", ARCHES)
def test_rpm_metadata(built: Built, registry: Registry, arch: Arch) -> None:
    rpm = built.rpms[arch]
    described = rpm_query.tags(
        rpm, "%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{OS} %{PAYLOADFORMAT} %{SOURCERPM}"
    )
    assert described == f"{NAME} 1.0 1 {RPM_ARCH[arch]} linux cpio {NAME}-1.0-1.src.rpm"
    assert rpm_query.provides(rpm) == {
        f"{NAME} = 1.0-1",
        f"{NAME}({ISA[arch]}) = 1.0-1",
        *(
            f"container-image({registry.host}/{name}{reference})"
            for name, digests in built.images.items()
            for reference in (f"@{digests.list}", f"@{digests.per_arch[arch]}", ":1")
            if (name, reference) != ("twin", ":1")  # it is asked for by digest only
        ),
    }


@pytest.mark.parametrize("arch", ARCHES)
def test_rpm_needs_nothing_but_rpm_and_a_shell(built: Built, arch: Arch) -> None:
    needs = rpm_query.requires(built.rpms[arch])
    assert {need for need in needs if not need.startswith("rpmlib(")} <= {"/bin/sh"}
    checked = run(["rpm", "--checksig", "--verbose", str(built.rpms[arch])]).stdout
    assert "Payload SHA256 digest: OK" in checked


@pytest.mark.parametrize("arch", ARCHES)
def test_each_rpm_holds_the_images_of_its_arch(
    built: Built, registry: Registry, base: Path, arch: Arch, tmp_path: Path
) -> None:
    (other,) = set(ARCHES) - {arch}
    store = store_image(unpack_rpm(built.rpms[arch], tmp_path))
    with Podman("debian12", base, shared=[tmp_path]) as podman, AdditionalStore.of(podman, store):
        for name, digests in built.images.items():
            repository = f"{registry.host}/{name}"
            image = f"{repository}@{digests.per_arch[arch]}"
            seen = podman.podman("image", "inspect", "--format={{.Architecture}} {{.Id}}", image)
            config = manifest(registry, name, digests.per_arch[arch])["config"]["digest"]
            assert seen.stdout.strip() == f"{arch} {config.removeprefix('sha256:')}"
            raw = podman.host.run(["skopeo", "inspect", "--raw", f"containers-storage:{image}"])
            assert raw.stdout == raw_manifest(registry, name, f"@{digests.per_arch[arch]}")
            foreign = f"{repository}@{digests.per_arch[other]}"
            assert podman.podman("image", "exists", foreign, check=False).returncode == 1


@pytest.mark.parametrize("kind", KINDS)
def test_foreign_tree_equals_pull(
    built: Built, registry: Registry, base: Path, kind: Kind, tmp_path: Path
) -> None:
    store = store_image(unpack_rpm(built.rpms["arm64"], tmp_path))
    names = [f"{registry.host}/{name}@{digests.list}" for name, digests in built.images.items()]
    with Podman(kind, base, registries_conf=registry.registries_conf, shared=[tmp_path]) as podman:
        podman.podman("pull", "--quiet", "--arch=arm64", *(f"docker://{name}" for name in names))
        pulled = {name: podman.tree(name) for name in names}
        podman.podman("rmi", *names)
        with AdditionalStore.of(podman, store):
            found = {name: diff_trees(pulled[name], podman.tree(name)) for name in names}
    assert found == {name: [] for name in names}
    assert sum(len(tree) for tree in pulled.values()) > 1000


def test_each_layer_is_fetched_once(built: Built, registry: Registry) -> None:
    layers = all_layers(registry, built.images)
    per_image = [
        layer
        for name, digests in built.images.items()
        for layer in layer_digests(registry, name, digests.per_arch["amd64"])
    ]
    assert len(per_image) == len(set(per_image)) + 1  # the base that app and twin share
    assert {layer: built.blobs[layer] for layer in layers} == dict.fromkeys(layers, 1)


def test_from_lock_and_cache_nothing_is_fetched(
    registry: Registry, images: dict[str, Digests], base: Path
) -> None:
    paack = Paack(made(base / "offline"), registry.registries_conf)
    definition = paack.define(
        definition_text("offline", [f"{registry.host}/app:1"], arches=("x86_64", "aarch64"))
    )
    first = [sha256(rpm) for rpm in paack.build(definition)]
    build = ("build", "--frozen", "--def", str(definition), "--output")
    traffic = Traffic(registry)
    paack.call(*build, str(paack.home / "again"))
    assert traffic.requests() == []
    registry.stop()
    try:
        done = paack.call(*build, str(paack.home / "offline"))
    finally:
        registry.start()
    assert [sha256(Path(line)) for line in done.stdout.splitlines()] == first
    assert images["app"].list in definition.with_suffix(".lock.yaml").read_text()


def test_a_moved_tag(registry: Registry, base: Path) -> None:
    image = f"{registry.host}/moving:1"
    old = push_app(registry, base, "moving", "old\n", arches=["amd64"])
    paack = Paack(made(base / "moving"), registry.registries_conf)
    definition = paack.define(definition_text("moving", [image]))
    paack.call("lock", "--def", str(definition))
    new = push_app(registry, base, "moving", "new\n", arches=["amd64"])
    old_digest, new_digest = old.per_arch["amd64"], new.per_arch["amd64"]

    (rpm,) = paack.build(definition)  # fetches what the lock names
    assert f"container-image({registry.host}/moving@{old_digest})" in rpm_query.provides(rpm)
    assert paack.call("lock", "--def", str(definition)).stderr.strip() == "no change"

    traffic = Traffic(registry)
    said = paack.call("lock", "--def", str(definition), "--update").stderr
    change = (
        f"~ {image} (x86_64): {old_digest[7:19]} of 2026-01-02 -> {new_digest[7:19]} of 2026-01-02,"
        r" 1 of 2 layers new (N bytes)"
    )
    assert re.sub(r"\d+ bytes", "N bytes", said.strip().splitlines()[-1]) == change
    (rpm,) = paack.build(definition)
    assert f"container-image({registry.host}/moving@{new_digest})" in rpm_query.provides(rpm)
    base_layer, top = layer_digests(registry, "moving", new_digest)
    sent = traffic.blobs([top])
    assert (sent[base_layer], sent[top]) == (0, 1)


def test_cached_layers_serve_other_definitions(
    registry: Registry, images: dict[str, Digests], base: Path
) -> None:
    paack = Paack(made(base / "sharing"), registry.registries_conf)
    paack.build(paack.define(definition_text("one", [f"{registry.host}/app:1"])))
    traffic = Traffic(registry)
    paack.build(paack.define(definition_text("two", [f"{registry.host}/twin:1"]), "two.yaml"))
    base_layer, top = layer_digests(registry, "twin", images["twin"].per_arch["amd64"])
    sent = traffic.blobs([top])
    assert (sent[base_layer], sent[top]) == (0, 1)


@pytest.mark.parametrize("given", ["--authfile", "REGISTRY_AUTH_FILE"])
def test_tls_and_password(base: Path, given: str, tmp_path: Path) -> None:
    layer = text_layer(tmp_path / "layer.tar", {"hello": "hello\n"})
    with Registry(base, users={"ada": "s3cret"}, tls=True) as registry:
        digests = push_multiarch(registry, "private", "1", {"amd64": [layer]})
        paack = Paack(tmp_path, registry.registries_conf, {"HOME": str(tmp_path)})
        definition = paack.define(definition_text("private", [f"{registry.host}/private:1"]))
        lock = ("lock", "--def", str(definition))
        credentials = str(registry.authfile("ada", "s3cret"))
        options = ["--authfile", credentials] if given == "--authfile" else []
        if not options:
            paack.environment["REGISTRY_AUTH_FILE"] = credentials
        untrusted = paack.call(*lock, *options, check=False)
        assert (untrusted.returncode, "certificate" in untrusted.stderr) == (6, True)

        trusted = tmp_path / ".config/containers/certs.d" / registry.host
        trusted.mkdir(parents=True)
        assert registry.certificates is not None
        (trusted / "ca.crt").write_bytes((registry.certificates / "ca.crt").read_bytes())
        wrong = str(registry.authfile("ada", "wrong"))
        refused = paack.call(*lock, "--authfile", wrong, check=False)
        assert (refused.returncode, "refuses access" in refused.stderr) == (6, True)

        (rpm,) = paack.build(definition, *options)
        assert f"container-image({registry.host}/private@{digests.list})" in rpm_query.provides(rpm)


def test_a_mirror_serves_an_unchanged_lock(
    registry: Registry, images: dict[str, Digests], base: Path, tmp_path: Path
) -> None:
    """The names are those of the original, and neither lock nor RPM tells which mirror it was."""
    outputs: list[tuple[str, list[str]]] = []
    text = definition_text("mirrored", ["quay.io/paack/app:1"], arches=("x86_64", "aarch64"))
    with Registry(base) as second:
        assert push_app(second, base, "app", "hello\n") == images["app"]
        for number, mirror in enumerate((registry, second)):
            paack = Paack(made(tmp_path / str(number)), mirror_conf(mirror, tmp_path))
            definition = paack.define(text)
            lock = definition.with_suffix(".lock.yaml")
            if outputs:
                lock.write_text(outputs[0][0])
            layers = all_layers(mirror, {"app": images["app"]})
            traffic = Traffic(mirror)
            rpms = paack.build(definition)
            assert traffic.blobs(layers).keys() >= layers
            outputs.append((lock.read_text(), [sha256(rpm) for rpm in rpms]))
    assert outputs[0] == outputs[1]
    assert "container-image(quay.io/paack/app:1)" in rpm_query.provides(rpms[0])
    assert images["app"].list in outputs[0][0]
    assert "127.0.0.1" not in outputs[0][0]


def mirror_conf(mirror: Registry, directory: Path) -> Path:
    """Write a registries.conf(5) in which `mirror` serves quay.io/paack."""
    path = directory / "registries.conf"
    path.write_text(
        '[[registry]]\nprefix = "quay.io/paack"\nlocation = "quay.io/paack"\n'
        f'[[registry.mirror]]\nlocation = "{mirror.host}"\ninsecure = true\n'
    )
    return path
