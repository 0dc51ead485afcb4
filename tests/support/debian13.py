"""A Debian 13 root with podman 5.4, made once by mmdebstrap and kept in the test cache."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.apt import SUITE, bootstrap
from tests.support.cache import cached
from tests.support.commands import run
from tests.support.host import Host

PACKAGES = (
    "crun",
    "dnf",
    "erofs-utils",
    "mount",
    "podman",
    "rpm",
    "skopeo",
    "squashfs-tools-ng",
    "systemd",
    "tar",
)


def root() -> Path:
    """Return the root directory; makes it when the cache lacks it. Nobody may write into it."""
    recipe = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:8]
    return cached(f"debian13-{recipe}", _make)


def run_in_root(
    argv: Sequence[str], *, shared: Sequence[Path] = (), check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run `argv` on a throw-away Debian 13 host which sees the host's `shared` directories."""
    with Host(root(), shared=shared) as host:
        return host.run(argv, check=check)


def _make(target: Path) -> None:
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    bootstrap(target, PACKAGES, variant="essential", architecture=architecture)
