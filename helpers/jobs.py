"""Jobs side by side: while one packs, the next makes its store, and the one after that fetches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from signal import SIGTERM
from threading import Event, Lock
from typing import TypeVar

_AT_ONCE = 2
_SECONDS_BETWEEN_LOOKS = 0.1
_begun: ContextVar[Event] = ContextVar("begun")
_stopped: ContextVar[Event] = ContextVar("stopped")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Lanes:
    """What only one job at a time does, in a ``with`` block: one uses all there is of it.

    Fetching uses the network, and finds in the cache what the job before fetched. Making a store
    uses the cores, and disk space for spools.
    """

    fetching: Lock = field(default_factory=Lock)
    _storing: Lock = field(default_factory=Lock)

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Make a store; the next job may begin."""
        with self._storing:
            if begun := _begun.get(None):
                begun.set()
            yield


def stopped() -> Event:
    """Return what tells this job to end: a process gets a signal, a thread has to look."""
    return _stopped.get(Event())


def run_jobs(jobs: Sequence[Callable[[], Made]]) -> list[Made]:
    """Run jobs and return what each returned; each begins when the one before makes its store.

    Raises the error of the first job, in their order, that fails: jobs before it have ended then,
    and those after it are stopped.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running: list[Future[Made]] = []
        stop = Event()
        try:
            for job in jobs:
                begun = Event()
                running.append(_submit(pool, job, begun, stop))
                waiting = True
                while waiting:
                    waiting = not begun.wait(_SECONDS_BETWEEN_LOOKS)
                    _raise_first(running)
            return [each.result() for each in running]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            left = [each for each in running if not each.cancelled()]
            while wait(left, _SECONDS_BETWEEN_LOOKS).not_done:
                _stop_processes()  # again: one may have been about to start the next
            raise


def _submit(
    pool: ThreadPoolExecutor, job: Callable[[], Made], begun: Event, stop: Event
) -> Future[Made]:
    """Run ``job``, which sets ``begun`` when it makes its store, at its end at the latest."""

    def run() -> Made:
        _begun.set(begun)
        _stopped.set(stop)
        return job()

    future = pool.submit(run)
    future.add_done_callback(lambda _: begun.set())
    return future


def _raise_first(running: Sequence[Future[Made]]) -> None:
    for each in takewhile(Future.done, running):
        each.result()


def _stop_processes() -> None:
    """Ask all processes that were started here to end; who waits for one is told."""
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread, or a process, has ended
            for pid in listed.read_text().split():
                os.kill(int(pid), SIGTERM)
