"""The workloads: images that share layers, at several scales, and images of many small files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.layers import Salted, application_layer, debian_layer, small_files
from bench.registry import Blob, Blobs
from tests.support.debian import busybox_rootfs
from tests.support.image_directory import Arch

_RECIPE = 1
#: Copies in one package: its store image must stay below 3.9 GiB.
_COPIES_PER_PACKAGE = 4
#: Image -> its layers, the base first; ``app-…`` are small ones of their own.
_IMAGES: Mapping[str, tuple[str, ...]] = {
    "web": ("base", "tools", "nginx", "app-web"),
    "python": ("base", "tools", "python", "app-python"),
    "science": ("base", "tools", "python", "scipy", "app-science"),
    "node": ("base", "tools", "node", "app-node"),
    "database": ("base", "tools", "postgres"),
    "java": ("base", "tools", "java"),
}
_DELETED = ("etc/bash.bashrc", "usr/share/perl5/Debian", "usr/share/git-core/templates/hooks")
#: Some of _IMAGES, and one that has only what these have in common.
_FEW: Mapping[str, tuple[str, ...]] = {
    **{name: _IMAGES[name] for name in ("web", "python")},
    "shell": ("base", "tools", "app-shell"),
}
_TINY: Mapping[str, tuple[str, ...]] = {
    "small": ("busybox", "app-small"),
    "smaller": ("busybox", "app-smaller"),
}


@dataclass(frozen=True)
class Workload:
    """Images by package, with the unique layers of all of them; ``stacks`` are those of each."""

    name: str
    blobs: Blobs
    packages: tuple[tuple[str, ...], ...]
    layers: tuple[Blob, ...]
    stacks: Mapping[str, Sequence[Blob]]

    @property
    def images(self) -> list[str]:
        """All images."""
        return [image for package in self.packages for image in package]

    @property
    def compressed(self) -> int:
        """Bytes of the unique layer blobs."""
        return sum(layer.size for layer in self.layers)

    @property
    def unpacked(self) -> int:
        """Bytes of the unique layers' tars."""
        return sum(layer.diff_size for layer in self.layers)


def scaled(where: Path, copies: int) -> Workload:
    """Return ``copies`` times the images of 1x; nothing in one copy equals another's."""
    return _kept(where / f"{copies}x", lambda blobs: _make(blobs, _IMAGES, copies))


def few(where: Path) -> Workload:
    """Return three images, for sizes: they take a fraction of the time to make."""
    return _kept(where / "few", lambda blobs: _make(blobs, _FEW, 1))


def tiny(where: Path, copies: int) -> Workload:
    """Return a workload of a few megabytes, to try the benchmark itself."""
    return _kept(where / f"tiny-{copies}x", lambda blobs: _make(blobs, _TINY, copies))


def many_files(where: Path, count: int) -> Workload:
    """Return one image with ``count`` small files in one layer."""

    def make(blobs: Blobs) -> Iterator[tuple[str, list[Blob]]]:
        layers = [blobs.layer(_tar("busybox")), blobs.layer(small_files(count))]
        yield f"files-{count}", layers

    return _kept(where / f"files-{count}", make)


def _make(
    blobs: Blobs, images: Mapping[str, tuple[str, ...]], copies: int
) -> Iterator[tuple[str, list[Blob]]]:
    names = dict.fromkeys(layer for layers in images.values() for layer in layers)

    def copies_of(name: str) -> list[Blob]:
        salted = Salted(_tar(name))
        return [blobs.layer(salted.copy(each), fast=each > 0) for each in range(copies)]

    # gzip and sha256 let other threads run.
    with ThreadPoolExecutor(2) as pool:
        layers = dict(zip(names, pool.map(copies_of, names), strict=True))
    for copy in range(copies):
        for image, stack in images.items():
            yield f"{image}-{copy}", [layers[name][copy] for name in stack]


def _tar(name: str) -> bytes:
    if name.startswith("app-"):
        return application_layer(name, _DELETED)
    arch: Arch = "amd64"
    return (busybox_rootfs(arch) if name == "busybox" else debian_layer(name)).read_bytes()


def _kept(where: Path, make: Callable[[Blobs], Iterator[tuple[str, list[Blob]]]]) -> Workload:
    """Make the workload once; whatever a killed run left is made again."""
    blobs = Blobs(where / f"blobs-{_RECIPE}")
    record = where / f"workload-{_RECIPE}.json"
    if not record.exists():
        found = dict(make(blobs))
        for image, stack in found.items():
            blobs.image(image, stack)
        text = json.dumps({name: [asdict(each) for each in found[name]] for name in found})
        part = record.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.rename(record)
    images = {
        name: [Blob(**each) for each in stack]
        for name, stack in json.loads(record.read_text("utf-8")).items()
    }
    layers = tuple({layer.digest: layer for stack in images.values() for layer in stack}.values())
    per_package = _COPIES_PER_PACKAGE * max(1, len({name.rsplit("-", 1)[0] for name in images}))
    ordered = list(images)
    packages = [ordered[at : at + per_package] for at in range(0, len(ordered), per_package)]
    return Workload(where.name, blobs, tuple(map(tuple, packages)), layers, images)
