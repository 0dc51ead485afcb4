"""The report: JSON with every sample, a Markdown page for the README, and a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.budgets import budgets
from bench.measure import Sample, Spread, ratio
from bench.plot import plot
from bench.run import Results

BUILDS = (
    "paack", "paack, unchanged", "paack shared", "paack erofs", "floor", "mksquashfs", "file tree",
)  # fmt: skip


def write(home: Path, results: Results) -> None:
    """Write bench.json, bench.md and bench.svg into ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": {"cpus": os.cpu_count(), "arch": platform.machine(), "load": results.load},
        "workloads": results.workloads,
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
    yield "| budget | measured | kept |"
    yield "| --- | --- | --- |"
    for budget in budgets(results):
        yield f"| {budget.text} | {budget.measured} | {'yes' if budget.kept else '**no**'} |"


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
    yield "| workload | files or GB | wall, s | CPU, s | CPU per GB, s | peak memory | of floor |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for workload, found in results.samples.items():
        samples, size = found["paack"], results.workloads[workload]["unpacked"] / 1e9
        cpu = Spread.of([each.cpu / size for each in samples])
        peak = max(each.sizes["peak"] for each in samples)
        of_floor = ratio([each.wall for each in found["floor"]], [each.wall for each in samples])
        cells = [f"{size:.2f} GB", *_times(samples), spread(cpu), _mb(peak), spread(of_floor)]
        yield f"| {workload} | {' | '.join(cells)} |"
    yield ""


def _device(results: Results) -> Iterator[str]:
    yield "| on the device | of | wall, s | CPU, s |"
    yield "| --- | --- | --- | --- |"
    for workload, found in results.samples.items():
        for name in (each for each in found if each.startswith(("install ", "list ", "start "))):
            yield f"| {name} | {workload} | {' | '.join(_times(found[name]))} |"
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


def _load(results: Results) -> str:
    return spread(Spread.of(results.load)) if results.load else "unknown"
