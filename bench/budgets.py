"""The project's budgets, beside what was measured. Nothing fails when one is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from bench.measure import Sample, ratio
from bench.run import Results

_MEMORY = 150_000_000


@dataclass(frozen=True)
class Budget:
    """What was promised, and what was measured."""

    text: str
    measured: str
    kept: bool


def budgets(results: Results) -> Iterator[Budget]:
    """Yield the budgets that ``results`` can tell of."""
    first = next(iter(results.samples))
    found, facts = results.samples[first], results.workloads[first]
    if "file tree" in found:
        tree = found["file tree"]
        yield _at_least(
            "build: 15x faster than the file tree (wall)", _wall(found["paack"], tree), 15
        )
        yield _at_least("build: 10x less CPU than the file tree", _cpu(found["paack"], tree), 10)
    yield _at_most("build: 1.3x of the floor (wall)", _wall(found["floor"], found["paack"]), 1.3)
    unchanged = _wall(found["paack"], found["paack, unchanged"])
    yield _at_most("unchanged rebuild: 0.05 of a full one (wall)", unchanged, 0.05)
    peaks = [s.sizes["peak"] for samples in results.samples.values() for s in samples["paack"]]
    peak = max(peaks)
    yield Budget("memory: 150 MB, at any size", f"{peak / 1e6:.0f} MB", peak <= _MEMORY)
    sizes = found["paack"][-1].sizes
    yield _at_most("RPM: 0.98 of the registry's blobs", sizes["rpm"] / facts["compressed"], 0.98)
    if "tree" in facts:
        yield _at_most("on disk: 0.5 of the unpacked store", sizes["disk"] / facts["tree"], 0.5)
    for name, each in results.samples.items():
        if "install file tree" in each:
            times = _wall(each["install paack"], each["install file tree"])
            text = f"installing {name}: 10x faster than the file tree (wall)"
            yield _at_least(text, times, 10)
    if "start squashfs" in found:
        times = _wall(found["start read-write"], found["start squashfs"])
        yield _at_most("container start: 1.1x of read-write storage (wall)", times, 1.1)
    yield from _linear(results)


def _linear(results: Results) -> Iterator[Budget]:
    names = list(results.samples)
    scales = [name for name in names if not name.startswith("files-")]
    files = [name for name in names if name.startswith("files-")]
    if len(scales) > 1:
        each = [_per(results, name, results.workloads[name]["unpacked"]) for name in scales]
        text = f"CPU per byte at {scales[-1]}: 1.15x of {scales[0]}"
        yield _at_most(text, each[-1] / each[0], 1.15)
    if len(files) > 1:
        each = [_per(results, name, int(name.removeprefix("files-"))) for name in files]
        yield _at_most(f"CPU per file at {files[-1]}: 1.3x of {files[0]}", each[-1] / each[0], 1.3)


def _per(results: Results, workload: str, units: int) -> float:
    return median(sample.cpu for sample in results.samples[workload]["paack"]) / units


def _wall(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    return ratio([each.wall for each in ours], [each.wall for each in theirs]).median


def _cpu(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    return ratio([each.cpu for each in ours], [each.cpu for each in theirs]).median


def _at_least(text: str, value: float, limit: float) -> Budget:
    return Budget(text, f"{value:.1f}x", value >= limit)


def _at_most(text: str, value: float, limit: float) -> Budget:
    return Budget(text, f"{value:.3f}", value <= limit)
