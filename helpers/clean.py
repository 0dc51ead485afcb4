"""Removing what is in the output directory and the cache, and showing how much space it takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import UsageError
from paack.helpers.progress import human

#: What paack puts into the output directory, and what it is.
PARTS = {
    "rpms": "RPMs",
    "srpms": "source RPMs",
    "repo": "the repository: its packages are those of rpms, by hard links",
    "stores": "store images: what the next build of the same images need not make",
    "reports": "pages of reports",
    "blueprints": "blueprints and the like",
    "mock": "logs of mock",
    "copr": "what was sent to Copr",
    "bench": "the benchmark",
    "demo": "the demo",
    "work": "files in the making",
}
CACHE = "blobs of images: what need not be fetched again"


@dataclass(frozen=True, slots=True)
class Part:
    """A directory that can be removed, what is in it, and the bytes on the disk that this frees."""

    path: Path
    what: str
    size: int

    def __str__(self) -> str:
        return f"{human(self.size):>10}  {self.path}: {self.what}"


def parts(output: Path, cache: Path) -> list[Part]:
    """Return what can be removed: parts of the output directory, then the cache.

    A file with several names counts once. Raises UsageError for an output directory that holds
    nothing made by paack.
    """
    seen: set[tuple[int, int]] = set()
    places = [(output / name, what) for name, what in PARTS.items()]
    if output.is_dir() and any(output.iterdir()) and not any(path.exists() for path, _ in places):
        raise UsageError(f"{output}: nothing in it is paack's", hint="--output DIRECTORY")
    return [
        Part(path, what, sum(_sizes(path, seen)))
        for path, what in (*places, (cache, CACHE))
        if path.exists()
    ]


def remove(output: Path, some: list[Part]) -> None:
    """Remove these, and the output directory when nothing else is in it."""
    for part in some:
        shutil.rmtree(part.path)
    if output.is_dir() and not any(output.iterdir()):
        output.rmdir()


def _sizes(directory: Path, seen: set[tuple[int, int]]) -> Iterator[int]:
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        key = (status.st_dev, status.st_ino)
        if key not in seen:
            seen.add(key)
            yield status.st_blocks * 512
