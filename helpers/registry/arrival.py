"""Progress of a fetch, from the files that skopeo writes: skopeo itself reports none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paack.helpers.oci import LockedLayer
from paack.helpers.progress import Meter, count

_POLL = 0.2  # seconds between looks at the files that skopeo writes


@contextmanager
def watching(directory: Path, layers: list[LockedLayer], meter: Meter) -> Iterator[None]:
    """Report the bytes and ``layers`` that arrive in ``directory`` while the block runs."""
    done = threading.Event()
    names = {layer.digest.removeprefix("sha256:") for layer in layers}

    def look() -> None:
        total = arrived = 0
        for path in directory.rglob("*"):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue  # renamed under our eyes
            if status.st_nlink == 1 and path.is_file():
                total += status.st_size
                arrived += path.name in names
        meter.update(total, f"{arrived}/{count(len(layers), 'layer')}")

    def watch() -> None:
        while not done.wait(_POLL):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
