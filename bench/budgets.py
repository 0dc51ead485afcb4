"""The project's budgets, beside what was measured. Nothing fails when one is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.measure import Sample, ratio
from bench.older import NAME as OLDER
from bench.parts import seconds
from bench.run import Results

_MEMORY = 150_000_000
_SERIAL = 2.5
_CORES = 8
Found = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True)
class Budget:
    """What was promised, and what was measured."""

    text: str
    target: str
    measured: str
    kept: bool


def budgets(results: Results) -> Iterator[Budget]:
    """Yield the budgets that ``results`` can tell of."""
    first = next(iter(results.samples))
    found = results.samples[first]
    yield from _builds(found)
    yield from _changes(found, results.own_share)
    yield from _sizes(results, found, results.workloads[first])
    yield from _device(results, found)
    yield from _linear(results)
    yield from _cores(results, found)


def _builds(found: Found) -> Iterator[Budget]:
    paack = found["paack"]
    for name, wall, cpu in ((OLDER, 1.8, 1.8), ("file tree", 15, 10)):
        if name in found:
            yield _at_least(f"build: faster than {name} (wall)", _wall(paack, found[name]), wall)
            yield _at_least(f"build: less CPU than {name}", _cpu(paack, found[name]), cpu)
    if "floor" in found:
        yield _at_most("build: of the floor (wall)", _wall(found["floor"], paack), 0.7)
    unchanged = _wall(paack, found["paack, unchanged"])
    yield _at_most("unchanged rebuild: of a full one (wall)", unchanged, 0.05)


def _changes(found: Found, own_share: float) -> Iterator[Budget]:
    changed = "a changed layer"
    if f"{OLDER}, {changed}" in found:
        times = _wall(found[f"paack, {changed}"], found[f"{OLDER}, {changed}"])
        yield _at_least(f"build after {changed}: faster than {OLDER} (wall)", times, 8)
    second = "paack, second definition"
    if second in found:
        part = _cpu(found[f"{second} alone"], found[second])
        text = f"second definition: CPU of one alone; its own layers are {own_share:.2f} of it"
        yield _at_most(text, part, round(own_share + 0.15, 2))


def _sizes(results: Results, found: Found, facts: Mapping[str, int]) -> Iterator[Budget]:
    peak = max(s.sizes["peak"] for samples in results.samples.values() for s in samples["paack"])
    yield Budget("memory, at any size", "150 MB", f"{peak / 1e6:.0f} MB", peak <= _MEMORY)
    sizes = found["paack"][-1].sizes
    yield _at_most("RPM: of the registry's blobs", sizes["rpm"] / facts["compressed"], 0.98)
    if OLDER in found:
        yield _at_most(f"RPM: of {OLDER}'s", sizes["rpm"] / found[OLDER][-1].sizes["rpm"], 1.0)
    if "tree" in facts:
        yield _at_most("on disk: of the unpacked store", sizes["disk"] / facts["tree"], 0.5)


def _device(results: Results, found: Found) -> Iterator[Budget]:
    for name, each in results.samples.items():
        if "install file tree" in each:
            times = _wall(each["install paack"], each["install file tree"])
            yield _at_least(f"installing {name}: faster than the file tree (wall)", times, 10)
    for start, other, limit in (
        ("start", "read-write", 1.1),
        ("cold start", "read-write", 1.1),
        ("cold start", f"squashfs of {OLDER}", 1.05),
    ):
        if f"{start} {other}" in found and f"{start} squashfs" in found:
            times = _wall(found[f"{start} {other}"], found[f"{start} squashfs"])
            yield _at_most(f"container, {start}: of {other} (wall)", times, limit)


def _linear(results: Results) -> Iterator[Budget]:
    names = list(results.samples)
    scales = [name for name in names if not name.startswith("files-")]
    files = [name for name in names if name.startswith("files-")]
    if len(scales) > 1:
        each = [_per(results, name, results.workloads[name]["unpacked"]) for name in scales]
        text = f"CPU per byte at {scales[-1]}: of {scales[0]}"
        yield _at_most(text, each[-1] / each[0], 1.15)
    if len(files) > 1:
        each = [_per(results, name, int(name.removeprefix("files-"))) for name in files]
        yield _at_most(f"CPU per file at {files[-1]}: of {files[0]}", each[-1] / each[0], 1.3)
    for name in (*scales[-1:], *files[-1:]):
        found = results.samples[name]
        if OLDER in found:
            yield _at_most(f"{name}: of {OLDER} (wall)", _wall(found[OLDER], found["paack"]), 1.0)


def _cores(results: Results, found: Found) -> Iterator[Budget]:
    linked = median(sample.cpu for sample in found["paack, no output"])
    measured = f"{linked:.2f} s"
    yield Budget("CPU of the serial part", f"{_SERIAL} s", measured, linked <= _SERIAL)
    if results.parts:
        cold = median(sample.cpu for sample in found["paack"])
        times = cold / seconds(_CORES, results.parts, cold, linked)
        yield _at_least(f"{_CORES} cores: faster than one, by the parts", times, 4)


def _per(results: Results, workload: str, units: int) -> float:
    return median(sample.cpu for sample in results.samples[workload]["paack"]) / units


def _wall(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    return _ratio(ours, theirs, lambda sample: sample.wall)


def _cpu(ours: Sequence[Sample], theirs: Sequence[Sample]) -> float:
    return _ratio(ours, theirs, lambda sample: sample.cpu)


def _ratio(
    ours: Sequence[Sample], theirs: Sequence[Sample], value: Callable[[Sample], float]
) -> float:
    return ratio([value(each) for each in ours], [value(each) for each in theirs]).median


def _at_least(text: str, value: float, limit: float) -> Budget:
    return Budget(text, f">= {limit:g}x", f"{value:.1f}x", value >= limit)


def _at_most(text: str, value: float, limit: float) -> Budget:
    return Budget(text, f"<= {limit:g}x", f"{value:.3f}x", value <= limit)
