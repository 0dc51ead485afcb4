"""Where a repository is published: a directory here, whose files change one by one, each at once.

helpers/repo/site_rsync.py is a directory elsewhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from paack.helpers.errors import PublishError
from paack.helpers.hint import command
from paack.helpers.progress import Meter, Reporter
from paack.helpers.workspace import sweep, workspace

LOCK = ".lock"
WORK = ".work"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A file to be published: a path here and, if it is known, its SHA-256; or its content."""

    source: Path | bytes
    sha256: str = ""


class Site(Protocol):
    """A directory under publication. Paths are relative to it, with ``/``."""

    @property
    def where(self) -> str:
        """What a person calls it."""

    @property
    def tree(self) -> Path:
        """Where all that is published can be read, but for the packages."""

    @property
    def links(self) -> bool:
        """Whether it can hold symbolic links."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep every other publisher out during the block."""

    def check(self) -> None:
        """Raise PublishError when the lock was lost."""

    def put(self, files: Mapping[str, File]) -> None:
        """Write files; each appears, or replaces another, whole and at once."""

    def link(self, links: Mapping[str, str]) -> None:
        """Make symbolic links (path -> target); each replaces another at once."""

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files, and directories with all that is in them."""

    def names(self, directory: str) -> list[str]:
        """Return the sorted names in a directory; none when it is not there."""


def held(site: Site, dry_run: bool) -> AbstractContextManager[None]:
    """Lock a site; for a dry run not one of this machine, where that would make a file."""
    return nullcontext() if dry_run and isinstance(site, LocalSite) else site.locked()


def put_if_new(site: Site, files: Mapping[str, bytes]) -> None:
    """Write small files that are not there as they should be."""
    new = {}
    for path, content in files.items():
        there = site.tree / path
        if not there.is_file() or there.read_bytes() != content:
            new[path] = File(content)
    site.put(new)


class LocalSite:
    """A directory of this machine. With ``hard_links`` files are linked into it where possible."""

    def __init__(self, root: Path, reporter: Reporter, *, hard_links: bool = False):
        self._root = root
        self._reporter = reporter
        self._hard_links = hard_links

    @property
    def where(self) -> str:
        """Its path, as given."""
        return str(self._root)

    @property
    def tree(self) -> Path:
        """The directory itself."""
        return self._root

    @cached_property
    def links(self) -> bool:
        """Whether its filesystem has symbolic links (FAT has not)."""
        try:
            with workspace(self.tree / WORK) as work:
                (work / "link").symlink_to("nowhere")
        except OSError:
            return False
        return True

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory, which is made if need be; wait for another publisher."""
        self.tree.mkdir(parents=True, exist_ok=True)
        # Append: opening it must not change it.
        with (self.tree / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._reporter.say(f"wait    another publisher is at {self.tree}")
                fcntl.flock(lock, fcntl.LOCK_EX)
            sweep(self.tree / WORK)
            yield

    def check(self) -> None:
        """The kernel keeps this lock as long as this process lives."""

    def put(self, files: Mapping[str, File]) -> None:
        """Write files, through to the disk."""
        for path, file in files.items():
            self._appear(path, lambda new, file=file: self._write(new, file))  # type: ignore[misc]
        self._sync(files)

    def link(self, links: Mapping[str, str]) -> None:
        """Make symbolic links."""
        for path, target in links.items():
            self._appear(path, lambda new, target=target: new.symlink_to(target))  # type: ignore[misc]
        self._sync(links)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files and directories."""
        for path in paths:
            target = self.tree / path
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory."""
        try:
            return sorted(path.name for path in (self.tree / directory).iterdir())
        except FileNotFoundError:
            return []

    def _appear(self, path: str, make: Callable[[Path], None]) -> None:
        target = self.tree / path
        _make_directories(self.tree, target.parent)
        with workspace(self.tree / WORK) as work:
            make(work / "new")
            (work / "new").replace(target)

    def _write(self, new: Path, file: File) -> None:
        if isinstance(file.source, Path):
            if not (self._hard_links and _hard_link(file.source, new)):
                self._copy(file.source, new, file.sha256)
        else:
            new.write_bytes(file.source)
        new.chmod(0o644)
        _fsync(new)

    def _copy(self, source: Path, new: Path, sha256: str) -> None:
        size = source.stat().st_size
        digest = hashlib.sha256()
        with (
            self._step(source, size) as meter,
            source.open("rb") as old,
            new.open("wb") as copy,
        ):
            while block := old.read(_BLOCK):
                digest.update(block)
                copy.write(block)
                meter.update(copy.tell())
        if sha256 and digest.hexdigest() != sha256:
            raise PublishError(
                f"{source}: has sha256 {digest.hexdigest()}, not {sha256} as its metadata says",
                hint=f"remove it, then {command('repo')}",
            )

    def _step(self, source: Path, size: int) -> AbstractContextManager[Meter]:
        if source.suffix != ".rpm":
            return nullcontext(Meter())
        return self._reporter.step(f"copy    {source.name}", size)

    def _sync(self, paths: Iterable[str]) -> None:
        """The names are on the disk, too, before anything that needs the files."""
        for directory in {(self.tree / path).parent for path in paths}:
            _fsync(directory)


def _hard_link(source: Path, new: Path) -> bool:
    try:
        new.hardlink_to(source)
    except OSError:  # another filesystem, or one without links
        return False
    return True


def _make_directories(root: Path, directory: Path) -> None:
    missing = []
    while directory != root and not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for each in reversed(missing):
        each.mkdir()
        each.chmod(0o755)  # web servers read them, whatever the umask


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some filesystems cannot, for a directory
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
