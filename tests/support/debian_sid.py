"""A Debian sid root with dnf5 and rpm 6, which no stable Debian has, and dnf 4 with its plugins.

On the machine itself dnf's plugins would change what other tests see. Kept in the test cache.
"""

import hashlib
from pathlib import Path

from tests.support.apt import bootstrap
from tests.support.cache import cached
from tests.support.commands import run

PACKAGES = (
    "ca-certificates",
    "dnf",
    "dnf-plugins-core",
    "dnf5",
    "gpg",
    "gpg-agent",
    "mount",
    "rpm",
)


def root() -> Path:
    """Return the root directory; makes it when the cache lacks it. Nobody may write into it."""
    recipe = hashlib.sha256(" ".join(("sid", *PACKAGES)).encode()).hexdigest()[:8]
    return cached(f"debian-sid-{recipe}", _make)


def _make(target: Path) -> None:
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    bootstrap(target, PACKAGES, variant="essential", architecture=architecture, suite="sid")
