"""dnf 4 of this machine and dnf 5 of Debian sid, with an install root of their own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.host import Host


@dataclass
class Dnf:
    """dnf below ``home``, for the machine's arch or, with --forcearch, another.

    With ``host`` it runs there, and ``home`` must be shared with it.
    """

    home: Path
    repo: str
    arch: str = "x86_64"
    host: Host | None = None
    program: str = "dnf"
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root = self.home / "root"
        self.root.mkdir(parents=True)
        (self.home / "repos").mkdir()
        (self.home / "dnf.conf").write_text("[main]\ngpgcheck=1\nmetadata_expire=0\nretries=1\n")
        self.use(self.repo)

    def use(self, repo: str) -> None:
        """Have the one .repo file ``repo``."""
        (self.home / "repos" / "test.repo").write_text(repo)

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run dnf."""
        options = [
            f"--config={self.home}/dnf.conf",
            f"--installroot={self.root}",
            "--releasever=9",
            # metadata_expire=0 alone: dnf 4 counts whole seconds, and two runs fit into one.
            "--refresh",
            f"--setopt=reposdir={self.home}/repos",
            f"--setopt=cachedir={'/cache' if self.program == 'dnf' else self.home / 'cache'}",
            *([f"--forcearch={self.arch}"] if self.arch != "x86_64" else []),
            *(["--disableplugin=local"] if self.program == "dnf" else []),
        ]
        command = [self.program, "--assumeyes", *options, *words]
        if self.host:
            return self.host.run(command, check=check)
        return run(command, check=check, env=MINIMAL_ENVIRONMENT)

    def installed(self) -> list[str]:
        """Return what is installed (NEVRA), but for keys."""
        words = ["rpm", "--root", str(self.root), "-qa"]
        done = self.host.run(words) if self.host else run(words, env=MINIMAL_ENVIRONMENT)
        return sorted(line for line in done.stdout.split() if not line.startswith("gpg-pubkey"))
