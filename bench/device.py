"""On a device: installing the RPMs, and starting a container from a store or read-write storage."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.measure import Sample, measure
from bench.registry import StaticRegistry
from tests.support.commands import run
from tests.support.podman import Podman


def install(root: Path, rpms: list[Path]) -> Sample:
    """Install ``rpms`` below an empty ``root``: rpm's own time, scriptlets left out."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    run(["rpm", "--root", str(root), "--initdb"])

    def step() -> dict[str, int]:
        options = ["--nodeps", "--noscripts", "--notriggers"]
        run(["rpm", "--install", "--root", str(root), *options, *map(str, rpms)])
        return {}

    sample = measure(step)
    shutil.rmtree(root)
    return sample


@contextmanager
def hosts(
    base: Path, registry: StaticRegistry, stores: dict[str, list[Path]], images: list[str]
) -> Iterator[dict[str, Podman]]:
    """Yield hosts that have ``images``, by where: in read-write storage, or in ``stores``.

    ``stores`` are store images by a name for them.
    """
    with ExitStack() as stack:
        found = {}
        for number, kind in enumerate(("read-write", *stores)):
            podman = Podman("debian12", base, registries_conf=registry.registries_conf)
            stack.enter_context(podman)
            if kind == "read-write":
                for image in images:
                    podman.podman("pull", "--quiet", registry.reference(image), timeout=3600)
            else:
                places = [base / f"store-{number}-{file.name}" for file in stores[kind]]
                for file, where in zip(stores[kind], places, strict=True):
                    podman.mount_image(file, where, file.suffix[1:])
                podman.use_stores(places)
            found[kind] = podman
        yield found


def listed(podman: Podman) -> Sample:
    """Measure listing all images."""
    return measure(lambda: _nothing(podman.podman("images")))


def started(podman: Podman, reference: str, command: Sequence[str]) -> Sample:
    """Measure a container that is started, ends, and is removed."""
    return measure(lambda: _nothing(podman.run(reference, *command)))


def drop_caches() -> None:
    """Let the kernel forget what it has read: files, directories and inodes."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", "ascii")


def _nothing(_: object) -> dict[str, int]:
    return {}
