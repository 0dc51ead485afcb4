"""The run: rounds of all variants, one after the other, so that a busy moment hits all alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import device
from bench.measure import Sample, measure
from bench.paack import Build, floor
from bench.registry import StaticRegistry
from bench.rivals import Rival
from bench.workload import Workload, many_files, scaled, tiny
from paack.helpers.errors import ToolError
from tests.support.product import newer_erofs_utils

STARTS = 5  # of each image
#: Packages with layers in common; at 1x they and the packages of layers are twelve.
SHARED_PACKAGES = 4


@dataclass
class Results:
    """Samples by workload and variant, the workloads' own figures, and how busy the machine was."""

    workloads: dict[str, dict[str, int]] = field(default_factory=dict)
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    load: list[float] = field(default_factory=list)

    def add(self, workload: str, variant: str, sample: Sample) -> None:
        """Keep a sample, and say it on stderr."""
        self.samples.setdefault(workload, {}).setdefault(variant, []).append(sample)
        self.load.append(round(os.getloadavg()[0], 2))
        sizes = "".join(f", {name} {size / 1e6:.1f} MB" for name, size in sample.sizes.items())
        line = f"{workload:>12} {variant:<20} {sample.wall:8.2f} s, CPU {sample.cpu:8.2f} s"
        print(f"{line}{sizes}", file=sys.stderr, flush=True)


class Benchmark:
    """All that is measured, in the directory ``home``; ``results`` grow while it runs."""

    def __init__(
        self, home: Path, *, scales: Sequence[int], files: Sequence[int], repeat: int, tiny: bool
    ) -> None:
        self.results = Results()
        self._home = home
        self._work = home / "work"
        self._scales, self._files = scales, files
        self._repeat = repeat
        self._tiny = tiny

    def run(self) -> None:
        """Make what is missing of the workloads, then measure."""
        where = self._home / "workloads"
        make = tiny if self._tiny else scaled
        workloads = [make(where, copies) for copies in self._scales]
        workloads += [many_files(where, count) for count in self._files]
        for workload in workloads:
            self.results.workloads[workload.name] = {
                "compressed": workload.compressed,
                "unpacked": workload.unpacked,
                "images": len(workload.images),
                "layers": len(workload.layers),
            }
        for number in range(self._repeat):
            for workload in workloads:
                last = number == self._repeat - 1
                with StaticRegistry(workload.blobs) as registry:
                    self._round(
                        workload,
                        registry,
                        rivals=workload is workloads[0],
                        tree=last and workload is workloads[-1] and bool(self._files),
                        starts=last and workload is workloads[0],
                    )

    def _round(
        self,
        workload: Workload,
        registry: StaticRegistry,
        *,
        rivals: bool,
        tree: bool,
        starts: bool,
    ) -> None:
        home = self._work / workload.name
        builds = self._builds(home, workload, registry, others=rivals)
        for name, build in builds.items():
            build.clear()
            self._measure(workload, name, build.cold)
            self._measure(workload, f"{name}, unchanged", build.warm)
            self._measure(workload, f"{name}, no output", build.relink)
        self._measure(workload, "floor", lambda: floor(home / "floor", workload))
        if rivals or tree:
            self._rivals(home, workload, registry, builds, mksquashfs=rivals)
        if starts:
            self._starts(home, workload, registry, builds)
        for build in builds.values():
            build.clear()

    def _builds(
        self, home: Path, workload: Workload, registry: StaticRegistry, *, others: bool
    ) -> dict[str, Build]:
        builds = {"paack": Build(home / "paack", workload, registry)}
        if not others:
            return builds
        if tools := self._erofs_tools():
            builds["paack erofs"] = Build(
                home / "erofs", workload, registry, filesystem="erofs", environment=tools
            )
        several = replace(workload, packages=_dealt(workload.images, SHARED_PACKAGES))
        builds["paack shared"] = Build(home / "shared", several, registry, layers="shared")
        return builds

    def _rivals(
        self,
        home: Path,
        workload: Workload,
        registry: StaticRegistry,
        builds: dict[str, Build],
        *,
        mksquashfs: bool,
    ) -> None:
        rival = Rival(home / "rival", workload, registry)
        if mksquashfs:
            rival.clear()
            self._measure(workload, "mksquashfs", rival.mksquashfs)
            self.results.workloads[workload.name]["tree"] = rival.unpacked()
        rival.clear()
        self._measure(workload, "file tree", rival.file_tree)
        rpms = {name: build.rpms() for name, build in builds.items()}
        for name, files in {**rpms, "file tree": rival.rpms()}.items():
            sample = device.install(home / "root", files)
            self.results.add(workload.name, f"install {name}", sample)
        rival.clear()

    def _starts(
        self, home: Path, workload: Workload, registry: StaticRegistry, builds: dict[str, Build]
    ) -> None:
        stores = {}
        for build in builds.values():
            files = build.images()
            kind = files[0].suffix[1:]
            stores[f"{kind}, {len(files)} stores" if len(files) > 1 else kind] = files
        images = list(workload.packages[0])
        with device.hosts(home, registry, stores, images) as (starters, listers):
            for _ in range(STARTS):
                for kind, lister in listers.items():
                    self.results.add(workload.name, f"list {kind}", lister())
            for number in range(STARTS * len(images)):
                kinds = list(starters)
                first = number % len(kinds)
                for kind in kinds[first:] + kinds[:first]:
                    sample = starters[kind](images[number % len(images)])
                    self.results.add(workload.name, f"start {kind}", sample)

    def _measure(
        self, workload: Workload, variant: str, step: Callable[[], dict[str, int]]
    ) -> None:
        self.results.add(workload.name, variant, measure(step))

    def _erofs_tools(self) -> dict[str, str] | None:
        """Return the environment in which mkfs.erofs is new enough; None where none is."""
        try:
            return dict(newer_erofs_utils(self._work / "bin"))
        except (ToolError, OSError):
            return None


def _dealt(images: Sequence[str], packages: int) -> tuple[tuple[str, ...], ...]:
    dealt = (tuple(images[first::packages]) for first in range(packages))
    return tuple(each for each in dealt if each)
