"""Definitions whose packages have `layers: packed`, locked and built."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paack.helpers.blobs.cache import Cache
from paack.helpers.definition.definition import Definition, load_definition
from paack.helpers.lock.lock import Lock, read_lock
from paack.helpers.packs import Published
from paack.helpers.pipe import Builder
from paack.helpers.progress import Reporter
from tests.support.debian import push_multiarch
from tests.support.oddities import LayerTar
from tests.support.product import unpack_rpm
from tests.support.registry import Registry

KIB = 1 << 10
X86, ARM = "x86_64", "aarch64"


def noise(name: str, size: int) -> bytes:
    """Return bytes that are not compressed, always the same for a name."""
    return random.Random(name).randbytes(size)


def files(prefix: str, count: int, size: int = 20 * KIB, version: str = "") -> dict[str, bytes]:
    """Return files of noise by their names."""
    return {f"{prefix}{n}": noise(f"{prefix}{n}{version}", size) for n in range(count)}


def push(
    registry: Registry, name: str, *layers: Mapping[str, bytes], mtime: int = 1_600_000_000
) -> str:
    """Push an image of layers, the same for both arches; return its name."""
    paths = []
    for number, layer in enumerate(layers):
        tar = LayerTar()
        for file, content in layer.items():
            tar.add(file, content, mtime=mtime)
        paths.append(registry.home / f"{name}-{number}.tar")
        paths[-1].write_bytes(tar.close())
    push_multiarch(registry, name, "1", {"amd64": paths, "arm64": paths})
    return f"{registry.host}/{name}:1"


@dataclass
class Packed:
    """A definition in a directory ``home``, with a cache and an output directory of its own."""

    home: Path
    published: Published | None = None
    layers: str = "packed"
    version: str = "1"
    said: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The definition."""
        return self.home / "app.yaml"

    @property
    def builder(self) -> Builder:
        """What locks and builds."""
        cache = Cache(self.home / "cache")
        reporter = _Reporter(self.said)
        return Builder(self.home / "out", cache, reporter, published=self.published)

    @property
    def locked(self) -> Lock:
        """The lock."""
        lock = read_lock(self.home / "app.lock.yaml")
        assert lock is not None
        return lock

    def define(self, arches: Sequence[str] = (X86,), /, **packages: Sequence[str]) -> None:
        """Write a definition: for each package its images."""
        self.home.mkdir(exist_ok=True)
        text = "".join(
            f"- name: {name}\n  version: '{self.version}'\n  arches: [{', '.join(arches)}]\n"
            f"  images: [{', '.join(images)}]\n"
            for name, images in packages.items()
        )
        self.file.write_text(f"packages:\n{text}")

    def definition(self) -> Definition:
        """Return the definition."""
        definition = load_definition(self.file)
        packages = [replace(each, layers=self.layers) for each in definition.packages]
        return replace(definition, packages=tuple(packages))

    def lock(self, *, update: bool = False, repack: bool = False) -> list[str]:
        """Lock the definition; return what changed."""
        return self.builder.lock(self.definition(), update=update, repack=repack)[1]

    def build(self) -> list[Path]:
        """Return the RPMs."""
        builder = self.builder
        return builder.rpms(builder.plan(self.definition()))

    def unpacked(self, rpms: Sequence[Path], where: str = "device") -> Path:
        """Return a directory with the files of RPMs."""
        for rpm in rpms:
            unpack_rpm(rpm, self.home / where)
        return self.home / where


class _Reporter(Reporter):
    """Keeps what it is told."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def say(self, line: str) -> None:
        self._said.append(line)


def joined(root: Path, name: str) -> Path:
    """Return the squashfs that the pieces of a package's store are, on a device at ``root``.

    They are read as device-mapper would: sectors of files, as the table says.
    """
    table = root / f"usr/lib/container-images/{name}.packs"
    image = root / f"{name}.joined"
    with image.open("wb") as out:
        for line in table.read_text().splitlines():
            file, start, sectors = line.split()[:3]
            with (root / file.lstrip("/")).open("rb") as piece:
                piece.seek(int(start) * 512)
                content = piece.read(int(sectors) * 512)
            assert len(content) == int(sectors) * 512
            out.write(content)
    return image
