"""A root directory into which rpm installs packages and erases them, and the stores in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.commands import run
from tests.support.rpm_query import tags
from tests.support.tiny_rpm import build_spec

# What packages of paack need of any host
_HOST = """\
Name: host
Version: 1
Release: 1
Summary: What a device has
License: MIT
BuildArch: noarch
Provides: /bin/sh
%description
None
%files
"""


class Installed:
    """The root directory ``root``, made with ``rpms`` in it; no scriptlet is run.

    rpm resolves what packages require of each other, and finds files that conflict.
    """

    def __init__(self, root: Path, rpms: list[Path]) -> None:
        self.root = root
        made = root.with_name(f"{root.name}-host")
        made.mkdir()
        host = build_spec(_HOST, "noarch", made, made)
        self.rpm("--install", "--ignorearch", *map(str, [*host, *rpms]))

    def rpm(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run rpm with this root."""
        return run(["rpm", f"--root={self.root}", "--noscripts", *arguments], check=check)

    def erase(self, *rpms: Path) -> None:
        """Erase the packages that were installed from ``rpms``."""
        self.rpm("--erase", *(tags(rpm, "%{NAME}") for rpm in rpms))

    def stores(self) -> list[Path]:
        """The store images."""
        found = (self.root / "usr/lib").glob("container-*/*")
        return sorted(path for path in found if path.suffix in (".squashfs", ".erofs"))

    def size(self) -> int:
        """Return the bytes of all packaged files on disk."""
        files = (path.lstat() for path in (self.root / "usr").rglob("*"))
        return sum(status.st_blocks * 512 for status in files)
