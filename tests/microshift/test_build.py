"""A whole stand-in release, from registries with TLS and password, by `make`, onto a host."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.microshift.make import make_containers
from tests.microshift.stand_in import (
    PASSWORD,
    PAUSE_SAYS,
    QUAY,
    REDHAT,
    TOKEN,
    USER,
    VERSION,
    Registries,
    Release,
    push_release,
    write_files,
)
from tests.support.commands import run
from tests.support.image_directory import RPM_ARCHES
from tests.support.podman import Podman
from tests.support.product import Paack, unpack_rpm
from tests.support.registry import Registry
from tests.support.rpm_query import provides, requires, tags
from tests.support.traffic import Traffic

NAME = "microshift-containers"
TOOLS = ("skopeo", "rpmbuild")


@dataclass(frozen=True)
class Built:
    """What `make microshift-containers` printed and left."""

    home: Path
    release: Release
    rpms: Mapping[tuple[str, str], Path]
    said: str
    arguments: str
    sent: Counter[str]

    def sets(self) -> Path:
        """Return the directory of the set."""
        return self.home / "sets" / VERSION

    def of(self, arch: str) -> list[Path]:
        """Return the RPMs of an arch."""
        return [rpm for (_, its), rpm in self.rpms.items() if its == arch]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("microshift")


@pytest.fixture(scope="module")
def registries(base: Path) -> Iterator[Registries]:
    with Registries(base, users={USER: PASSWORD}, tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def release(registries: Registries, base: Path) -> Release:
    return push_release(registries, base)


@pytest.fixture(scope="module")
def paack(registries: Registries, release: Release, base: Path) -> Paack:
    """The program, with the set imported, and tools that write down their arguments."""
    home = base / "home"
    home.mkdir()
    registries.trust(home)
    files = write_files(base / "files", release)
    log = json.dumps(str(base / "arguments"))
    tools = base / "tools"
    tools.mkdir()
    for tool in TOOLS:
        wrapper = tools / tool
        program = shutil.which(tool)
        wrapper.write_text(f'#!/bin/sh\necho "{tool} $*" >>{log}\nexec {program} "$@"\n')
        wrapper.chmod(0o755)
    environment = {"HOME": str(home), "PATH": f"{tools}:{os.environ['PATH']}"}
    paack = Paack(home, registries.registries_conf(base), environment)
    sets = str(home / "sets")
    paack.call("microshift.import", "--from", str(files), "--version", VERSION, "--sets", sets)
    return paack


@pytest.fixture(scope="module")
def built(paack: Paack, registries: Registries, release: Release, base: Path) -> Built:
    secret = registries.pull_secret(paack.home / "pull-secret")
    traffic = [Traffic(registry) for registry in registries.hosts.values()]
    done = make_containers(paack, f"VERSION={VERSION}", f"AUTHFILE={secret}")
    assert done.returncode == 0, done.stderr
    sent = sum((each.blobs() for each in traffic), Counter[str]())
    paths = [Path(line) for line in done.stdout.splitlines() if line.endswith(".rpm")]
    rpms = {(tags(path, "%{NAME}"), tags(path, "%{ARCH}")): path for path in paths}
    arguments = (base / "arguments").read_text()
    return Built(paack.home, release, rpms, done.stdout + done.stderr, arguments, sent)


def package(component: str) -> str:
    return NAME if component == "core" else f"{NAME}-{component}"


def test_a_package_per_component_and_arch(built: Built) -> None:
    assert set(built.rpms) == {
        (package(component), arch) for component, arches in built.release.items() for arch in arches
    }


def test_every_image_is_provided(built: Built) -> None:
    for (name, arch), rpm in built.rpms.items():
        component = name.removeprefix(NAME).removeprefix("-") or "core"
        prefix = "" if component == "core" else f"{component}/"
        images = built.release[component][arch]
        given = provides(rpm)
        assert {each for each in given if each.startswith("microshift-image")} == {
            f"microshift-image({prefix}{image}) = {VERSION}" for image in images
        }
        assert {f"container-image({reference})" for reference in images.values()} <= given


def test_the_tie_to_microshift(built: Built) -> None:
    for (name, _), rpm in built.rpms.items():
        conflicts = run(["rpm", "-qp", "--conflicts", str(rpm)]).stdout.splitlines()
        assert conflicts == [f"microshift < {VERSION}", f"microshift > {VERSION}"]
        ours = {each for each in requires(rpm) if each.startswith("microshift")}
        assert ours == (set() if name == NAME else {f"{NAME} = {VERSION}"})


@pytest.mark.parametrize("arch", RPM_ARCHES)
def test_images_resolve_on_a_host(built: Built, base: Path, arch: str) -> None:
    """By the references in the release files, from a host that installed the RPMs."""
    references = {
        reference
        for arches in built.release.values()
        for reference in arches.get(arch, {}).values()
    }
    with Podman("debian12", base) as podman:
        rpms = [str(rpm) for rpm in built.of(arch)]
        podman.host.run(["rpm", "-i", "--nodeps", "--ignorearch", *rpms])
        for rpm in built.of(arch):
            # What the mount unit does where systemd runs.
            name = tags(rpm, "%{NAME}")
            path = f"/usr/lib/{NAME}/{name.removeprefix(NAME).removeprefix('-') or 'core'}"
            image = Path(f"{path}.squashfs")
            podman.mount_image(image, Path(f"/run/paack/{name}"), "squashfs")
            assert podman.host.run(["readlink", path]).stdout.strip() == f"/run/paack/{name}"
        missing = {
            reference
            for reference in references
            if podman.podman("image", "exists", reference, check=False).returncode
        }
        assert missing == set()
        if arch == "x86_64":
            pause = built.release["core"][arch]["pod"]
            assert podman.run(pause, "/usr/bin/pod").stdout == f"{PAUSE_SAYS}, for amd64\n"
    assert len(references) >= 12


def layers(built: Built, component: str) -> set[str]:
    lock = yaml.safe_load((built.sets() / f"{package(component)}.lock.yaml").read_text())
    return {layer["digest"] for image in lock["images"] for layer in image["layers"]}


def test_each_layer_is_fetched_once(built: Built) -> None:
    per_component = [layers(built, component) for component in built.release]
    every = set.union(*per_component)
    assert len(every) < sum(map(len, per_component))  # all share busybox
    assert {layer: built.sent[layer] for layer in every} == dict.fromkeys(every, 1)


def test_the_secret_is_nowhere(built: Built, tmp_path: Path) -> None:
    secrets = (USER.encode(), PASSWORD.encode(), TOKEN.encode())
    texts = {"said": built.said.encode(), "arguments": built.arguments.encode()}
    assert b"skopeo " in texts["arguments"]
    for lock in built.sets().glob("*.lock.yaml"):
        texts[lock.name] = lock.read_bytes()
    for path in (built.home / "out").rglob("*"):
        if path.is_file():
            texts[str(path)] = path.read_bytes()
    (srpm,) = (Path(line) for line in srpm_of(built))
    for rpm in (*built.rpms.values(), srpm):
        tree = unpack_rpm(rpm, tmp_path / rpm.name)
        texts[str(rpm)] = rpm.read_bytes()
        for path in tree.rglob("*"):
            if path.is_file() and not path.is_symlink():
                texts[f"{rpm.name}:{path}"] = path.read_bytes()
            if path.suffix == ".squashfs":
                unpacked = f"{path}.tree"
                run(["unsquashfs", "-quiet", "-no-progress", "-dest", unpacked, str(path)])
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink():
            texts.setdefault(str(path), path.read_bytes())
    assert len(texts) > 100
    assert [name for name, text in texts.items() if any(each in text for each in secrets)] == []


def srpm_of(built: Built) -> list[str]:
    """Make the source RPM of one component alone, from its lock and the cache."""
    paack = Paack(built.home)
    options = ["--components", "gateway-api", "--no-core", "--srpm", "--frozen"]
    where = ["--sets", str(built.home / "sets"), "--output", str(paack.output)]
    return paack.call("microshift", VERSION, *options, *where).stdout.splitlines()


def test_mirrors_serve_the_same_locks(
    built: Built, registries: Registries, base: Path, tmp_path: Path
) -> None:
    """Without a password, from one mirror of both: the same RPM, byte for byte."""
    mirror = Registry(base)
    for registry in registries.hosts.values():
        shutil.copytree(registry.storage, mirror.storage, dirs_exist_ok=True)
    shutil.copytree(built.home / "sets", tmp_path / "sets")
    with mirror:
        conf = tmp_path / "registries.conf"
        conf.write_text(
            "".join(
                f'[[registry]]\nlocation = "{name}"\n[[registry.mirror]]\n'
                f'location = "{mirror.host}"\ninsecure = true\n'
                for name in (QUAY, REDHAT)
            )
        )
        paack = Paack(tmp_path, conf)
        options = ["--sets", "sets", "--frozen", "--arch", "x86_64", "--output", "out"]
        done = paack.call("microshift", "--version", VERSION, "--components", "olm", *options)
    made = [tmp_path / line for line in done.stdout.splitlines()]
    ours = [built.rpms[package(each), "x86_64"] for each in ("core", "olm")]
    assert list(map(sha256, made)) == list(map(sha256, ours))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
