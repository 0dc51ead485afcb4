"""Someone who publishes: paack with an output directory, a key, and places to publish to."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.progress import Reporter
from paack.helpers.repo.verify import verify_repo
from tests.support.gpg import Gpg, Key
from tests.support.product import Paack
from tests.support.tiny_rpm import Tiny


@dataclass
class Publisher:
    """Below ``home``: output and cache. Signs with ``key``; clients find it below ``url``."""

    home: Path
    gpg: Gpg
    key: Key
    url: str
    paack: Paack = field(init=False)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        self.paack = Paack(self.home, environment={**self.gpg.environment, "PAACK_QUIET": "1"})

    @property
    def output(self) -> Path:
        """Where packages are put, and the repository of them."""
        return self.paack.output

    def build(self, *packages: Tiny) -> None:
        """Make packages."""
        for package in packages:
            package.build(self.output)

    def repo_words(self, *options: str, sign: bool = True) -> list[str]:
        """Return `paack repo ...`."""
        signing = ["--sign", self.key.fingerprint] if sign else []
        return ["repo", "--output", str(self.output), *signing, *options]

    def publish_words(self, to: Path | str, *options: str, sign: bool = True) -> list[str]:
        """Return `paack publish ...`; a directory is published as below ``url``."""
        signing = ["--sign", self.key.fingerprint] if sign else []
        where = ["--url", f"{self.url}/{to.name}"] if isinstance(to, Path) else []
        words = ["publish", "--output", str(self.output), "--to", str(to)]
        return [*words, *signing, *where, *options]

    def publish(
        self, to: Path | str, *options: str, sign: bool = True, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Make the repository and publish it, in one call."""
        words = [*self.repo_words(sign=sign), *self.publish_words(to, *options, sign=sign)]
        return self.paack.call(*words, check=check)

    def verify(self, where: Path | str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run `paack repo.verify`."""
        return self.paack.call("repo.verify", str(where), *options, check=False)


def problems(where: Path | str) -> list[str]:
    """Return what verify_repo finds; the program does the same, but takes time to start."""
    return verify_repo(str(where), Reporter()).problems


def snapshot(directory: Path) -> dict[str, tuple[object, ...]]:
    """Return all that a change would change: kind, content or target, inode, time."""
    found: dict[str, tuple[object, ...]] = {}
    for path in directory.rglob("*"):
        status = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(directory))] = (
            status.st_mode,
            content,
            status.st_ino,
            status.st_mtime_ns,
        )
    return found


def flip(path: Path, offset: int = -1) -> None:
    """Change one byte of a file; another name of it (a hard link) stays as it is."""
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.unlink()
    path.write_bytes(content)


def packages(repository: Path, arch: str = "x86_64") -> list[str]:
    """Return the files of packages that are there, published or not."""
    return sorted(path.name for path in (repository / arch / "Packages").glob("*/*.rpm"))
