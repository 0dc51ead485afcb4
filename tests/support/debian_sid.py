"""A Debian sid root with what no stable Debian has: dnf5, rpm 6, the newest podman and systemd.

The Python packages are those that the RPM of paack requires.
dnf 4 comes with its plugins: on the machine itself they would change what other tests see.
Kept in the test cache.
"""

import hashlib
from pathlib import Path

from tests.support.apt import bootstrap
from tests.support.cache import cached
from tests.support.commands import run

PACKAGES = (
    "buildah",
    "ca-certificates",
    "crun",
    "dnf",
    "dnf-plugins-core",
    "dnf5",
    "erofs-utils",
    "gpg",
    "gpg-agent",
    "mount",
    "podman",
    "python3-crcmod",
    "python3-createrepo-c",
    "python3-invoke",
    "python3-isal",
    "python3-jinja2",
    "python3-license-expression",
    "python3-rich",
    "python3-tomlkit",
    "python3-yaml",
    "python3-zstandard",
    "rpm",
    "skopeo",
    "squashfs-tools-ng",
    "systemd",
    "tar",
)


def root() -> Path:
    """Return the root directory; makes it when the cache lacks it. Nobody may write into it."""
    recipe = hashlib.sha256(" ".join(("sid", *PACKAGES)).encode()).hexdigest()[:8]
    return cached(f"debian-sid-{recipe}", _make)


def _make(target: Path) -> None:
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    bootstrap(target, PACKAGES, variant="essential", architecture=architecture, suite="sid")
