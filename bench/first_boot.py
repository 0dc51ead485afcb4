"""The first boot without paack: images in the OS as ``dir:`` copies go into read-write storage.

That is what MicroShift's own bootc images do at each start. A store is only mounted.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.device import drop_caches
from bench.measure import Sample, measure
from bench.registry import StaticRegistry
from tests.support.commands import run

# podman's library leaves a mount on its storage, which then cannot be removed.
_PRIVATE = ("unshare", "--mount", "--")


def copied(home: Path, registry: StaticRegistry, images: list[str]) -> Sample:
    """Measure copying ``images`` from directories into an empty storage; bytes: ``written``."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    for image in images:
        _copy(registry, f"docker://{registry.reference(image)}", f"dir:{home / image}")
    storage = home / "storage"
    drop_caches()

    def step() -> dict[str, int]:
        # containers-storage refuses a runroot of more than 50 characters.
        with tempfile.TemporaryDirectory(prefix="bench-") as runroot:
            for image in images:
                place = f"containers-storage:[overlay@{storage}+{runroot}]"
                name = registry.reference(image)
                _copy(registry, f"dir:{home / image}", f"{place}{name}")
        return {}

    sample = measure(step)
    said = run(["du", "--summarize", "--block-size=1", str(storage)]).stdout
    shutil.rmtree(home)
    return Sample(sample.wall, sample.cpu, {"written": int(said.split()[0])})


def mounted(home: Path, store: Path) -> Sample:
    """Measure the mount of a store image, which writes nothing."""
    home.mkdir(parents=True, exist_ok=True)
    drop_caches()

    def step() -> dict[str, int]:
        run(["mount", "-t", store.suffix[1:], "-o", "loop,ro,nodev,nosuid", str(store), str(home)])
        return {}

    sample = measure(step)
    run(["umount", str(home)])
    return Sample(sample.wall, sample.cpu, {"written": 0})


def _copy(registry: StaticRegistry, source: str, target: str) -> None:
    options = [f"--registries-conf={registry.registries_conf}", "--insecure-policy"]
    run([*_PRIVATE, "skopeo", *options, "copy", "--quiet", source, target])
