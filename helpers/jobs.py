"""Jobs side by side: one packs while the next makes its store and the one after that fetches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from threading import Lock
from typing import TypeVar

_AT_ONCE = 2
_SECONDS_TO_STOP = 0.1
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Lanes:
    """What only one job at a time does, in ``with``: each takes all there is of something.

    Fetching takes the network, and finds in the cache what the job before fetched; making a
    store takes the cores, and disk for spools.
    """

    fetching: Lock = field(default_factory=Lock)
    storing: Lock = field(default_factory=Lock)


def run_jobs(jobs: Sequence[Callable[[], Made]]) -> list[Made]:
    """Run jobs, begun in their order, and return what each returned.

    Raises what the first that fails raised, in their order: those before it have ended then, and
    those after it are stopped.
    """
    if len(jobs) < _AT_ONCE:
        return [job() for job in jobs]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            return [each.result() for each in running]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            begun = [each for each in running if not each.cancelled()]
            while wait(begun, _SECONDS_TO_STOP).not_done:
                _stop_processes()  # again: one may have been about to start the next
            raise


def _stop_processes() -> None:
    """Ask all processes that were started here to end; who waits for one is told."""
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread, or a process, has ended
            for pid in listed.read_text().split():
                os.kill(int(pid), SIGTERM)
