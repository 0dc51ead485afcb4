"""What an update of one container image costs a bootc host: the new layers of the OS image.

    python3 -m bench.os_layers [--few] [--output DIR]

chunkah and `rpm-ostree compose build-chunked-oci` put the files of a source RPM into layers, large
ones alone; files that no RPM has are one layer (chunkah), or those of the Containerfile's lines.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.layers import Salted, debian_layer
from bench.paack import Build
from bench.registry import Blob, Blobs, StaticRegistry
from bench.workload import Workload, few, scaled
from paack.helpers.rpm.payload import packed_files
from paack.helpers.run import run

_CHUNK = 1 << 20
_CHANGED = "nginx"
Stacks = Mapping[str, Sequence[Blob]]


@dataclass(frozen=True)
class OsLayer:
    """The files of a source RPM: a digest of them, and their size in bytes as gzip has them."""

    digest: str
    size: int


def os_layers(rpms: Sequence[Path]) -> dict[str, OsLayer]:
    """Return the layer of each source RPM that ``rpms`` were made from, by its file name."""
    sources: dict[str, list[Path]] = {}
    for rpm in sorted(rpms):
        query = ["rpm", "-qp", "--nosignature", "--queryformat=%{SOURCERPM}", str(rpm)]
        sources.setdefault(run(query, quiet=True).stdout.decode(), []).append(rpm)
    return {source: _layer(some) for source, some in sources.items()}


def new_bytes(old: Mapping[str, OsLayer], new: Mapping[str, OsLayer]) -> int:
    """Return the bytes of the layers that only ``new`` has."""
    there = {layer.digest for layer in old.values()}
    return sum(layer.size for layer in new.values() if layer.digest not in there)


def _layer(rpms: Sequence[Path]) -> OsLayer:
    digest, packer, size = hashlib.sha256(), zlib.compressobj(level=1, wbits=31), 0
    for rpm in rpms:
        for file in packed_files(rpm):
            digest.update(f"{file.path}\0{file.size}\0".encode())
            while chunk := file.content.read(_CHUNK):
                digest.update(chunk)
                size += len(packer.compress(chunk))
    return OsLayer(digest.hexdigest(), size + len(packer.flush()))


class Releases:
    """Images of a workload, as three releases: the first, another layer, another base."""

    def __init__(self, workload: Workload, blobs: Blobs) -> None:
        self._blobs = blobs
        for layer in workload.layers:
            (blobs.path / workload.blobs.file(layer.digest).name).hardlink_to(
                workload.blobs.file(layer.digest)
            )
        self.first = workload.stacks
        self.layer = self._with(_CHANGED)
        self.base = self._with("base")

    def show(self, stacks: Stacks) -> None:
        """Let the registry have these images."""
        for image, stack in stacks.items():
            self._blobs.image(image, stack)

    def _with(self, name: str) -> dict[str, list[Blob]]:
        old = hashlib.sha256(debian_layer(name).read_bytes()).hexdigest()
        new = self._blobs.layer(Salted(debian_layer(name).read_bytes()).copy(1), fast=True)
        return {
            image: [new if each.diff_id == f"sha256:{old}" else each for each in stack]
            for image, stack in self.first.items()
        }


def rows(home: Path, workload: Workload) -> Iterator[str]:
    """Yield the table; all is made below ``home``."""
    work = home / "work"
    shutil.rmtree(work, ignore_errors=True)
    blobs = Blobs(work / "blobs")
    releases = Releases(workload, blobs)
    changed = (releases.layer, releases.base)
    copies = {image: sum(each.size for each in stack) for image, stack in releases.first.items()}
    of_layer = [image for image in copies if releases.layer[image] != releases.first[image]]
    yield "| way | in the OS image | new: one layer | new: the base | copied at boot |"
    yield "| --- | --- | --- | --- | --- |"
    every, copied = sum(copies.values()), _mb(workload.unpacked)
    yield _row("`dir:` copies, one RUN", every, every, every, copied)
    own = sum(copies[image] for image in of_layer)
    yield _row("`dir:` copies, a RUN for each image", every, own, every, copied)
    with StaticRegistry(blobs) as registry:
        for layers, packages in (("bundled", 1), ("shared", 1), ("shared", len(workload.images))):
            dealt = tuple(tuple(workload.images[at::packages]) for at in range(packages))
            several = replace(workload, blobs=blobs, packages=dealt)
            build = Build(work / f"{layers}-{packages}", several, registry, layers=layers)
            releases.show(releases.first)
            build.cold()
            first = os_layers(build.rpms())
            new = []
            for release in changed:
                releases.show(release)
                build.lock_again()
                build.warm()
                new.append(new_bytes(first, os_layers(build.rpms())))
                build.forget()
            name = f"`layers: {layers}`, {packages} package{'s' if packages > 1 else ''}"
            layer, base = new
            yield _row(name, sum(each.size for each in first.values()), layer, base, "nothing")
    shutil.rmtree(work)


def _row(way: str, whole: int, layer: int, base: int, copied: str) -> str:
    return f"| {way} | {_mb(whole)} | {_mb(layer)} | {_mb(base)} | {copied} |"


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 10e6 else f"{size / 1e6:.1f} MB"


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("_output"))
    parser.add_argument("--few", action="store_true", help="three images instead of the six")
    options = parser.parse_args()
    home = options.output.resolve() / "bench"
    where = home / "workloads"
    workload = few(where) if options.few else scaled(where, 1)
    facts = (len(workload.images), len(workload.layers), _mb(workload.compressed))
    print("{} images, {} layers, {} in the registry\n".format(*facts))
    for row in rows(home, workload):
        print(row, flush=True)


if __name__ == "__main__":
    main()
