"""The pinned Python packages that a store is made with, for the Python of another system."""

import hashlib
import re
import sys
from pathlib import Path

from tests.support.cache import cached
from tests.support.commands import run
from tests.support.product import REPOSITORY

_NAMES = ("fastcrc", "isal", "pyyaml", "zstandard")


def wheels(version: str) -> Path:
    """Return a directory for PYTHONPATH of Python ``version`` (3.13); kept in the test cache."""
    locked = (REPOSITORY / "requirements.lock").read_text("utf-8")
    pins = [re.search(rf"^{name}==.*(?:\n    .*)*", locked, re.M) for name in _NAMES]
    text = "\n".join(pin[0] for pin in pins if pin) + "\n"
    key = hashlib.sha256(text.encode()).hexdigest()[:8]

    def make(target: Path) -> None:
        target.mkdir()
        wanted = target.with_name("requirements")
        wanted.write_text(text, "utf-8")
        options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        place = [f"--python-version={version}", f"--target={target}", f"--requirement={wanted}"]
        run([sys.executable, "-m", "pip", "install", *options, *place])

    return cached(f"wheels-{version}-{key}", make)
