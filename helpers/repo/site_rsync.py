"""A repository on another machine, reached with rsync over ssh.

A remote shell is needed for the lock alone. ``RSYNC_RSH`` names another ssh, as for rsync itself.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.errors import BuildError, PublishError
from paack.helpers.progress import Reporter, human
from paack.helpers.repo.repodata import DIRECTORIES
from paack.helpers.repo.site import LOCK, File, LocalSite, Site
from paack.helpers.run import held, run

#: HOST:DIR or USER@HOST:DIR, as rsync takes it; HOST may be [an IPv6 address].
_REMOTE = re.compile(r"((?:[^@:/\s-][^@:/\s]*@)?(?:\[[0-9a-fA-F:]+\]|[^:/\s\[\]-][^:/\s]*)):(.+)")
_SOCKET = 80  # a socket's path has 108 bytes, and ssh makes one with a suffix first
_LOCKED, _WAITING = "locked", "waiting"
_UNREACHABLE = "is it reachable, and may this user write there?   try: ssh HOST, rsync HOST:DIR/"


def site_of(destination: str, reporter: Reporter) -> Site:
    """Return the site of a destination: DIR, or USER@HOST:DIR."""
    if _REMOTE.fullmatch(destination):
        return RsyncSite(destination, reporter)
    return LocalSite(Path(destination), reporter)


@dataclass
class RsyncSite:
    """A directory of another machine; ``destination`` is [USER@]HOST:DIR."""

    destination: str
    reporter: Reporter
    tree: Path = field(init=False)
    links: bool = field(init=False, default=True)
    _alive: Callable[[], bool] = field(init=False, repr=False)
    _rsh: list[str] = field(init=False, repr=False)

    @property
    def where(self) -> str:
        """[USER@]HOST:DIR."""
        return self.destination

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory there, which is made if need be, and bring its metadata here.

        The lock is held by a process there that ends with the connection: no lock is left behind.
        """
        match = _REMOTE.fullmatch(self.destination)
        assert match is not None
        host, directory = re.sub(r"[\[\]]", "", match[1]), shlex.quote(match[2].rstrip("/") or "/")
        script = (
            f"mkdir -p -- {directory} && exec 9>>{directory}/{LOCK} && "
            f"{{ flock -n 9 || {{ echo {_WAITING}; flock 9; }}; }} && echo {_LOCKED} && exec cat"
        )
        with tempfile.TemporaryDirectory(prefix="paack-site-") as scratch, ExitStack() as stack:
            self._rsh, master = _connection(Path(scratch))
            command = [*self._rsh, *master, host, f"sh -c {shlex.quote(script)}"]
            try:
                self._alive = stack.enter_context(held(command, _LOCKED, self._said))
            except BuildError as error:
                raise PublishError(error.message, hint=_UNREACHABLE) from error
            self.tree = Path(scratch) / "tree"
            self.tree.mkdir()
            self._fetch()
            yield

    def check(self) -> None:
        """Raise PublishError when the connection that holds the lock is gone."""
        if not self._alive():
            raise PublishError(
                f"the connection to {self.destination} was lost, and with it the lock",
                hint="run it again: it goes on where it stopped",
            )

    def put(self, files: Mapping[str, File]) -> None:
        """Upload files."""
        if not files:
            return
        with self._stage() as stage:
            for path, file in files.items():
                target = stage / path
                target.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(file.source, Path):
                    target.symlink_to(file.source.resolve())
                else:
                    target.write_bytes(file.source)
            size = sum(path.stat().st_size for path in stage.rglob("*") if path.is_file())
            with self.reporter.step(f"upload  {len(files)} files, {human(size)}", size):
                # Equal size and time do not tell that a file left there is the same.
                how = ("--copy-links", "--ignore-times", "--partial-dir=.partial")
                self._send(stage, *how, "--chmod=D755,F644")

    def link(self, links: Mapping[str, str]) -> None:
        """Make symbolic links; rsync replaces one by rename."""
        if not links:
            return
        with self._stage() as stage:
            for path, target in links.items():
                (stage / path).parent.mkdir(parents=True, exist_ok=True)
                (stage / path).symlink_to(target)
            self._send(stage, "--links", "--chmod=D755")

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files and directories."""
        gone = list(paths)
        if not gone:
            return
        listed = "".join(f"{path}\n" for path in gone)
        with self._stage() as stage:
            for path in gone:  # not what is above it
                (stage / path).parent.mkdir(parents=True, exist_ok=True)
            flags = ("--delete-missing-args", "--force", "--files-from=-")
            self._send(stage, *flags, stdin=listed.encode())

    def names(self, directory: str) -> list[str]:
        """Return the names in a directory there."""
        words = ("--list-only", "--dirs", "--no-human-readable")
        result = self._rsync(*words, f"{self.destination}/{directory}/", check=False)
        if result is None:
            return []
        lines = result.decode("utf-8", "replace").splitlines()
        return sorted({line.split(None, 4)[4] for line in lines} - {"."})

    def _said(self, line: str) -> None:
        if line == _WAITING:
            self.reporter.say(f"wait    another publisher is at {self.destination}")

    def _fetch(self) -> None:
        rules = [f"--exclude=/{name}/Packages/" for name in DIRECTORIES]
        rules += [f"--include=/{name}/" for name in DIRECTORIES]
        rules += ["--include=/*.repo", "--include=/RPM-GPG-KEY-*", "--exclude=/*"]
        what = ("--recursive", "--links", "--safe-links", *rules)
        self._rsync(*what, f"{self.destination}/", f"{self.tree}/")

    def _send(self, stage: Path, *flags: str, stdin: bytes | None = None) -> None:
        self.check()
        self._rsync("--recursive", *flags, f"{stage}/", f"{self.destination}/", stdin=stdin)

    def _rsync(self, *words: str, stdin: bytes | None = None, check: bool = True) -> bytes | None:
        command = ["rsync", "--protect-args", *words]
        env = {"RSYNC_RSH": shlex.join(self._rsh)}
        result = run(command, env=env, stdin=stdin, check=False, quiet=True)
        if result.status == 0:
            return result.stdout
        if check:
            raise PublishError(result.explain(), hint=_UNREACHABLE)
        return None

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="paack-stage-") as stage:
            yield Path(stage)


def _connection(scratch: Path) -> tuple[list[str], list[str]]:
    """Return the remote shell, and what the first that is started needs besides.

    OpenSSH's others then go through the connection of the first.
    """
    shell = shlex.split(os.environ.get("RSYNC_RSH", "ssh"))
    socket = scratch / "ssh"
    if Path(shell[0]).name != "ssh" or len(str(socket)) > _SOCKET:
        return shell, []
    return [*shell, "-o", f"ControlPath={socket}"], [
        *("-o", "ControlMaster=yes"),
        *("-o", "ServerAliveInterval=15"),
    ]
