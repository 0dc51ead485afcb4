"""RPMs and source RPMs, made by rpmbuild in a directory of their own, without root.

``rpmbuild --target`` makes the RPM of any arch on any host: nothing in the spec is compiled.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import BuildError
from paack.helpers.rpm.spec import Spec
from paack.helpers.run import require, run

_PLAIN = re.compile(r"[A-Za-z0-9_./+=@:,-]+")


@dataclass(frozen=True, slots=True)
class Topdir:
    """A directory for rpmbuild: SPECS and SOURCES filled, and the epoch of all its files."""

    path: Path
    spec: Path
    epoch: int


def make_topdir(path: Path, spec: Spec, sources: Mapping[str, Path | bytes]) -> Topdir:
    """Lay out the spec and its sources (an absolute path to link to, or content)."""
    epoch = spec.epoch
    path = path.resolve()  # rpmbuild changes its directory
    for name in ("SPECS", "SOURCES"):
        (path / name).mkdir(parents=True)
    spec_file = path / "SPECS" / f"{spec.package.name}.spec"
    spec_file.write_text(spec.text, "utf-8")
    spec_file.chmod(0o644)  # source RPMs record it, whatever the umask
    os.utime(spec_file, (epoch, epoch))
    for name, content in sources.items():
        target = path / "SOURCES" / name
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.symlink_to(content)
        target.chmod(0o644)
        os.utime(target, (epoch, epoch))
    return Topdir(path, spec_file, epoch)


def build_srpm(topdir: Topdir, arch: str) -> Path:
    """Make the source RPM and return its path below ``topdir``; raise BuildError.

    It holds the spec as expanded for ``arch``: one of the package's, not the builder's own.
    """
    _rpmbuild(topdir, ["-bs", "--target", arch])
    return _only(topdir.path / "SRPMS", "*.src.rpm")


def build_rpm(topdir: Topdir, arch: str) -> Path:
    """Make the binary RPM of ``arch`` and return its path below ``topdir``; raise BuildError."""
    _rpmbuild(topdir, ["-bb", "--target", arch])
    return _only(topdir.path / "RPMS" / arch, "*.rpm")


def rpmbuild_version() -> str:
    """Return rpm's version, which decides bytes of a package's header."""
    said = run([require("rpmbuild"), "--version"], quiet=True).stdout.decode()
    match = re.search(r"\d+(?:\.\d+)+", said)
    return match[0] if match else said.strip()


def _rpmbuild(topdir: Topdir, options: list[str]) -> None:
    with _plain(topdir.path) as path:
        _run_rpmbuild(topdir, path, options)


def _run_rpmbuild(topdir: Topdir, path: Path, options: list[str]) -> None:
    defines = {"_topdir": path, "_tmppath": path / "tmp"}
    words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
    result = run(
        ["rpmbuild", *options, *words, path / topdir.spec.relative_to(topdir.path)],
        # Not the user's home: ~/.rpmmacros and ~/.rpmrc would change the bytes, or break the build.
        env={
            "SOURCE_DATE_EPOCH": str(topdir.epoch),
            "HOME": str(topdir.path),
            "XDG_CONFIG_HOME": str(topdir.path),
        },
        check=False,
    )
    if result.status != 0:
        full = "No space left" in result.stderr
        raise BuildError(
            ("the disk is full\n" if full else "rpmbuild failed\n") + result.explain(),
            hint="make room, or build elsewhere" if full else None,
        )


@contextmanager
def _plain(directory: Path) -> Iterator[Path]:
    """Yield a name of ``directory`` that rpmbuild can handle: it splits at spaces, expands %."""
    if _PLAIN.fullmatch(str(directory)):
        yield directory
        return
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _only(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern))
    if len(found) != 1:
        raise BuildError(f"rpmbuild made {len(found)} files in {directory.name}, not one")
    return found[0]
