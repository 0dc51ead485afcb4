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
    sweep(parent)
    path, lock = _make(parent)
    try:
        yield path
    finally:
        _remove(path)
        os.close(lock)
        _remove_if_empty(parent)


def sweep(parent: Path) -> None:
    """Remove what killed processes left below ``parent``."""
    try:
        found = sorted(parent.glob(_PREFIX + "*"))
    except FileNotFoundError:
        return  # removed, being empty, while it was read
    for path in found:
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
    _remove_if_empty(parent)


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        # Until it is locked, another process may sweep it, or remove the empty parent.
        parent.parent.mkdir(parents=True, exist_ok=True)
        try:
            # not exist_ok: that fails when the directory vanishes while mkdir looks at it
            with suppress(FileExistsError):
                parent.mkdir()
            path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path, lock
        os.close(lock)


def _remove(path: Path) -> None:
    # Another sweep may be at the same one.
    shutil.rmtree(path, ignore_errors=True)
    # rpmbuild makes directories in which their owner may not write, unless that is root.
    for place, directories, _ in os.walk(path):
        for name in directories:
            if not (directory := Path(place, name)).is_symlink():
                with suppress(OSError):
                    directory.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def _remove_if_empty(directory: Path) -> None:
    with suppress(OSError):  # others are at work in it, or it is not there
        directory.rmdir()
