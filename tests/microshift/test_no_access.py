"""Without network, or without the pull secret: one clear message at once, and nothing half-made."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.microshift.make import make_containers
from tests.microshift.stand_in import (
    LVMS,
    OCP,
    PASSWORD,
    QUAY,
    REDHAT,
    USER,
    VERSION,
    Registries,
    Release,
    fake_release,
    layers_of,
    write_files,
)
from tests.support.product import REPOSITORY, Paack
from tests.support.rights import OFFLINE

SECRET = "https://console.redhat.com/openshift/install/pull-secret"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("no-access")


@pytest.fixture(scope="module")
def registries(base: Path) -> Iterator[Registries]:
    with Registries(base, users={USER: PASSWORD}, tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def release(registries: Registries, base: Path) -> Release:
    """A core of two images, one on each registry."""
    layers = layers_of(base, "pod")
    pod = registries.push(QUAY, OCP, "pod", layers).per_arch
    lvms = registries.push(REDHAT, LVMS, "1", layers).per_arch
    images = {
        "x86_64": (pod["amd64"], lvms["amd64"]),
        "aarch64": (pod["arm64"], lvms["arm64"]),
    }
    return {
        "core": {
            arch: {
                "pod": f"{QUAY}/{OCP}@{digests[0]}",
                "lvms_operator": f"{REDHAT}/{LVMS}@{digests[1]}",
            }
            for arch, digests in images.items()
        }
    }


@pytest.fixture
def paack(registries: Registries, release: Release, tmp_path: Path) -> Paack:
    registries.trust(tmp_path)
    environment = {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": ""}
    return with_set(Paack(tmp_path, registries.registries_conf(tmp_path), environment), release)


def with_set(paack: Paack, release: Release) -> Paack:
    files = write_files(paack.home / "files", release)
    given = ["--from", str(files), "--version", VERSION]
    paack.call("microshift.import", *given, "--sets", str(paack.home / "sets"))
    return paack


def remains(paack: Paack) -> set[str]:
    """Return the files there are, without blobs: those that arrived whole are kept."""
    found = (path.relative_to(paack.home) for path in paack.home.rglob("*") if path.is_file())
    return {str(path) for path in found if "blobs" not in path.parts}


def check(paack: Paack, *variables: str, said: str, prefix: tuple[str, ...] = ()) -> None:
    """Assert that make fails for paack's exit status 6, says why, and leaves nothing."""
    before = remains(paack)
    done = make_containers(paack, f"VERSION={VERSION}", *variables, prefix=prefix)
    assert "Error 6" in done.stderr
    errors = re.findall(r"^error: .*", done.stderr, re.MULTILINE)
    assert len(errors) == 1, done.stderr
    assert re.search(said, done.stderr, re.DOTALL), done.stderr
    assert "Traceback" not in done.stderr
    assert ".rpm" not in done.stdout
    assert remains(paack) == before


def test_no_network(paack: Paack) -> None:
    """The registry, the secret, and where to get it: at once, not after all images' retries."""
    started = time.monotonic()
    said = rf"(quay.io|registry.redhat.io) cannot be reached.*{SECRET}.*AUTHFILE="
    check(paack, said=said, prefix=OFFLINE)
    assert time.monotonic() - started < 40


def test_a_fresh_clone_without_network(paack: Paack) -> None:
    """The shipped sets, by no other variable than one for what is written."""
    said = rf"quay.io/openshift-release-dev/\S+: quay.io cannot be reached.*{SECRET}.*AUTHFILE="
    clone = paack.home / "clone"
    clone.mkdir()
    shipped = REPOSITORY / "microshift-images"
    for file in shipped.glob("*.yaml"):
        (clone / file.name).write_bytes(file.read_bytes())
    fresh = Paack(paack.home / "clone", None, {"HOME": str(clone), "REGISTRY_AUTH_FILE": ""})
    started = time.monotonic()
    done = make_containers(fresh, f"SETS={clone}", prefix=OFFLINE)
    assert "Error 6" in done.stderr
    assert re.search(said, done.stderr, re.DOTALL), done.stderr
    assert f"lock    {clone}/4.22.7/" in done.stderr
    assert time.monotonic() - started < 60
    assert sorted(path.name for path in clone.glob("4*")) == sorted(
        path.name for path in shipped.glob("4*.yaml")
    )


def test_no_secret(paack: Paack) -> None:
    check(
        paack,
        said=rf"(quay.io|registry.redhat.io) refuses access.*{SECRET}.*AUTHFILE=.*"
        "REGISTRY_AUTH_FILE=",
    )


@pytest.mark.parametrize("name", [QUAY, REDHAT])
def test_the_message_names_the_registry(paack: Paack, registries: Registries, name: str) -> None:
    (other,) = {QUAY, REDHAT} - {name}
    secret = registries.pull_secret(paack.home / "secret", [other])
    check(paack, f"AUTHFILE={secret}", said=f"{name} refuses access.*{SECRET}")


def test_a_secret_that_is_not_there(paack: Paack) -> None:
    done = paack.call("microshift", "--sets", "sets", "--authfile", "no-secret", check=False)
    assert (done.returncode, "no-secret: there is no such file" in done.stderr) == (2, True)


def test_the_secret_from_the_environment(paack: Paack, registries: Registries) -> None:
    paack.environment["REGISTRY_AUTH_FILE"] = str(registries.pull_secret(paack.home / "secret"))
    done = paack.call("microshift.lock", "--version", VERSION, "--sets", "sets")
    assert done.stdout == f"sets/{VERSION}/microshift-containers.lock.yaml\n"


def test_other_namespaces_want_no_secret(paack: Paack) -> None:
    """quay.io is not asked for OpenShift's secret where it holds OKD's images."""
    release = fake_release()
    for images in release["core"].values():
        for name in images:
            images[name] = images[name].replace(OCP, "okd/scos-content")
    paack.home.joinpath("okd").mkdir()
    okd = Paack(paack.home / "okd", paack.registries_conf, paack.environment)
    done = with_set(okd, release).call("microshift.lock", "--sets", "sets", check=False)
    assert (done.returncode, SECRET in done.stderr) == (6, False)
    assert "podman login quay.io" in done.stderr
