"""How many layers podman starts from a store: no more than `lock` takes or warns of."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.chain import stored_layers
from paack.helpers.oci.layout import ImageSpec, write_image
from paack.helpers.oci.reference import parse_source
from paack.helpers.plan.depth import most_layers
from paack.helpers.progress import Reporter
from paack.helpers.registry.resolution import MOST_LAYERS, locked_image
from paack.helpers.rpm.device import mount_point_of
from paack.helpers.store.image import image_maker, make_image
from tests.support.debian import busybox_rootfs
from tests.support.oddities import LayerTar
from tests.support.podman import ALL_KINDS, Kind, Podman

PACKAGE = "deep-containers"
FEW = most_layers(PACKAGE)
MANY = FEW + 10
COUNTS = (FEW, MANY, MOST_LAYERS, MOST_LAYERS + 1)
STARTED: dict[Kind, tuple[int, ...]] = {
    "debian12": (FEW,),
    "debian13": (FEW, MANY, MOST_LAYERS),
    "sid": (FEW, MANY, MOST_LAYERS),
}


def layer(number: int) -> bytes:
    tar = LayerTar()
    tar.add(f"file-{number}", b"x")
    return tar.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of images of so many layers, each with the layers of the one before."""
    base = tmp_path_factory.mktemp("depth")
    layers = [busybox_rootfs("amd64").read_bytes(), *map(layer, range(1, MOST_LAYERS + 1))]
    cache = Cache(base / "cache")
    images = []
    for count in COUNTS:
        layout = base / f"layout-{count}"
        spec = ImageSpec("x86_64", layers[:count], {"Cmd": ["/bin/busybox", "true"]})
        digest = write_image(layout, "1", [spec])
        for blob in (layout / "blobs" / "sha256").iterdir():
            cache.adopt(blob, f"sha256:{blob.name}")
        raw = cache.read(digest)
        config = cache.read(json.loads(raw)["config"]["digest"])
        source = parse_source(f"oci:x:localhost/deep:{count}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("paack.helpers.registry.resolution.MOST_LAYERS", MOST_LAYERS + 1)
            images.append(locked_image(source, "x86_64", None, raw, config))
    target = base / "store.squashfs"
    make_image(target, image_maker("squashfs"), images, stored_layers(images), cache, Reporter())
    return target


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_what_podman_starts(store: Path, kind: Kind) -> None:
    where = Path(mount_point_of(PACKAGE))
    # The read-write storage's path counts, too: one as short as that of a device.
    short = tempfile.TemporaryDirectory(prefix="p", dir="/tmp")
    with short as home, Podman(kind, Path(home), shared=[store.parent]) as podman:
        podman.mount_image(store, where, "squashfs")
        podman.use_stores([where])
        started = [
            count
            for count in COUNTS
            if podman.run(f"localhost/deep:{count}", check=False).returncode == 0
        ]
    assert tuple(started) == STARTED[kind]
