"""Images in a blob cache, made of layers that a test has at hand."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from paack.helpers.blobs.blob import digest_of
from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.progress import Reporter
from paack.helpers.store.image import image_maker, make_image
from paack.helpers.store.tar_store import write_store
from tests.support.oddities import LayerTar

CREATED = "2024-05-06T07:08:09Z"


def pack(content: bytes) -> bytes:
    """Compress as most layers are."""
    return gzip.compress(content, mtime=0)


def small_layer(text: str) -> bytes:
    """Return a layer with one directory and one file."""
    layer = LayerTar()
    layer.directory("d")
    layer.add(f"d/{text}", text.encode())
    return layer.close()


def put_image(
    cache: Cache,
    name: str,
    layers: Sequence[bytes],
    *,
    compress: Callable[[bytes], bytes] = pack,
    listed: bool = True,
    command: str = "sh",
) -> LockedImage:
    """Put an image into the cache and return what a lock says of it."""
    locked = []
    for layer in layers:
        blob = compress(layer)
        locked.append(LockedLayer(cache.put(blob), len(blob), digest_of(layer)))
    diff_ids = [layer.diff_id for layer in locked]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": {"Cmd": [command]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    config_digest = cache.put(json.dumps(config).encode())
    manifest = cache.put(
        json.dumps({"config": config_digest, "layers": [each.digest for each in locked]}).encode()
    )
    index = cache.put(json.dumps({"manifests": [manifest]}).encode()) if listed else None
    by_digest = f"{name.partition(':')[0]}@{index or manifest}"
    return LockedImage(
        source=name,
        arch="x86_64",
        names=(name, by_digest),
        list=index,
        manifest=manifest,
        config=config_digest,
        created=CREATED,
        layers=tuple(locked),
    )


def store_of(images: Sequence[LockedImage], cache: Cache, scratch: Path) -> bytes:
    """Return the tar stream of a store."""
    out = io.BytesIO()

    class Out(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return out.write(data)  # type: ignore[arg-type]

    write_store(Out(), images, cache, scratch, _Silent(), None)  # type: ignore[arg-type]
    return out.getvalue()


def squashfs_of(images: Sequence[LockedImage], cache: Cache, target: Path) -> Path:
    """Make the store of ``images`` as a squashfs; return ``target``."""
    make_image(target, image_maker("squashfs"), images, cache, _Silent())
    return target


class _Silent(Reporter):
    def say(self, line: str) -> None:
        """Print nothing."""


def contents_of(store: bytes) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """Return every member of a store by its path, with its content."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(store), errors="surrogateescape") as opened:
        for member in opened:
            file = opened.extractfile(member) if member.isreg() else None
            found[member.name] = (member, file.read() if file else b"")
    return found
