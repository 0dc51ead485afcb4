"""The store: images as containers/storage keeps them (driver overlay), as one tar stream.

The layout is that of containers/storage, read as an additional image store. Layer IDs are
salted, so that no pull into read-write storage ever builds on a layer of the store, which an
upgrade takes away (https://github.com/containers/storage/issues/1751). IDs and links are pure
functions of the diffIDs: a store may hold any subset of the layers of an image.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b32encode, b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from helpers.lock.lock import LockedImage, LockedLayer
from helpers.progress import Meter, Reporter, count, human
from helpers.registry.cache import Cache
from helpers.store import layer as layers
from helpers.store import tar
from helpers.store.layer import Layer
from helpers.store.limits import Unfit
from helpers.store.tarstream import TarStream

SALT = "paack:"
LAYOUT = 4  # raise it when the same lock gives other bytes
_NO_TIME = "1970-01-01T00:00:00Z"  # a layer record must not depend on who uses the layer
_LINK_LENGTH = 26  # as the overlay driver's own random links
_UNENCODED = frozenset("0123456789abcdefghijklmnopqrstuvwxyz.")


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """A layer in its place: its ID, those of its parents (nearest first), and its blob."""

    id: str
    parents: tuple[str, ...]
    locked: LockedLayer


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return the chain IDs of a stack of layers, the base first (OCI image config, ChainID)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        link = f"{chain[-1]} {diff_id}" if chain else None
        chain.append(
            f"sha256:{hashlib.sha256(link.encode()).hexdigest()}" if link is not None else diff_id
        )
    return chain


def layer_id(chain_id: str) -> str:
    """Return the ID (64 hexadecimal digits) of a layer in a store."""
    return hashlib.sha256(f"{SALT}{chain_id}".encode()).hexdigest()


def link_name(identifier: str) -> str:
    """Return the name in ``overlay/l`` that stands for a layer in mount options."""
    digest = hashlib.sha256(identifier.encode()).digest()
    return b32encode(digest).decode()[:_LINK_LENGTH]


def stored_layers(images: Sequence[LockedImage]) -> list[StoredLayer]:
    """Return each layer of the images once, sorted by ID."""
    found: dict[str, StoredLayer] = {}
    for image in images:
        ids = [layer_id(chain) for chain in chain_ids([each.diff_id for each in image.layers])]
        for depth, locked in enumerate(image.layers):
            parents = tuple(reversed(ids[:depth]))
            found.setdefault(ids[depth], StoredLayer(ids[depth], parents, locked))
    return [found[identifier] for identifier in sorted(found)]


def write_store(
    out: IO[bytes],
    images: Sequence[LockedImage],
    cache: Cache,
    scratch: Path,
    reporter: Reporter,
    filesystem: str | None,
    layers: Sequence[StoredLayer] | None = None,
) -> None:
    """Write the store of ``images`` to ``out`` as one tar stream.

    The images' blobs are read from ``cache`` and checked; ``scratch`` is a directory for spools.
    Raises BuildError with all files that ``filesystem`` (None: any) cannot hold. With ``layers``
    these are its layers, and not all that the images have: others are in other stores.
    """
    # Whichever image comes first names the blob of a layer that they share.
    images = sorted(images, key=lambda image: (image.names, image.manifest))
    wanted = stored_layers(images) if layers is None else sorted(layers, key=lambda each: each.id)
    with reporter.step(_label(images), sum(stored.locked.size for stored in wanted)) as meter:
        progress = _Progress(meter, len(wanted))
        stream = TarStream(out, progress.copied)
        # Without any xattr in the image, squashfs answers "not supported" instead of "none"
        # when a container lists those of a file.
        stream.directory(b"./", 0o755, {b"user.paack": b"store"})
        for path in (b"overlay", b"overlay/l", b"overlay-images", b"overlay-layers"):
            stream.directory(path)
        records, unpacked, unfit = [], 0, Unfit(filesystem)
        for stored, layer in _read_ahead(wanted, cache, scratch):
            progress.start(layer)
            unfit.look(stored.locked.digest, layer.tree)
            if not unfit:  # otherwise the layers that follow are only looked at
                unpacked += _write_layer(stream, stored, layer)
            progress.end()
            records.append(_layer_record(stored, layer))
            layer.close()
        unfit.check()
        _write_metadata(stream, records, images, cache)
        stream.close()
        meter.note(f"{count(len(wanted), 'layer')}, {human(unpacked)} unpacked")


def _label(images: Sequence[LockedImage]) -> str:
    arches = ", ".join(sorted({image.arch for image in images}))
    return f"store   {count(len(images), 'image')} ({arches})" if images else "store   layers"


class _Progress:
    """Shows how many layers, and which share of the bytes of their blobs, are written."""

    def __init__(self, meter: Meter, layers: int):
        self._meter = meter
        self._layers = layers
        self._ended = 0
        self._before = 0
        self._layer: Layer | None = None
        self._bytes = 0

    def start(self, layer: Layer) -> None:
        self._layer = layer
        self._bytes = 0
        self._show(0)

    def copied(self, size: int) -> None:
        if self._layer is not None:
            self._bytes += size
            share = min(self._bytes / max(self._layer.diff_size, 1), 1)
            self._show(int(share * self._layer.size))

    def end(self) -> None:
        if self._layer is not None:
            self._ended += 1
            self._before += self._layer.size
            self._layer = None
            self._show(0)

    def _show(self, more: int) -> None:
        self._meter.update(self._before + more, f"{self._ended}/{count(self._layers, 'layer')}")


def _read_ahead(
    wanted: Sequence[StoredLayer], cache: Cache, scratch: Path
) -> Iterator[tuple[StoredLayer, Layer]]:
    """Read each layer while the one before it is written: decompression has a core of its own."""

    def read(stored: StoredLayer) -> Layer:
        locked = stored.locked
        return layers.read(cache.path(locked.digest), locked.digest, locked.diff_id, scratch)

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(read, wanted[0]) if wanted else None
        for number, stored in enumerate(wanted):
            assert ahead is not None
            layer = ahead.result()
            if number + 1 < len(wanted):
                ahead = pool.submit(read, wanted[number + 1])
            yield stored, layer


def _write_layer(stream: TarStream, stored: StoredLayer, layer: Layer) -> int:
    """Write a layer; return the bytes of its files, each once, as ``paack report`` has them."""
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
    unpacked = _write_diff(stream, home + b"/diff", layer)
    split = f"overlay-layers/{stored.id}.tar-split.gz".encode()
    stream.file_from(split, layer.tar_split.fileno(), layer.tar_split_size)
    return unpacked


def _write_diff(stream: TarStream, diff: bytes, layer: Layer) -> int:
    stream.add(diff, layer.tree.root.entry)
    archive = layer.archive.fileno()
    names, unpacked = dict[int, bytes](), 0
    for path, node in layer.tree.walk():
        entry = node.entry
        full = diff + b"/" + path
        first = names.setdefault(id(node), full) if node.linked else full
        if first is not full:
            stream.hard_link(full, first, entry)
            continue
        stream.add(full, entry, archive)
        unpacked += entry.size if entry.kind == tar.REGULAR else 0
    return unpacked


def _layer_record(stored: StoredLayer, layer: Layer) -> dict[str, Any]:
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
    if layer.tree.uids:
        record["uidset"] = sorted(layer.tree.uids)
        record["gidset"] = sorted(layer.tree.gids)
    return record


def _write_metadata(
    stream: TarStream, records: list[dict[str, Any]], images: Sequence[LockedImage], cache: Cache
) -> None:
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
