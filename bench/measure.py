"""Measuring a step: wall time, CPU time of all its processes, and its result's sizes."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One run: seconds of wall clock and of CPU (user and system, children that were waited for).

    ``sizes`` are bytes by what they are of; ``peak`` those of the Python process alone.
    """

    wall: float
    cpu: float
    sizes: dict[str, int] = field(default_factory=dict)


def measure(step: Callable[[], dict[str, int]]) -> Sample:
    """Run ``step``, which starts processes and waits for them, and returns sizes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    sizes = step()
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(round(wall, 3), round(cpu, 3), sizes)


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of some values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of ``values``, at least one."""
        return cls(statistics.median(values), min(values), max(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return theirs / ours, pair by pair: both of a pair ran one after the other."""
    return Spread.of([other / one for one, other in zip(ours, theirs, strict=False)])
