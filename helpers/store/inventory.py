"""The packages of layers: found while a layer is open, and kept in the cache.

A layer's blob is read again only where the cache has no record of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from paack.helpers.blobs import Cache
from paack.helpers.oci import LockedImage, LockedLayer
from paack.helpers.packages import (
    BINARY_FROM,
    READING,
    Found,
    ImagePackages,
    LayerPackages,
    dump,
    golang,
    image_packages,
    is_link_of_documents,
    kind_of,
    load,
    read_file,
)
from paack.helpers.store import layer as layers
from paack.helpers.store import tar
from paack.helpers.store.layer import Layer
from paack.helpers.store.layer_tree import OPAQUE_XATTR, Node
from paack.helpers.store.spool import open_file
from paack.helpers.workspace import workspace

_FORMAT = 1  # raise it when a record has another form


def look(layer: Layer, scratch: Path) -> LayerPackages:
    """Return what an open layer has of packages; ``scratch`` is for databases."""
    found: list[Found] = []
    paths: list[bytes] = []
    whiteouts: list[bytes] = []
    opaque = [b""] if OPAQUE_XATTR in layer.tree.root.entry.xattrs else []
    archive = layer.archive.fileno()
    for path, node in layer.tree.walk():
        entry = node.entry
        if entry.kind == tar.REGULAR:
            paths.append(path)
            if kind := kind_of(path) or _binary(archive, entry):
                with open_file(archive, entry) as file:
                    read = read_file(path, kind, file, entry.size, scratch)
                if read.packages or read.says or read.problem:
                    found.append(read)
        elif node.children is not None:
            paths.append(path + b"/")
            if OPAQUE_XATTR in entry.xattrs:
                opaque.append(path)
        elif entry.kind == tar.CHAR and not entry.major and not entry.minor:
            whiteouts.append(path)
        else:
            paths.append(path)
            if entry.kind == tar.SYMLINK and is_link_of_documents(path):
                found.append(_link(path, node))
    return LayerPackages(tuple(found), *map(frozenset, (paths, whiteouts, opaque)))


def _binary(archive: int, entry: tar.Entry) -> str:
    """Tell whether a file may be a Go binary by its first bytes."""
    is_elf = entry.size >= BINARY_FROM and os.pread(archive, 4, entry.offset) == golang.ELF_MAGIC
    return "go" if is_elf and entry.extents is None else ""


def _link(path: bytes, node: Node) -> Found:
    return Found(path, says=(("link", node.entry.link.decode("utf-8", "surrogateescape")),))


def record(cache: Cache, layer: Layer, scratch: Path) -> LayerPackages:
    """Keep what an open layer, which was checked, has of packages; return it."""
    found = look(layer, scratch)
    target = _path(cache, layer.diff_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    with workspace(cache.scratch()) as work:
        file = work / "packages"
        file.write_bytes(dump(found))
        file.rename(target)
    return found


def recorded(cache: Cache, layer: LockedLayer) -> LayerPackages | None:
    """Return what the cache has of a layer's packages."""
    path = _path(cache, layer.diff_id)
    with suppress(OSError, ValueError):
        found = load(path.read_bytes())
        cache.use(path)
        return found
    return None


def unread(cache: Cache, layers: Iterable[LockedLayer]) -> tuple[LockedLayer, ...]:
    """Return the layers of which the cache has neither a record nor the blob."""
    return tuple(
        layer
        for layer in layers
        if recorded(cache, layer) is None and not cache.has(layer.digest, layer.size)
    )


def packages_of(
    cache: Cache,
    images: Iterable[LockedImage],
    seen: Mapping[str, LayerPackages] | None = None,
) -> dict[str, ImagePackages]:
    """Return the packages of images by their manifests.

    Blobs of layers without a record are read from the cache; raises as ``layer.read`` does. With
    ``seen``, layers that were looked at by diffID, no record counts: the others are read, too.
    """
    images = list(images)
    found = dict(seen or {})
    for image in images:
        for locked in image.layers:
            if locked.diff_id not in found:
                known = recorded(cache, locked) if seen is None else None
                found[locked.diff_id] = known or _read(cache, locked)
    return {
        image.manifest: image_packages(
            [(layer.diff_id, found[layer.diff_id]) for layer in image.layers]
        )
        for image in images
    }


def _read(cache: Cache, locked: LockedLayer) -> LayerPackages:
    blob = cache.path(locked.digest)
    with workspace(cache.scratch()) as work:
        layer = layers.read(blob, locked.digest, locked.diff_id, work)
        try:
            return record(cache, layer, work)
        finally:
            layer.close()


def _path(cache: Cache, diff_id: str) -> Path:
    key = f"{_FORMAT}\n{READING}\n{diff_id}"
    return cache.root / "packages" / hashlib.sha256(key.encode()).hexdigest()
