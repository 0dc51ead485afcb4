"""Copr gets each package of layers once, for the chroots of its arch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.oci_layout import ImageSpec, write_image
from tests.farm.test_copr import FOUR, OWN, Farm
from tests.support.copr_server import CoprServer
from tests.support.farm import ARCHES
from tests.support.product import Paack, definition_text
from tests.support.workloads import MB, Layer, layer_tar

GROUP = "container-layers-"


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    paack = Paack(tmp_path)
    write(paack, "1")
    with CoprServer(tmp_path / "server") as server:
        server.projects[OWN] = list(FOUR)
        yield Farm(paack, tmp_path / "app.yaml", server)


def write(paack: Paack, version: str) -> None:
    """Write a release: its top layer differs from that of others."""
    layers = [Layer("base", 4 * MB), Layer("top", MB, version)]
    images = [
        ImageSpec(arch, [layer_tar(paack.home, layer).read_bytes() for layer in layers])
        for arch in ARCHES
    ]
    write_image(paack.home / "layout", f"localhost/app:{version}", images)
    source = f"oci:layout:localhost/app:{version}"
    text = definition_text("app", [source], arches=ARCHES, version=f"'{version}'", layers="shared")
    paack.define(text)


def test_layers_are_built_once(farm: Farm) -> None:
    farm.publish()
    first = {build.file: sorted(build.chroots) for build in farm.server.builds.values()}
    assert first.pop("app-1-1.src.rpm") == sorted(FOUR)
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
    new = files[len(first) + 1 :]
    assert len(new) == 2 + 1
    assert new[-1] == "app-2-1.src.rpm"
    assert not set(new) & set(first)
