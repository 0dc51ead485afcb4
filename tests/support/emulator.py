"""Debian 13's emulator of aarch64, to be mounted into containers: it registers nothing here."""

import tarfile
from pathlib import Path

from tests.support.apt import SUITE, bootstrap
from tests.support.cache import cached
from tests.support.commands import run

_PROGRAM = "./usr/bin/qemu-aarch64"


def aarch64_emulator() -> Path:
    """Return a static program that runs the aarch64 program in its arguments."""
    return cached(f"qemu-aarch64-{SUITE}", _make)


def _make(target: Path) -> None:
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    extracted = target.with_name("extracted.tar")
    bootstrap(extracted, ["qemu-user"], variant="extract", architecture=architecture)
    with tarfile.open(extracted) as packages:
        program = packages.extractfile(_PROGRAM)
        assert program is not None
        target.write_bytes(program.read())
    target.chmod(0o755)
