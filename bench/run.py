"""The run: rounds of all variants, one after the other, so that a busy moment hits all alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from platform import machine

from bench import changes, device, first_boot, older
from bench.measure import Sample, measure
from bench.paack import Build, floor
from bench.parts import Part, parts
from bench.registry import StaticRegistry
from bench.rivals import Rival
from bench.workload import Workload, many_files, scaled, tiny
from paack.helpers.errors import ToolError
from tests.support.product import newer_erofs_utils

STARTS = 5  # of each image
COLD_STARTS = 7
# Debian's maintainer scripts, which did not run, make links to these.
_LIBRARIES = ":".join(f"/usr/lib/{machine()}-linux-gnu/{name}" for name in ("blas", "lapack"))
#: Image and command of starts with nothing in the page cache; another workload: its first image.
_COLD = ("science-0", ("env", f"LD_LIBRARY_PATH={_LIBRARIES}", "python3", "-c", "import numpy"))
#: Packages with layers in common; at 1x they and the packages of layers are twelve.
SHARED_PACKAGES = 4


@dataclass
class Results:
    """Samples by workload and variant, the workloads' own figures, and how busy the machine was.

    ``parts`` are those of the first workload's compilation, ``own_share`` that of the second
    definition's own layers in its bytes; ``checks`` is the table of ``bench.check``.
    """

    workloads: dict[str, dict[str, int]] = field(default_factory=dict)
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    load: list[float] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    own_share: float = 1.0
    checks: list[str] = field(default_factory=list)

    def add(self, workload: str, variant: str, sample: Sample) -> None:
        """Keep a sample, and say it on stderr."""
        self.samples.setdefault(workload, {}).setdefault(variant, []).append(sample)
        self.load.append(round(os.getloadavg()[0], 2))
        sizes = "".join(f", {name} {size / 1e6:.1f} MB" for name, size in sample.sizes.items())
        line = f"{workload:>12} {variant:<20} {sample.wall:8.2f} s, CPU {sample.cpu:8.2f} s"
        print(f"{line}{sizes}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Plan:
    """What is run: copies of the images, sizes of many-files images, rounds, and which ways.

    With ``others`` also those that are not paack's own; ``older`` is a checkout of paack 2.0.
    """

    scales: Sequence[int]
    files: Sequence[int]
    repeat: int
    tiny: bool = False
    others: bool = True
    older: Path | None = None


class Benchmark:
    """All that is measured, in the directory ``home``; ``results`` grow while it runs."""

    def __init__(self, home: Path, plan: Plan) -> None:
        self.results = Results()
        self._home = home
        self._work = home / "work"
        self._plan = plan

    def run(self) -> None:
        """Make what is missing of the workloads, then measure.

        What takes long or changes little runs in the first round only.
        """
        plan, where = self._plan, self._home / "workloads"
        make = tiny if plan.tiny else scaled
        workloads = [make(where, copies) for copies in plan.scales]
        workloads += [many_files(where, count) for count in plan.files]
        for workload in workloads:
            self.results.workloads[workload.name] = {
                "compressed": workload.compressed,
                "unpacked": workload.unpacked,
                "images": len(workload.images),
                "layers": len(workload.layers),
            }
        for number in range(plan.repeat):
            for workload in workloads:
                with StaticRegistry(workload.blobs) as registry:
                    this = Round(self, workload, registry, self._work / workload.name)
                    this.run(
                        first=number == 0,
                        main=workload is workloads[0],
                        large=workload in workloads[1 : len(plan.scales)],
                        tree=workload is workloads[-1] and bool(plan.files),
                    )

    @property
    def plan(self) -> Plan:
        """What is run."""
        return self._plan


class Round:
    """One round of one workload, whose images a registry has."""

    def __init__(
        self, benchmark: Benchmark, workload: Workload, registry: StaticRegistry, home: Path
    ) -> None:
        self._plan, self._results = benchmark.plan, benchmark.results
        self._workload, self._registry, self._home = workload, registry, home

    def run(self, *, first: bool, main: bool, large: bool, tree: bool) -> None:
        """Measure; ``main`` is the workload that everything is measured with."""
        others = self._plan.others
        builds = self._builds(several=main and first and others, beside=first or not large)
        for name, build in builds.items():
            self._build(name, build)
            if main and name in ("paack", older.NAME):
                self._changed(name, build)
        if others and (first or not large):
            self._measure("floor", lambda: floor(self._home / "floor", self._workload))
        if main:
            self._second("paack")
            if first and self._plan.older:
                self._second(older.NAME)
        if first and others and (main or tree):
            self._rivals(builds, mksquashfs=main)
        if first and main:
            cache = builds["paack"].cache / "paack"
            self._results.parts = parts(cache, builds["paack"].lock)
            self._starts(builds)
            self._first_boot(builds)
        for build in builds.values():
            build.clear()

    def _builds(self, *, several: bool, beside: bool) -> dict[str, Build]:
        home, workload, registry = self._home, self._workload, self._registry
        builds = {"paack": Build(home / "paack", workload, registry)}
        if beside and (old := self._plan.older):
            builds[older.NAME] = Build(home / "older", workload, registry, older=old)
        if not several:
            return builds
        if tools := self._erofs_tools():
            builds["paack erofs"] = Build(
                home / "erofs", workload, registry, filesystem="erofs", environment=tools
            )
        dealt = replace(workload, packages=_dealt(workload.images, SHARED_PACKAGES))
        builds["paack shared"] = Build(home / "shared", dealt, registry, layers="shared")
        return builds

    def _build(self, name: str, build: Build) -> None:
        build.clear()
        self._measure(name, build.cold)
        if name != older.NAME:
            self._measure(f"{name}, unchanged", build.warm)
            self._measure(f"{name}, no output", build.relink)

    def _changed(self, name: str, build: Build) -> None:
        with changes.changed_layer(self._workload):
            build.lock_again()
            self._measure(f"{name}, a changed layer", build.warm)

    def _second(self, name: str) -> None:
        """Measure a second definition, alone and with what the first left in the cache."""
        older_paack = self._plan.older if name == older.NAME else None
        first, second = changes.halves(self._workload)
        self._results.own_share = changes.own_share(first, second)
        home, registry = self._home / "two", self._registry
        one = Build(home / "one", first, registry, older=older_paack)
        two = Build(home / "two", second, registry, older=older_paack, cache=one.cache)
        two.clear()
        self._measure(f"{name}, second definition alone", two.cold)
        two.clear()
        one.cold()
        self._measure(f"{name}, second definition", two.cold)
        two.clear()
        one.clear()

    def _rivals(self, builds: dict[str, Build], *, mksquashfs: bool) -> None:
        workload = self._workload
        rival = Rival(self._home / "rival", workload, self._registry)
        if mksquashfs:
            rival.clear()
            self._measure("mksquashfs", rival.mksquashfs)
            self._results.workloads[workload.name]["tree"] = rival.unpacked()
        rival.clear()
        self._measure("file tree", rival.file_tree)
        rpms = {name: build.rpms() for name, build in builds.items()}
        for name, files in {**rpms, "file tree": rival.rpms()}.items():
            sample = device.install(self._home / "root", files)
            self._results.add(workload.name, f"install {name}", sample)
        rival.clear()

    def _starts(self, builds: dict[str, Build]) -> None:
        stores, registry, results = _stores(builds), self._registry, self._results
        workload, images = self._workload.name, list(self._workload.packages[0])
        image, command = _COLD if _COLD[0] in images else (images[0], ("true",))
        with device.hosts(self._home, registry, stores, images) as hosts:
            kinds = list(hosts)
            for _ in range(STARTS):
                for kind in kinds:
                    results.add(workload, f"list {kind}", device.listed(hosts[kind]))
            for number in range(STARTS * len(images)):
                reference = registry.reference(images[number % len(images)])
                for kind in _turned(kinds, number):
                    sample = device.started(hosts[kind], reference, ("true",))
                    results.add(workload, f"start {kind}", sample)
            for number in range(COLD_STARTS):
                for kind in _turned(kinds, number):
                    device.drop_caches()
                    sample = device.started(hosts[kind], registry.reference(image), command)
                    results.add(workload, f"cold start {kind}", sample)

    def _first_boot(self, builds: dict[str, Build]) -> None:
        workload, results = self._workload, self._results
        if self._plan.others:
            images = list(workload.packages[0])
            sample = first_boot.copied(self._home / "copied", self._registry, images)
            results.add(workload.name, "first boot, dir: copies", sample)
        (store,) = builds["paack"].images()[:1]
        sample = first_boot.mounted(self._home / "mounted", store)
        results.add(workload.name, "first boot, a store", sample)

    def _measure(self, variant: str, step: Callable[[], dict[str, int]]) -> None:
        self._results.add(self._workload.name, variant, measure(step))

    def _erofs_tools(self) -> dict[str, str] | None:
        """Return the environment in which mkfs.erofs is new enough; None where none is."""
        try:
            return dict(newer_erofs_utils(self._home / "bin"))
        except (ToolError, OSError):
            return None


def _stores(builds: dict[str, Build]) -> dict[str, list[Path]]:
    """Return the store images of each build, named by filesystem, number and version."""
    stores = {}
    for name, build in builds.items():
        files = build.images()
        kind = files[0].suffix[1:]
        kind = f"{kind}, {len(files)} stores" if len(files) > 1 else kind
        stores[f"{kind} of {name}" if name == older.NAME else kind] = files
    return stores


def _turned(kinds: Sequence[str], number: int) -> list[str]:
    """Return ``kinds`` with another one first each time."""
    first = number % len(kinds)
    return [*kinds[first:], *kinds[:first]]


def _dealt(images: Sequence[str], packages: int) -> tuple[tuple[str, ...], ...]:
    dealt = (tuple(images[first::packages]) for first in range(packages))
    return tuple(each for each in dealt if each)
