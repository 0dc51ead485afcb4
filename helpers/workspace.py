"""Directories for files in the making, which no crash leaves behind for good.

Each is locked by the process that made it. Whoever makes the next one removes those whose
process is gone (killed, power lost).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "work-"


@contextmanager
def workspace(parent: Path) -> Iterator[Path]:
    """Yield a new directory below ``parent``, removed on leaving the block."""
    _sweep(parent)
    path, lock = _make(parent)
    try:
        yield path
    finally:
        _remove(path)
        os.close(lock)
        with suppress(OSError):  # not empty: others are at work
            parent.rmdir()


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        # Until it is locked, another process may sweep it, or remove the empty parent.
        parent.mkdir(parents=True, exist_ok=True)
        try:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path, lock
        os.close(lock)


def _sweep(parent: Path) -> None:
    for path in sorted(parent.glob(_PREFIX + "*")):
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        except BlockingIOError:
            pass  # in use
        finally:
            os.close(lock)


def _remove(path: Path) -> None:
    # rpmbuild makes read-only directories; another sweep may be at the same one.
    shutil.rmtree(path, ignore_errors=True)
