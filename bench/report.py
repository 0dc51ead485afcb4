"""The report: JSON with every sample, a Markdown page for the README, and a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.budgets import budgets
from bench.measure import Sample, Spread, ratio
from bench.older import NAME as OLDER
from bench.parts import Part, seconds
from bench.plot import plot
from bench.run import Results

BUILDS = (
    "paack", OLDER, "paack, unchanged", "paack, no output",
    "paack, a changed layer", f"{OLDER}, a changed layer",
    "paack, second definition", f"{OLDER}, second definition",
    "paack, second definition alone", f"{OLDER}, second definition alone",
    "paack shared", "paack erofs", "floor", "mksquashfs", "file tree",
)  # fmt: skip
_ON_THE_DEVICE = ("install ", "list ", "start ", "cold start ", "first boot")
_CORES = (1, 2, 4, 8)
_SLOWER = f"of the floor | of {OLDER}"


def write(home: Path, results: Results) -> None:
    """Write bench.json, bench.md and bench.svg into ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": {"cpus": os.cpu_count(), "arch": platform.machine(), "load": results.load},
        "workloads": results.workloads,
        "parts": [asdict(each) for each in results.parts],
        "own share": results.own_share,
        "checks": results.checks,
        "samples": {
            workload: {name: [asdict(each) for each in samples] for name, samples in found.items()}
            for workload, found in results.samples.items()
        },
    }
    (home / "bench.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (home / "bench.md").write_text("\n".join(_page(results)) + "\n", encoding="utf-8")
    (home / "bench.svg").write_text(plot(results), encoding="utf-8")


def _page(results: Results) -> Iterator[str]:
    if not results.samples:
        return
    first = next(iter(results.samples))
    yield f"{os.cpu_count()} CPUs, {platform.machine()}; load while it ran: {_load(results)}."
    yield "Median (lowest to highest). Ratios are of runs beside each other, to paack's."
    yield ""
    yield from _builds(first, results)
    yield from _scales(results)
    yield from _device(results)
    yield from _cores(first, results)
    if results.checks:
        yield from (*results.checks, "")
    yield "| budget | target | measured | kept |"
    yield "| --- | --- | --- | --- |"
    for each in budgets(results):
        kept = "yes" if each.kept else "**no**"
        yield f"| {each.text} | {each.target} | {each.measured} | {kept} |"


def _builds(workload: str, results: Results) -> Iterator[str]:
    facts, found = results.workloads[workload], results.samples[workload]
    yield (
        f"**{workload}**: {facts['images']} images, {facts['layers']} layers, "
        f"{_mb(facts['compressed'])} in the registry, {_mb(facts['unpacked'])} unpacked."
    )
    yield ""
    yield "| way | wall, s | CPU, s | wall, ratio | CPU, ratio | peak memory | RPM | on disk |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for name in (each for each in BUILDS if each in found):
        samples = found[name]
        cells = [name, *_times(samples), *_ratios(found["paack"], samples)]
        cells += [_mb(samples[-1].sizes.get(size)) for size in ("peak", "rpm", "disk")]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _scales(results: Results) -> Iterator[str]:
    yield f"| workload | unpacked | wall, s | CPU, s | CPU per GB, s | peak memory | {_SLOWER} |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for workload, found in results.samples.items():
        samples, size = found["paack"], results.workloads[workload]["unpacked"] / 1e9
        cpu = Spread.of([each.cpu / size for each in samples])
        peak = max(each.sizes["peak"] for each in samples)
        cells = [f"{size:.2f} GB", *_times(samples), spread(cpu), _mb(peak)]
        cells += [_of(samples, found.get(name, ())) for name in ("floor", OLDER)]
        yield f"| {workload} | {' | '.join(cells)} |"
    yield ""


def _of(ours: Sequence[Sample], theirs: Sequence[Sample]) -> str:
    """Return our wall clock time as a part of theirs."""
    if not theirs:
        return ""
    return spread(ratio([each.wall for each in theirs], [each.wall for each in ours]))


def _cores(workload: str, results: Results) -> Iterator[str]:
    if not results.parts:
        return
    found, parts = results.samples[workload], results.parts
    cold, linked = (median(s.cpu for s in found[n]) for n in ("paack", "paack, no output"))
    yield f"Parts of a build of {workload}, CPU: {cold:.2f} s in all; {linked:.2f} s from compiled"
    yield f"layers, which no cores share; {sum(each.cpu for each in parts):.2f} s of compiling"
    yield f"{len(parts)} layers, of which the longest's own thread {_chain(parts):.2f} s."
    yield ""
    yield f"| cores | {' | '.join(map(str, _CORES))} |"
    yield f"| --- |{' --- |' * len(_CORES)}"
    times = (seconds(cores, parts, cold, linked) for cores in _CORES)
    yield f"| wall at least, s | {' | '.join(f'{each:.2f}' for each in times)} |"
    yield ""


def _device(results: Results) -> Iterator[str]:
    yield "| on the device | of | wall, s | CPU, s | written |"
    yield "| --- | --- | --- | --- | --- |"
    for workload, found in results.samples.items():
        for name in (each for each in found if each.startswith(_ON_THE_DEVICE)):
            cells = [*_times(found[name]), _mb(found[name][-1].sizes.get("written"))]
            yield f"| {name} | {workload} | {' | '.join(cells)} |"
    yield ""


def _times(samples: Sequence[Sample]) -> list[str]:
    return [
        spread(Spread.of([each.wall for each in samples])),
        spread(Spread.of([each.cpu for each in samples])),
    ]


def _ratios(ours: Sequence[Sample], theirs: Sequence[Sample]) -> list[str]:
    return [
        spread(ratio([each.wall for each in ours], [each.wall for each in theirs])),
        spread(ratio([each.cpu for each in ours], [each.cpu for each in theirs])),
    ]


def spread(values: Spread) -> str:
    """Return a spread for people: ``1.23 (1.20 to 1.31)``."""
    if values.low == values.high:
        return f"{values.median:.2f}"
    return f"{values.median:.2f} ({values.low:.2f} to {values.high:.2f})"


def _mb(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.0f} MB"


def _chain(parts: Sequence[Part]) -> float:
    return max(part.thread for part in parts)


def _load(results: Results) -> str:
    return spread(Spread.of(results.load)) if results.load else "unknown"
