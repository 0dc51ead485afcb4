"""Images in a blob cache, made of layers that a test has at hand."""

from __future__ import annotations

import gzip
import io
import json
import random
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from paack.helpers.blobs.blob import digest_of
from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.chain import stored_layers
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.progress import Reporter
from paack.helpers.store.image import image_maker, make_image
from paack.helpers.store.table import Table, read_table
from paack.helpers.store.tar_store import write_store
from tests.support.oddities import LayerTar
from tests.support.rights import need_root

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


def noise(seed: str, size: int) -> bytes:
    """Return bytes that are not compressed, always the same for a seed."""
    return random.Random(seed).randbytes(size)


def layer_of(files: dict[str, bytes]) -> bytes:
    """Return a layer of files by their names."""
    tar = LayerTar()
    for name, content in files.items():
        tar.add(name, content)
    return tar.close()


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

    write_store(Out(), images, stored_layers(images), cache, scratch, _Silent(), None)  # type: ignore[arg-type]
    return out.getvalue()


def squashfs_of(images: Sequence[LockedImage], cache: Cache, target: Path) -> Path:
    """Make the store of ``images`` as a squashfs; return ``target``."""
    make_image(target, image_maker("squashfs"), images, stored_layers(images), cache, _Silent())
    return target


def read_by_sqfs2tar(image: Path) -> Table:
    """Read a squashfs with a program that we did not write."""
    command = ["sqfs2tar", "--no-skip", "--root-becomes", ".", str(image)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as said:
        assert said.stdout is not None
        table = read_table(said.stdout)
    assert said.returncode == 0
    return table


def mounted(image: Path, script: str) -> list[str]:
    """Run a shell script in the image, which the kernel has mounted; return what it says."""
    need_root("the kernel mounts for root")
    where = image.with_name(f"{image.name}.mounted")
    where.mkdir()
    mount = 'mount -t squashfs -o loop,ro "$1" "$2" && cd "$2" && eval "$3"'
    command = ["unshare", "--mount", "--", "sh", "-c", mount, "sh", str(image), str(where), script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


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
