"""Progress: bars on a terminal, one line per image otherwise. All of it goes to stderr."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PLAIN_TERMINALS = ("", "dumb", "unknown")
_BAR, _LONG_BAR = 10, 30
_WIDE, _NARROW = 100, 65  # columns: room for long bars, for none
_SIZES = " 999.9 MB of 999.9 MB 10/10 layers"
_SECONDS_BETWEEN = 0.05


class Meter:
    """One step under way: ``update`` takes the bytes done so far; ``note`` says how it ended."""

    def __init__(self, bar: _Bar | None = None, whole: _Whole | None = None):
        self._bar = bar
        self._whole = whole
        self._done = 0
        self._shown = 0.0
        self.outcome = ""

    def update(self, done: int, detail: str = "") -> None:
        """Show that ``done`` bytes are done; may be called for every file of a layer."""
        if self._bar is None or time.monotonic() - self._shown < _SECONDS_BETWEEN:
            return
        self._show(done, detail)
        self._shown = time.monotonic()

    def finish(self, total: int) -> None:
        """Show that all is done."""
        self._show(total, "")

    def _show(self, done: int, detail: str) -> None:
        if self._whole is not None:
            self._whole.add(done - self._done)
        self._done = done
        if self._bar is not None:
            self._bar.show(done, detail)

    def note(self, outcome: str) -> None:
        """Say how it ended, for the line that stays."""
        self.outcome = outcome


class Reporter:
    """Where steps report. ``step`` yields a Meter; ``say`` prints one line."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._whole: _Whole | None = None

    def say(self, line: str) -> None:
        """Print one line of talk, unless all talk is unwanted."""
        if not is_quiet():
            self.warn(line)

    def warn(self, line: str) -> None:
        """Print one line that is always wanted."""
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False)
        else:
            # In one piece: images are fetched in threads.
            print(f"{line}\n", end="", file=sys.stderr, flush=True)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show bars for all steps inside the block, if stderr is a terminal."""
        if is_quiet() or not sys.stderr.isatty() or os.environ.get("TERM", "") in _PLAIN_TERMINALS:
            yield
            return
        with _new_bars() as bars:
            self._bars = bars
            try:
                yield
            finally:
                self._bars = None

    @contextmanager
    def step(self, label: str, total: int) -> Iterator[Meter]:
        """Run one step of ``total`` bytes; its line stays when it is done."""
        with self._bar(label, total) as bar:
            meter = Meter(bar, self._whole)
            yield meter
            meter.finish(total)
            if self._whole is not None:
                self._whole.part_done()
        self.say(f"{label}: {meter.outcome}" if meter.outcome else label)

    @contextmanager
    def whole(self, label: str, total: int, parts: int, noun: str) -> Iterator[Reporter]:
        """Yield a Reporter whose steps are shown as ``parts`` ("image") of ``total`` bytes."""
        with self._bar(label, total) as bar:
            reporter = Reporter()
            reporter._bars, reporter._whole = self._bars, _Whole(bar, parts, noun)
            yield reporter

    @contextmanager
    def busy(self, label: str) -> Iterator[Meter]:
        """Show that something is under way whose end cannot be told; no line stays."""
        with self._bar(label, None) as bar:
            yield Meter(bar)

    @contextmanager
    def _bar(self, label: str, total: int | None) -> Iterator[_Bar | None]:
        bars = self._bars
        if bars is None:
            yield None
            return
        short = shorten(label, max(_room(bars.console.width), 10))
        # Nothing to do is shown as such, not as an end that cannot be told.
        shown = total if total is None else max(total, 1)
        task = bars.add_task(short, total=shown, size="", detail="")
        bar = _Bar(bars, task, total)
        bar.show(0, "")
        try:
            yield bar
        finally:
            bars.remove_task(task)


@dataclass(slots=True)
class _Bar:
    bars: Progress
    task: TaskID
    total: int | None

    def show(self, done: int, detail: str) -> None:
        size = f"{human(done)} of {human(self.total)}" if self.total else ""
        self.bars.update(self.task, completed=done, size=size, detail=detail)


class _Whole:
    """Adds up the steps that are its parts."""

    def __init__(self, bar: _Bar | None, parts: int, noun: str):
        self._bar = bar
        self._parts = parts
        self._noun = noun
        self._done = 0
        self._parts_done = 0
        self._lock = threading.Lock()
        self._show()

    def add(self, done: int) -> None:
        with self._lock:
            self._done += done
            self._show()

    def part_done(self) -> None:
        with self._lock:
            self._parts_done += 1
            self._show()
        if self._bar is not None:
            self._bar.bars.refresh()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.show(self._done, f"{self._parts_done}/{count(self._parts, self._noun)}")


def is_quiet() -> bool:
    """Whether only results, warnings and errors are wanted (``--quiet``)."""
    return os.environ.get("PAACK_QUIET") == "all"


def count(number: int, noun: str) -> str:
    """Return ``1 layer``, ``2 layers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human(size: int) -> str:
    """Return a number of bytes for people: ``12.3 MB``."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def shorten(label: str, width: int) -> str:
    """Fit a label into ``width`` columns: an image loses its registry first, then its end."""
    while len(label) > width:
        shorter = re.sub(r"(?<=\s)(…/)?[^\s/]+/", "…/", label, count=1)
        if len(shorter) >= len(label):
            return label[: width - 1] + "…"
        label = shorter
    return label


def _bar_width(columns: int) -> int:
    return 0 if columns < _NARROW else _BAR if columns < _WIDE else _LONG_BAR


def _room(columns: int) -> int:
    """Return how long a label may be, beside a bar and numbers."""
    return columns - len(_SIZES) - _bar_width(columns) - 1


def _new_bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    # Soft wrapping leaves long lines, such as commands to be pasted, to the terminal.
    console = Console(stderr=True, soft_wrap=True)
    label, size, detail = (
        TextColumn(f"{{task.{name}}}", markup=False, table_column=Column(no_wrap=True))
        for name in ("description", "fields[size]", "fields[detail]")
    )
    width = _bar_width(console.width)
    bar = [BarColumn(bar_width=width)] if width else []
    return Progress(label, *bar, size, detail, console=console, transient=True)
