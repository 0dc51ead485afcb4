"""Things that take long to make, made once per machine and kept."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache directory: $PAACK_TEST_CACHE or ~/.cache/paack-tests; makes it."""
    chosen = os.environ.get("PAACK_TEST_CACHE")
    directory = Path(chosen) if chosen else Path.home() / ".cache" / "paack-tests"
    directory.mkdir(parents=True, exist_ok=True)
    return directory.resolve()


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return the cached file or directory `name`; `make(path)` writes it when it is missing.

    `path` does not exist when `make` is called, has the suffix of `name` and lies on the cache's
    filesystem. Several processes may ask at once: one makes it, the others wait. What a killed
    process left half done never gets the final name and is removed by the next one.
    """
    final = cache_dir() / name
    if final.exists():
        return final
    with _locked(final.with_name(f".{name}.lock")):
        if not final.exists():
            for leftover in final.parent.glob(f".{name}.part-*"):
                shutil.rmtree(leftover)
            scratch = Path(tempfile.mkdtemp(prefix=f".{name}.part-", dir=final.parent))
            try:
                make(scratch / name)
                (scratch / name).rename(final)
            finally:
                shutil.rmtree(scratch)
    return final


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
