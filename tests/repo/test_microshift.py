"""A repository of MicroShift's images, several versions side by side, and a device that uses it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.microshift.stand_in import (
    OCP,
    QUAY,
    Registries,
    Release,
    layers_of,
    turned,
    write_files,
)
from tests.microshift.test_tie import RELEASE, V1, V2, rpm
from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.publisher import Publisher, packages, snapshot
from tests.support.commands import run
from tests.support.image_directory import RPM_ARCHES, Digests
from tests.support.product import REPOSITORY
from tests.support.thorough import only_thorough

NAME = "microshift-containers"
LOCAL = "[local]\nname=local\nbaseurl=file://{}\ngpgcheck=0\n"


@pytest.fixture(scope="module")
def registries(base: Path) -> Iterator[Registries]:
    with Registries(base) as running:
        yield running


def push(registries: Registries, base: Path, image: str) -> Digests:
    return registries.push(QUAY, OCP, image, layers_of(base, image))


def release(digests: Digests) -> Release:
    arches = {arch: digests.per_arch[oci] for arch, oci in RPM_ARCHES.items()}
    references = {arch: f"{QUAY}/{OCP}@{digest}" for arch, digest in arches.items()}
    return {"core": turned({"pod": references}), "olm": turned({"olm": references})}


@pytest.fixture
def mine(publisher: NewPublisher, registries: Registries, base: Path) -> Publisher:
    """A publisher with a set of each version; the images of the second are nowhere yet."""
    new = publisher()
    new.paack.registries_conf = registries.registries_conf(new.home)
    # The same bytes, elsewhere: so their digests are known
    with Registries(new.home) as elsewhere:
        made = {V1: push(registries, base, "pod"), V2: push(elsewhere, base, "second")}
    for version, digests in made.items():
        files = write_files(new.home / f"files-{version}", release(digests), version)
        new.paack.call("microshift.import", "--from", str(files), "--version", version)
    return new


def make_repo(
    mine: Publisher, to: Path, versions: str, *variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `make microshift-repo`."""
    mine.paack.environment.pop("PAACK_QUIET", None)
    _, env = mine.paack.command()
    program = Path(sys.executable).parent / "paack"
    make = ["make", "-C", str(REPOSITORY), "-o", "deps", f"PAACK={program}", "microshift-repo"]
    where = [f"SETS={mine.home}/microshift-images", f"OUTPUT={mine.output}", f"TO={to}"]
    how = [f"VERSION={versions}", f"SIGN={mine.key.fingerprint}", f"URL={mine.url}/{to.name}"]
    done = [*make, *where, *how, *variables]
    return subprocess.run(done, env=env, capture_output=True, text=True, check=False)


@only_thorough
def test_two_versions_and_a_device(
    base: Path, mine: Publisher, registries: Registries, client: NewDnf
) -> None:
    """Installed, updated and downgraded by dnf, together with MicroShift."""
    to = base / "microshift"
    # An image of the second version cannot be had: nothing of either is published
    refused = make_repo(mine, to, f"{V1} {V2}")
    assert "there is no such image" in refused.stderr
    assert (refused.returncode, to.exists()) == (2, False)
    push(registries, base, "second")

    first = make_repo(mine, to, V1)
    assert first.returncode == 0, first.stderr
    assert f"curl -o /etc/yum.repos.d/{NAME}.repo {mine.url}/{to.name}/{NAME}.repo" in first.stderr
    both = make_repo(mine, to, f"{V1} {V2}")
    assert both.returncode == 0, both.stderr
    assert f"{NAME}-{V1}-1.x86_64.rpm is published" in both.stderr
    for arch in ("x86_64", "aarch64"):
        assert packages(to, arch) == sorted(
            f"{name}-{version}-1.{arch}.rpm"
            for name in (NAME, f"{NAME}-olm")
            for version in (V1, V2)
        )
    assert mine.verify(to, "--name", NAME).returncode == 0
    before = snapshot(to)
    again = make_repo(mine, to, f"{V1} {V2}")
    assert (again.returncode, "rpmbuild" in again.stderr) == (0, False)
    assert snapshot(to) == before

    local = mine.home / "local"
    local.mkdir()
    for made in (
        rpm(local, "microshift", V1, RELEASE.format(V1)),
        rpm(local, "microshift", V2, RELEASE.format(V2)),
        rpm(local, "sh", "1", "1", "Provides: /bin/sh"),
    ):
        made.rename(local / made.name)
    run(["createrepo_c", "--quiet", str(local)])
    device = client((to / f"{NAME}.repo").read_text() + "\n" + LOCAL.format(local))
    scripts = "--setopt=tsflags=noscripts"

    def state() -> list[str]:
        return [name for name in device.installed() if name.startswith("microshift")]

    def of(version: str) -> list[str]:
        images = [f"{name}-{version}-1.x86_64" for name in (NAME, f"{NAME}-olm")]
        return sorted([f"microshift-{version}-{RELEASE.format(version)}.x86_64", *images])

    device.run("install", f"microshift-{V1}", f"{NAME}-{V1}", f"{NAME}-olm", scripts)
    assert state() == of(V1)
    device.run("update", scripts)
    assert state() == of(V2)
    device.run("downgrade", "microshift", f"{NAME}*", scripts)
    assert state() == of(V1)
