"""A Debian 13 root with rpm's build tools: nothing else but its essential packages and mount."""

import hashlib
from pathlib import Path

from tests.support.apt import SUITE, bootstrap
from tests.support.cache import cached
from tests.support.commands import run

PACKAGES = ("coreutils", "mount", "rpm")


def root() -> Path:
    """Return the root directory; makes it when the cache lacks it. Nobody may write into it."""
    recipe = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:8]
    return cached(f"rpm-{recipe}", _make)


def _make(target: Path) -> None:
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    bootstrap(target, PACKAGES, variant="essential", architecture=architecture)
