"""What people would do otherwise: a tree of files in the RPM, or mksquashfs of a pulled tree.

The file-tree way is what the first paack did: pull as root, tar with bzip2, a spec that lists
every file with mode and owner, rpmbuild with the distribution's defaults.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.registry import StaticRegistry
from bench.workload import Workload

# podman leaves a mount on its storage, which then cannot be removed.
_PRIVATE = ("unshare", "--mount", "--")
STORE = "/usr/lib/bench/containers"
_HEAD = """\
Name: bench-{name}
Version: 1
Release: 1
Summary: Containers as files
License: none
AutoReqProv: no
{source}
%global _build_id_links none
%global debug_package %{{nil}}
%global _unpackaged_files_terminate_build 0
{more}
%description
The same images.
"""


class Rival:
    """One way of packaging ``workload`` with its files in the directory ``home``."""

    def __init__(self, home: Path, workload: Workload, registry: StaticRegistry) -> None:
        self.home = home
        self._workload = workload
        self._registry = registry

    @property
    def tree(self) -> Path:
        """The storage that podman pulled into."""
        return self.home / "tree"

    def clear(self) -> None:
        """Remove what the last run left."""
        if self.home.exists():
            shutil.rmtree(self.home)
        self.home.mkdir(parents=True)

    def pull(self) -> None:
        """podman pull --root of every image."""
        conf = {"CONTAINERS_REGISTRIES_CONF": str(self._registry.registries_conf)}
        # podman refuses a runroot of more than 50 characters.
        with TemporaryDirectory(prefix="bench-") as run:
            storage = ["--root", str(self.tree), "--runroot", run, "--storage-driver", "overlay"]
            for image in self._workload.images:
                pull = ["pull", "--quiet", self._registry.reference(image)]
                _run([*_PRIVATE, "podman", *storage, *pull], env=conf)
        for leftover in ("libpod", "overlay-containers", "tmp", "db.sql"):
            shutil.rmtree(self.tree / leftover, ignore_errors=True)

    def file_tree(self) -> dict[str, int]:
        """Pull, tar.bz2, a spec with every file, rpmbuild."""
        self.pull()
        archive = self.home / "bench.tar.bz2"
        _run(["tar", "--create", "--bzip2", f"--file={archive}", f"--directory={self.tree}", "."])
        listed = self.home / "files"
        listed.write_bytes(b"".join(_file_lines(os.fsencode(self.tree), STORE.encode())))
        spec = _HEAD.format(name="tree", source="Source0: bench.tar.bz2", more="") + (
            f"%prep\n%install\nmkdir -p %{{buildroot}}{STORE}\n"
            f"tar -C %{{buildroot}}{STORE} -xjf %{{_sourcedir}}/bench.tar.bz2\n"
            f"find %{{buildroot}}{STORE} -type f -perm 000 -exec chmod 400 {{}} +\n"
            f"%files -f {listed}\n"
        )
        # It built a source RPM on the way to every RPM, for Copr.
        return self._rpmbuild(spec, "-ba")

    def mksquashfs(self) -> dict[str, int]:
        """Pull, mksquashfs with the product's compression, rpmbuild."""
        self.pull()
        image = self.home / "bench.squashfs"
        options = ["-comp", "zstd", "-Xcompression-level", "9", "-quiet", "-no-progress"]
        _run(["mksquashfs", str(self.tree), str(image), *options])
        more = "%global _binary_payload w.ufdio"
        spec = _HEAD.format(name="squashfs", source="Source0: bench.squashfs", more=more) + (
            f"%prep\n%install\nmkdir -p %{{buildroot}}{STORE}\n"
            f"cp %{{_sourcedir}}/bench.squashfs %{{buildroot}}{STORE}/\n"
            f"%files\n{STORE}\n"
        )
        return {**self._rpmbuild(spec), "disk": image.stat().st_size}

    def rpms(self) -> list[Path]:
        """Return the RPM that was built."""
        return sorted((self.home / "RPMS").rglob("*.rpm"))

    def unpacked(self) -> int:
        """Return the bytes that the pulled tree takes on disk."""
        said = _run(["du", "--summarize", "--block-size=1", str(self.tree)])
        return int(said.split()[0])

    def _rpmbuild(self, spec: str, what: str = "-bb") -> dict[str, int]:
        path = self.home / "bench.spec"
        path.write_text(spec, encoding="utf-8")
        top = ["--define", f"_topdir {self.home}", "--define", f"_sourcedir {self.home}"]
        _run(["rpmbuild", what, *top, str(path)])
        (rpm,) = self.rpms()
        return {"rpm": rpm.stat().st_size}


def _file_lines(directory: bytes, path: bytes) -> Iterator[bytes]:
    """Yield %files lines as the first paack's: devices (whiteouts) and sockets are left out."""
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            status = entry.stat(follow_symlinks=False)
            name = path + b"/" + entry.name
            if stat.S_ISCHR(status.st_mode) or not _QUOTABLE.issuperset(entry.name):
                continue
            mode = b"-" if stat.S_ISLNK(status.st_mode) else b"%o" % stat.S_IMODE(status.st_mode)
            kind = b"%dir " if entry.is_dir(follow_symlinks=False) else b""
            owner = b"%b, %b" % (_owner(status.st_uid), _owner(status.st_gid))
            yield b'%b%%attr(%b, %b) "%b"\n' % (kind, mode, owner, name)
            if kind:
                yield from _file_lines(directory + b"/" + entry.name, name)


_QUOTABLE = frozenset(range(33, 127)) - frozenset(b'"%*?[]{}\\')


def _owner(number: int) -> bytes:
    return b"paack-%d" % number if number else b"root"


def _run(command: list[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode()
