"""Layer IDs: what podman itself would choose, and what a store has."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.lock.lock import Lock
from paack.helpers.oci import chain
from paack.helpers.oci.chain import stored_layers
from paack.helpers.progress import Reporter
from paack.helpers.store import store
from paack.helpers.store.image import image_maker, make_image
from tests.support.podman import Podman


def podmans_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return the IDs that podman chooses (containers/image, storage_dest.go), the base first."""
    ids: list[str] = []
    for diff_id in (each.removeprefix("sha256:") for each in diff_ids):
        ids.append(hashlib.sha256(f"{ids[-1]}+{diff_id}".encode()).hexdigest() if ids else diff_id)
    return ids


def make_unsalted(target: Path, lock: Lock, cache: Path) -> Path:
    """Make the store image of `lock`, whose blobs are in `cache`, with podman's own layer IDs."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (chain, store):
            patch.setattr(module, "chain_ids", podmans_ids)
            patch.setattr(module, "layer_id", str)
        images = tuple(lock.images.values())
        make_image(
            target, image_maker("squashfs"), images, stored_layers(images), Cache(cache), Reporter()
        )
    return target


def layer_parents(podman: Podman, directory: Path) -> dict[str, str | None]:
    """Return the layers of the storage in `directory` on a host: ID -> ID of the parent."""
    records = podman.host.run(["cat", f"{directory}/overlay-layers/layers.json"]).stdout
    return {record["id"]: record.get("parent") for record in json.loads(records)}
