"""On a device: installing the RPMs, and starting a container from a store or read-write storage."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
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
) -> Iterator[tuple[dict[str, Callable[[str], Sample]], dict[str, Callable[[], Sample]]]]:
    """Yield functions that start (and remove) a container of an image, by where it is stored.

    And functions that list all images. ``stores`` are store images; "read-write" has pulled the
    same ``images``.
    """
    with ExitStack() as stack:
        starters, listers = {}, {}
        for kind in ("read-write", *stores):
            podman = Podman("debian12", base, registries_conf=registry.registries_conf)
            stack.enter_context(podman)
            if kind == "read-write":
                for image in images:
                    podman.podman("pull", "--quiet", registry.reference(image), timeout=3600)
            else:
                places = [base / f"store-{file.name}" for file in stores[kind]]
                for file, where in zip(stores[kind], places, strict=True):
                    podman.mount_image(file, where, file.suffix[1:])
                podman.use_stores(places)
            starters[kind] = _starter(podman, registry)
            listers[kind] = _lister(podman)
        yield starters, listers


def _lister(podman: Podman) -> Callable[[], Sample]:
    def step() -> dict[str, int]:
        podman.podman("images")
        return {}

    return lambda: measure(step)


def _starter(podman: Podman, registry: StaticRegistry) -> Callable[[str], Sample]:
    def start(image: str) -> Sample:
        def step() -> dict[str, int]:
            podman.run(registry.reference(image), "true")
            return {}

        return measure(step)

    return start
