"""Stores on the kernels of Debian 12 and 13: each file reads back as it is in its layer's tar."""

from __future__ import annotations

import hashlib
import io
import os
import random
import tarfile
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from tests.support.debian import busybox_rootfs
from tests.support.oddities import LayerTar, lower
from tests.support.product import Paack, definition_text, newer_erofs_utils
from tests.vm.kernel import boot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("PAACK_TEST_VM" not in os.environ, reason="make test-vm runs it"),
]
SCRIPT = """\
mount -t squashfs -o ro /dev/vda /one && mount -t erofs -o ro /dev/vdb /two
for place in /one /two; do
    cd $place && find overlay -type f -path '*/diff/*' -exec sha256sum {} +
    find overlay -path '*/diff/*' ! -type l -exec stat -c '%a %u %g %Y %n' {} +
    cd /
done
"""


def many() -> bytes:
    """Return a layer of small files, blocks that are full, zeros, and links of each kind."""
    tar, numbers = LayerTar(), random.Random(6)
    for number in range(1500):
        content = numbers.randbytes(numbers.randrange(3_000)) + b"text " * (number % 700)
        tar.add(f"many/{number}", content, owner=(number % 9, 1000), mtime=number)
    for name, size in (("block", 1 << 18), ("more", (5 << 18) + 7), ("one", 1), ("none", 0)):
        tar.add(name, numbers.randbytes(size), mode=0o4755)
    tar.add("holes", bytes(1 << 20) + b"x" + bytes(1 << 20))
    tar.hard_link("linked", "more", mode=0o4755)
    tar.symlink("symbolic", "more")
    return tar.close()


def inside(layer: bytes) -> dict[str, tuple[str, str]]:
    """Return digest, and mode, owners and time, of what stays a file of this name in a store."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        for member in tar:
            if content := tar.extractfile(member) if not member.issym() else None:
                owners = f"{member.mode:o} {member.uid} {member.gid} {int(member.mtime)}"
                digest = hashlib.sha256(content.read()).hexdigest()
                found[member.name.removeprefix("./")] = (digest, owners)
    return found


def read(lines: list[str]) -> list[dict[str, tuple[str, str]]]:
    """Return the same from what the machine said of one store, layer by layer."""
    layers: dict[str, dict[str, str]] = {}
    owners: dict[str, str] = {}
    for line in lines:
        head, _, path = line.rpartition(" overlay/")
        layer, _, name = path.partition("/diff/")
        if len(head) > 63:
            layers.setdefault(layer, {})[name] = head.strip()
        else:
            owners[path] = head
    return [
        {name: (digest, owners[f"{layer}/diff/{name}"]) for name, digest in files.items()}
        for layer, files in layers.items()
    ]


@pytest.mark.parametrize(("suite", "release"), [("bookworm", "6.1."), ("trixie", "6.12.")])
def test_a_kernel_reads_what_the_layers_have(tmp_path: Path, suite: str, release: str) -> None:
    layers = [busybox_rootfs("amd64").read_bytes(), lower(), many()]
    paack = Paack(tmp_path, environment=dict(newer_erofs_utils(tmp_path / "bin")))
    image = ImageSpec("x86_64", layers, config={"Cmd": ["/bin/sh"]}, packing=Packing.GZIP)
    write_image(tmp_path / "layout", "localhost/app:1", [image])
    stores = []
    for filesystem in ("squashfs", "erofs"):
        images = ["oci:./layout:localhost/app:1"]
        paack.build(paack.define(definition_text(filesystem, images, filesystem=filesystem)))
        stores += sorted((paack.output / "stores").glob(f"*.{filesystem}"))
    kernel, *lines = boot(suite, stores, SCRIPT, tmp_path)
    assert kernel.startswith(release)
    expected = sorted((inside(layer) for layer in layers), key=len)
    half = len(lines) // 2
    for said in (lines[:half], lines[half:]):
        assert sorted(read(said), key=len) == expected
