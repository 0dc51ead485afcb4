"""Copr gets each package of layers once, for the chroots of its arch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from paack.helpers.rpm.device_program import program_name
from tests.farm.test_copr import FOUR, OWN, Farm
from tests.support.copr_server import CoprServer
from tests.support.farm import ARCHES
from tests.support.product import REPOSITORY, Paack, definition_text
from tests.support.workloads import MB, Layer, layer_tar

GROUP = "container-layers-"


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    paack = Paack(tmp_path)
    write(paack, "1")
    with CoprServer(tmp_path / "server") as server:
        server.projects[OWN] = list(FOUR)
        yield Farm(paack, tmp_path / "app.yaml", server)


def write(paack: Paack, version: str, kind: str = "shared") -> None:
    """Write a release: its top layer differs from that of others."""
    layers = [Layer("base", 4 * MB), Layer("top", MB, version)]
    images = [
        ImageSpec(arch, [layer_tar(paack.home, layer).read_bytes() for layer in layers])
        for arch in ARCHES
    ]
    write_image(paack.home / "layout", f"localhost/app:{version}", images)
    source = f"oci:layout:localhost/app:{version}"
    text = definition_text("app", [source], arches=ARCHES, version=f"'{version}'", layers=kind)
    paack.define(text)


def test_layers_are_built_once(farm: Farm) -> None:
    farm.publish()
    first = {build.file: sorted(build.chroots) for build in farm.server.builds.values()}
    assert first.pop("app-1-1.src.rpm") == sorted(FOUR)
    assert first.pop(f"{program_name()}-1-1.src.rpm") == sorted(FOUR)
    # Two groups: both arches have the same layers here, but packages of their own
    assert len(first) == 2 * 2
    assert all(name.startswith(GROUP) for name in first)
    for arch in ARCHES:
        wanted = [each for each in sorted(FOUR) if each.endswith(arch)]
        assert list(first.values()).count(wanted) == 2

    write(farm.paack, "2")
    farm.paack.call("lock", "--def", str(farm.definition))
    farm.publish()
    files = [build.file for build in farm.server.builds.values()]
    new = files[len(first) + 2 :]
    assert len(new) == 2 + 1
    assert new[-1] == "app-2-1.src.rpm"
    assert not set(new) & set(first)


def test_packs_are_built_once(farm: Farm) -> None:
    """One source RPM for all arches that have the same contents."""
    sent: list[str] = []
    for version in ("1", "2"):
        write(farm.paack, version, "packed")
        farm.paack.call("lock", "--def", str(farm.definition), "--update")
        farm.publish()
        builds = list(farm.server.builds.values())[len(sent) :]
        sent += [build.file for build in builds]
        packs = [build for build in builds[:-1] if build.file != f"{program_name()}-1-1.src.rpm"]
        assert builds[-1].file == f"app-{version}-1.src.rpm"
        assert all(pack.file.startswith("container-pack-") for pack in packs)
        assert [sorted(pack.chroots) for pack in packs] == [sorted(FOUR)]
    # Two packs, two releases, one program
    assert len(set(sent)) == len(sent) == 5


def new_names(farm: Farm) -> None:
    """Give the layers other names, as a paack does whose files for the device are others."""
    code = farm.paack.home / "code"
    for name in ("helpers", "specs", "pages", "paack"):
        shutil.copytree(REPOSITORY / name, code / name, symlinks=True)
    post = code / "specs/device/store.mount.j2"
    post.write_text(f"# Another paack\n{post.read_text()}")
    farm.paack.environment["PYTHONPATH"] = str(code)


def test_a_release_that_is_there_needs_no_layers_of_another_paack(farm: Farm) -> None:
    farm.publish()
    first = {build.file for build in farm.server.builds.values()}
    new_names(farm)
    farm.publish()
    assert {build.file for build in farm.server.builds.values()} == first
    # A chroot more: there the package is built, with the layers that it needs now
    farm.server.projects[OWN].append("centos-stream-10-x86_64")
    farm.publish()
    builds = [build for build in farm.server.builds.values() if build.file not in first]
    assert len(builds) == 2
    assert all(build.file.startswith(GROUP) for build in builds)
    assert {chroot for build in builds for chroot in build.chroots} == {"centos-stream-10-x86_64"}
    last = farm.server.builds[max(farm.server.builds)]
    assert (last.file, last.chroots) == ("app-1-1.src.rpm", ["centos-stream-10-x86_64"])


def test_layers_that_failed_are_built_again(farm: Farm) -> None:
    """Although the package that needs them is there: building it needs none."""
    farm.server.fate = lambda build, _: "failed" if build.id == 1 else "succeeded"
    farm.fails(10)
    files = [build.file for build in farm.server.builds.values()]
    assert files[0].startswith(GROUP)
    farm.server.fate = lambda *_: "succeeded"
    farm.publish()
    assert [build.file for build in farm.server.builds.values()] == [*files, files[0]]
