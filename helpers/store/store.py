"""The store: images as containers/storage keeps them (driver overlay).

The layout is that of containers/storage, read as an additional image store. Layer IDs are
salted, so that no pull into read-write storage ever builds on a layer of the store, which an
upgrade takes away (https://github.com/containers/storage/issues/1751). IDs and links are pure
functions of the diffIDs: a store may hold any subset of the layers of an image.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b32encode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from paack.helpers.blobs import Cache
from paack.helpers.oci import LockedImage, StoredLayer, chain_ids, layer_id
from paack.helpers.progress import count

LAYOUT = 5  # raise it when the same lock gives other bytes
_NO_TIME = "1970-01-01T00:00:00Z"  # a layer record must not depend on who uses the layer
_LINK_LENGTH = 26  # as the overlay driver's own random links
_UNENCODED = frozenset("0123456789abcdefghijklmnopqrstuvwxyz.")


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """What a store records of a layer: sizes in bytes, owners of its files, sorted."""

    digest: str
    size: int
    compression: int
    diff_id: str
    diff_size: int
    uids: tuple[int, ...]
    gids: tuple[int, ...]


class StoreStream(Protocol):
    """Takes the files of the store itself: root's, of time 0. Paths are relative."""

    def directory(self, path: bytes, mode: int = ..., xattrs: Mapping[bytes, bytes] = ...) -> None:
        """Add a directory."""

    def file(self, path: bytes, content: bytes, mode: int = ...) -> None:
        """Add a file."""

    def symlink(self, path: bytes, target: bytes) -> None:
        """Add a symbolic link."""


def link_name(identifier: str) -> str:
    """Return the name in ``overlay/l`` that stands for a layer in mount options."""
    digest = hashlib.sha256(identifier.encode()).digest()
    return b32encode(digest).decode()[:_LINK_LENGTH]


def label_of(images: Sequence[LockedImage]) -> str:
    """Return what a store is called while it is made."""
    arches = ", ".join(sorted({image.arch for image in images}))
    return f"store   {count(len(images), 'image')} ({arches})" if images else "store   layers"


def begin_store(stream: StoreStream) -> None:
    """Write the directories of a store."""
    # Without any xattr in the image, squashfs answers "not supported" instead of "none"
    # when a container lists those of a file.
    stream.directory(b"./", 0o755, {b"user.paack": b"store"})
    for path in (b"overlay", b"overlay/l", b"overlay-images", b"overlay-layers"):
        stream.directory(path)


def write_home(stream: StoreStream, stored: StoredLayer) -> None:
    """Write all that a layer has besides its files and its tar-split."""
    home = f"overlay/{stored.id}".encode()
    stream.directory(home)
    stream.file(home + b"/link", link_name(stored.id).encode())
    if stored.parents:
        lower = ":".join(f"l/{link_name(parent)}" for parent in stored.parents)
        stream.file(home + b"/lower", lower.encode())
        # Preferred to `lower` since containers/storage 1.63.
        stream.file(home + b"/lower-layers", ":".join(stored.parents).encode())
    else:
        stream.directory(home + b"/empty")
    stream.directory(home + b"/merged")
    stream.directory(home + b"/work")
    stream.symlink(f"overlay/l/{link_name(stored.id)}".encode(), f"../{stored.id}/diff".encode())


def layer_record(stored: StoredLayer, layer: LayerFacts) -> dict[str, Any]:
    """Return what layers.json says of a layer."""
    record: dict[str, Any] = {"id": stored.id}
    if stored.parents:
        record["parent"] = stored.parents[0]
    record |= {
        "created": _NO_TIME,
        "compressed-diff-digest": layer.digest,
        "compressed-size": layer.size,
        "diff-digest": layer.diff_id,
        "diff-size": layer.diff_size,
    }
    if layer.compression:
        record["compression"] = int(layer.compression)
    if layer.uids:
        record["uidset"] = list(layer.uids)
        record["gidset"] = list(layer.gids)
    return record


def write_metadata(
    stream: StoreStream, records: list[dict[str, Any]], images: Sequence[LockedImage], cache: Cache
) -> None:
    """Write the records of layers and images, and the images' manifests and configs."""
    image_records = []
    for identifier, same in sorted(_by_config(images).items()):
        big_data = _big_data(same, cache)
        home = f"overlay-images/{identifier}".encode()
        stream.directory(home)
        for name, content in sorted(big_data.items()):
            stream.file(home + b"/" + _big_data_file(name).encode(), content)
        image_records.append(_image_record(identifier, same, big_data))
    layers_json, images_json = _json(records), _json(image_records)
    stream.file(b"overlay-layers/layers.json", layers_json)
    stream.file(b"overlay-images/images.json", images_json)
    # Running services reload a store only when these 64 bytes change.
    lock = hashlib.sha256(layers_json + images_json).hexdigest().encode()
    stream.file(b"overlay-layers/layers.lock", lock)
    stream.file(b"overlay-images/images.lock", lock)


def _by_config(images: Sequence[LockedImage]) -> dict[str, list[LockedImage]]:
    """Group by image ID, which is the config's digest: one record may have many names."""
    found: dict[str, list[LockedImage]] = {}
    for image in images:
        found.setdefault(image.config.removeprefix("sha256:"), []).append(image)
    return found


def _big_data(same: list[LockedImage], cache: Cache) -> dict[str, bytes]:
    config = same[0].config
    data = {"manifest": cache.read(same[0].manifest), config: cache.read(config)}
    for image in same:
        for digest in filter(None, (image.manifest, image.list)):
            data[f"manifest-{digest}"] = cache.read(digest)
    return data


def _image_record(
    identifier: str, same: list[LockedImage], big_data: dict[str, bytes]
) -> dict[str, Any]:
    first = same[0]
    chain = chain_ids([layer.diff_id for layer in first.layers])
    names = sorted({name for image in same for name in image.names})
    # As a pull leaves it: `podman images --digests` shows the list's digest.
    digest = first.list or first.manifest
    record: dict[str, Any] = {"id": identifier, "digest": digest, "names": names}
    if chain:
        record["layer"] = layer_id(chain[-1])
    return record | {
        "metadata": "{}",
        "big-data-names": sorted(big_data),
        "big-data-sizes": {name: len(big_data[name]) for name in sorted(big_data)},
        "big-data-digests": {
            name: f"sha256:{hashlib.sha256(big_data[name]).hexdigest()}"
            for name in sorted(big_data)
        },
        "created": first.created,
    }


def _big_data_file(key: str) -> str:
    """Return the file name of a big data item (containers/storage, makeBigDataBaseName)."""
    if set(key) <= _UNENCODED:
        return key
    return "=" + b64encode(key.encode()).decode()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
