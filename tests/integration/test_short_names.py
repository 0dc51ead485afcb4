"""Images named in a short form of docker.io are found in a store by every form of the name."""

from __future__ import annotations

from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from tests.support.oddities import LayerTar
from tests.support.podman import ALL_KINDS, Kind, Podman
from tests.support.product import Paack, definition_text, store_image, unpack_rpm

#: Names in a definition, and forms of each that must be found. CRI-O's are in tests/crio.
NAMES = {
    "docker.io/one:1": ("docker.io/one:1", "docker.io/library/one:1", "one:1"),
    "index.docker.io/library/two:1": ("docker.io/two:1", "docker.io/library/two:1"),
    "index.docker.io/some/three:1": ("docker.io/some/three:1", "some/three:1"),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("names")
    tar = LayerTar()
    tar.add("file", b"x")
    layer = tar.close()
    sources = []
    for number, name in enumerate(NAMES):
        spec = ImageSpec("x86_64", [layer], config={"Labels": {"number": f"{number}"}})
        write_image(base / "layout", name, [spec])
        sources.append(f"oci:{base}/layout:{name}")
    paack = Paack(base)
    (rpm,) = paack.build(paack.define(definition_text("short-containers", sources)))
    return store_image(unpack_rpm(rpm, base / "rpm"))


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_form_is_found(store: Path, kind: Kind, tmp_path: Path) -> None:
    with Podman(kind, tmp_path, shared=[store.parent]) as podman:
        where = tmp_path / "store"
        podman.mount_image(store, where, "squashfs")
        podman.use_stores([where])
        for forms in NAMES.values():
            for form in forms:
                found = podman.podman("image", "exists", form, check=False)
                assert found.returncode == 0, form
