"""A root with Debian's essential packages, rpm's build tools and mount, and nothing else."""

import hashlib
from functools import partial
from pathlib import Path

from tests.support.apt import SUITE, bootstrap
from tests.support.cache import cached
from tests.support.commands import run

PACKAGES = ("coreutils", "mount", "rpm")
#: With rpm 4.16, as RHEL 9 has it.
OLDEST = "bullseye"


def root(suite: str = SUITE) -> Path:
    """Return the root directory; makes it when the cache lacks it. Nobody may write into it."""
    recipe = hashlib.sha256(" ".join((suite, *PACKAGES)).encode()).hexdigest()[:8]
    return cached(f"rpm-{recipe}", partial(_make, suite=suite))


def _make(target: Path, suite: str) -> None:
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    bootstrap(target, PACKAGES, variant="essential", architecture=architecture, suite=suite)
