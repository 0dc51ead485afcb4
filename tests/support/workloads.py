"""Workloads of several layers on one base, as releases that change some of the layers."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.debian import busybox_rootfs, push_multiarch
from tests.support.image_directory import Arch, Digests
from tests.support.registry import Registry

MB = 1_000_000


@dataclass(frozen=True)
class Layer:
    """A layer with the file /NAME, which says ``text``, and one of ``size`` random bytes."""

    name: str
    size: int
    text: str = "1"


def push_workload(
    registry: Registry,
    name: str,
    layers: Sequence[Layer],
    scratch: Path,
    *,
    tag: str = "1",
    arches: Sequence[Arch] = ("amd64",),
) -> Digests:
    """Push an image of ``layers`` on busybox; the same layers have the same digests anywhere."""
    images: Mapping[Arch, list[Path]] = {
        arch: [busybox_rootfs(arch), *(layer_tar(scratch, layer) for layer in layers)]
        for arch in arches
    }
    return push_multiarch(registry, name, tag, images)


def layer_tar(directory: Path, layer: Layer) -> Path:
    """Write the tar of a layer, unless it is there, and return its path."""
    path = directory / f"{layer.name}-{layer.size}-{layer.text}.tar"
    if not path.exists():
        content = random.Random(f"{layer.name} {layer.text}").randbytes(layer.size)
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, data in ((layer.name, layer.text.encode()), (f"{layer.name}.data", content)):
                member = tarfile.TarInfo(name)
                member.mode, member.mtime, member.size = 0o644, 1_700_000_000, len(data)
                tar.addfile(member, io.BytesIO(data))
    return path
