"""The blob cache: content-addressed files that images, arches and definitions share.

``$XDG_CACHE_HOME/paack/blobs/sha256/HEX``. A blob appears by rename, whole or not at all, so two
builds at once only cost a download. Whoever reads a blob checks its digest again. What is made of
blobs stands beside them. A file's time of modification is when a build last used it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.blobs.blob import digest_of
from paack.helpers.errors import VerificationError
from paack.helpers.workspace import workspace


@dataclass(frozen=True, slots=True)
class Cache:
    """The directory of the cache; made when something is put in."""

    root: Path

    def path(self, digest: str) -> Path:
        """Return the file of the blob ``digest``, whether it is there or not."""
        algorithm, _, value = digest.partition(":")
        return self.root / "blobs" / algorithm / value

    def has(self, digest: str, size: int | None = None) -> bool:
        """Tell whether the blob is there, and of the right size where that is known."""
        try:
            found = self.path(digest).stat().st_size
        except FileNotFoundError:
            return False
        return size is None or found == size

    def read(self, digest: str) -> bytes:
        """Return a small blob (a manifest, a config) after checking its digest."""
        content = self.path(digest).read_bytes()
        if digest_of(content) != digest:
            path = self.path(digest)
            raise VerificationError(
                f"{path}: the bytes are not those of {digest}",
                hint=f"rm {path}   and run the command again: it is fetched anew",
            )
        return content

    def put(self, content: bytes) -> str:
        """Store a small blob and return its digest."""
        digest = digest_of(content)
        if not self.has(digest, len(content)):
            with workspace(self.scratch()) as work:
                file = work / "blob"
                file.write_bytes(content)
                self.adopt(file, digest)
        return digest

    def adopt(self, file: Path, digest: str) -> None:
        """Move ``file``, whose content was checked, to its place."""
        target = self.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.chmod(0o644)
        file.rename(target)

    def use(self, file: Path) -> None:
        """Note that a file of the cache was used now; nothing happens when it is not there."""
        with suppress(OSError):
            os.utime(file)

    def admit(self, where: str, manifest: str) -> None:
        """Note that the signature policy admits the image ``manifest`` from ``where``."""
        mark = self._mark(where, manifest)
        mark.parent.mkdir(parents=True, exist_ok=True)
        with workspace(self.scratch()) as work:
            file = work / "mark"
            file.touch()
            file.rename(mark)

    def is_admitted(self, where: str, manifest: str) -> bool:
        """Tell whether the signature policy admitted it, when it came."""
        mark = self._mark(where, manifest)
        self.use(mark)
        return mark.exists()

    def _mark(self, where: str, manifest: str) -> Path:
        name = digest_of(f"{where}@{manifest}".encode()).removeprefix("sha256:")
        return self.root / "admitted" / name

    def scratch(self) -> Path:
        """Return the directory of workspaces for files on their way in (not made here)."""
        return self.root / "scratch"


def default_cache() -> Cache:
    """Return the cache of this user, after the XDG base directory specification."""
    home = os.environ.get("XDG_CACHE_HOME")
    base = Path(home) if home and Path(home).is_absolute() else Path.home() / ".cache"
    return Cache(base / "paack")
