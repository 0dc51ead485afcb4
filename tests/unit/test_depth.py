"""Images of many layers; what podman really starts was measured with the same numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.definition.definition import load_definition
from paack.helpers.errors import RegistryError
from paack.helpers.lock.lock import Lock
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.oci.reference import parse_source
from paack.helpers.plan.depth import deep_images, most_layers
from paack.helpers.registry.resolution import MOST_LAYERS, check_image

DIGEST = "sha256:" + "a" * 64
IMAGE = LockedImage(
    "quay.io/a/b:1", "x86_64", ("quay.io/a/b:1",), None, DIGEST, DIGEST, "2024-01-01T00:00:00Z", ()
)


def image_of(layers: int) -> LockedImage:
    return replace(IMAGE, layers=(LockedLayer(DIGEST, 1, DIGEST),) * layers)


def test_the_store_path_decides_for_an_old_podman() -> None:
    """podman 4.3.1 without SELinux started 58 from /run/paack/depth-containers, and not 59."""
    assert most_layers("depth-containers") in (57, 58)
    assert most_layers("a" * 60) < most_layers("a") < 127


@pytest.mark.parametrize(("more", "warned"), [(0, False), (1, True)])
def test_what_an_old_podman_cannot_start_is_told(tmp_path: Path, more: int, warned: bool) -> None:
    file = tmp_path / "app.yaml"
    file.write_text(
        "packages:\n- name: app\n  version: '1'\n  arches: [x86_64]\n  images: [quay.io/a/b:1]\n"
    )
    source = parse_source(IMAGE.source)
    lock = Lock({(source.text, "x86_64"): image_of(most_layers("app") + more)})
    warnings = [str(each) for each in deep_images(load_definition(file), lock)]
    assert bool(warnings) is warned
    assert all(each.startswith(f"{file}:5: quay.io/a/b:1 (x86_64) has ") for each in warnings)


def test_what_nothing_starts_is_refused(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    check_image(image_of(MOST_LAYERS), cache)
    with pytest.raises(RegistryError, match="has 501 layers: no podman or CRI-O starts more than"):
        check_image(image_of(MOST_LAYERS + 1), cache)
