"""Progress: bars on a terminal, one line per step otherwise. All of it goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Meter:
    """One step under way: ``update`` takes the bytes done so far; ``note`` says how it ended."""

    def __init__(self, bars: Progress | None = None, task: TaskID | None = None):
        self._bars = bars
        self._task = task
        self.outcome = ""

    def update(self, done: int, detail: str = "") -> None:
        """Show that ``done`` bytes are done."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, detail=detail)

    def note(self, outcome: str) -> None:
        """Say how it ended, for the line that stays."""
        self.outcome = outcome


class Reporter:
    """Where steps report. ``step`` yields a Meter; ``say`` prints one line."""

    def __init__(self) -> None:
        self._bars: Progress | None = None

    def say(self, line: str) -> None:
        """Print one line of talk."""
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr, flush=True)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show bars for all steps inside the block, if stderr is a terminal."""
        if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            yield
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            self._bars = bars
            try:
                yield
            finally:
                self._bars = None

    @contextmanager
    def step(self, label: str, total: int) -> Iterator[Meter]:
        """Run one step of ``total`` bytes; its line stays when it is done."""
        bars = self._bars
        task = bars.add_task(label, total=total, detail="") if bars is not None else None
        meter = Meter(bars, task)
        try:
            yield meter
        finally:
            if bars is not None and task is not None:
                bars.remove_task(task)
        self.say(f"{label}: {meter.outcome}" if meter.outcome else label)


def human(size: int) -> str:
    """Return a number of bytes for people: ``12.3 MB``."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
