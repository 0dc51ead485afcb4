"""Which files of the cache no build has used for a while, so that they can be removed."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.blobs.cache import Cache

#: The folders of the cache, and what is in them. What killed builds left goes with the next build.
KINDS = {
    "blobs": "blobs of images",
    "layers": "compiled layers",
    "packs": "packs",
    "packages": "lists of the packages in layers",
    "admitted": "what the signature policy admitted",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """Files of one kind: those that can go, what stays, and the bytes of both on the disk."""

    what: str
    gone: tuple[Path, ...]
    stay: int
    gone_size: int
    stay_size: int


def unused(cache: Cache, before: float) -> list[Kind]:
    """Return, for each kind of files, what was last used before a time (seconds since 1970)."""
    kinds = []
    for folder, what in KINDS.items():
        files = list(_files(cache.root / folder))
        gone = [each for each in files if each[1] < before]
        kinds.append(
            Kind(
                what,
                tuple(path for path, _, _ in gone),
                len(files) - len(gone),
                sum(size for _, _, size in gone),
                sum(size for _, time, size in files if time >= before),
            )
        )
    return kinds


def remove(kinds: list[Kind]) -> None:
    """Remove what can go; files that are gone already are no error."""
    for path in (path for kind in kinds for path in kind.gone):
        path.unlink(missing_ok=True)


def _files(directory: Path) -> Iterator[tuple[Path, float, int]]:
    """Yield the regular files: path, time of the last use, bytes on the disk."""
    for path in sorted(directory.rglob("*")):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # a build that runs has moved it
        if stat.S_ISREG(status.st_mode):
            yield path, status.st_mtime, status.st_blocks * 512
