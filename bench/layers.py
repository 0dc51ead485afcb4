"""Layers for the benchmark, from Debian's packages: realistic sizes, names and contents."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from tests.support.apt import bootstrap
from tests.support.cache import cached

_RECIPE = 1
_TIME = 1_767_323_045
_SALT_EVERY = 1 << 16  # less than a block of the filesystems: no block is equal to another copy's
_SALT_LENGTH = 16
_FILES_PER_DIRECTORY = 100
_OF_THE_HOST = ("dev/", "etc/apt", "etc/fstab", "etc/hostname", "etc/resolv.conf", "var/lib/apt")
#: Debian's name of each machine's architecture.
_ARCHITECTURES = MappingProxyType({"x86_64": "amd64", "aarch64": "arm64"})

#: Layer -> (the layer below it, Debian packages that it adds).
_PACKAGES = MappingProxyType(
    {
        "base": (None, ("base-files", "bash", "coreutils", "findutils", "perl", "tar", "gzip")),
        "tools": ("base", ("ca-certificates", "curl", "openssl", "git")),
        "nginx": ("tools", ("nginx",)),
        "python": ("tools", ("python3",)),
        "scipy": ("python", ("python3-scipy", "python3-pandas")),
        "node": ("tools", ("nodejs",)),
        "postgres": ("tools", ("postgresql",)),
        "java": ("tools", ("openjdk-21-jre-headless",)),
    }
)


def machine_arch() -> str:
    """Return the OCI architecture of this machine."""
    return _ARCHITECTURES[platform.machine()]


def debian_layer(name: str) -> Path:
    """Return the tar of a layer of ``_PACKAGES``: what its packages add to the layers below."""
    return cached(f"bench-{_RECIPE}-{name}-{machine_arch()}.tar", lambda path: _make(path, name))


def _make(target: Path, name: str) -> None:
    stack = _stack(name)
    below = [debian_layer(each) for each in stack[:-1]]
    packages = [package for each in stack for package in _PACKAGES[each][1]]
    extracted = target.with_name("extracted.tar")
    bootstrap(extracted, packages, variant="extract", architecture=machine_arch())
    there = {_plain(member.name) for path in below for member in _members(path)}
    with (
        tarfile.open(extracted) as source,
        tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for member in source:
            plain = _plain(member.name)
            if plain in there or plain.startswith(_OF_THE_HOST):
                continue
            member.mtime = int(member.mtime)
            tar.addfile(member, source.extractfile(member) if member.isreg() else None)


def _stack(name: str) -> list[str]:
    """Return the layers from the base up to ``name``."""
    below = _PACKAGES[name][0]
    return [*(_stack(below) if below else ()), name]


def _members(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return tar.getmembers()


def _plain(name: str) -> str:
    return name.removeprefix("./").rstrip("/")


def application_layer(name: str, deleted: Sequence[str] = ()) -> bytes:
    """Return the tar of a small last layer: some configuration, whiteouts of ``deleted``."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for number in range(200):
            text = f"{name} {number}\n" * (1 + number % 50)
            _add(tar, f"srv/{name}/{number:03}.conf", text.encode(), uid=1000 + number % 7)
        for path in deleted:
            parent, _, last = path.rpartition("/")
            _add(tar, f"{parent}/.wh.{last}", b"")
    return content.getvalue()


def small_files(count: int) -> bytes:
    """Return the tar of a layer of ``count`` files of 0.2 to 3 kB, 100 in a directory."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for number in range(count):
            seed = hashlib.sha256(str(number).encode())
            text = f"{seed.hexdigest()} module {number} = require('./lib')\n".encode()
            directory = number // _FILES_PER_DIRECTORY
            size = 200 + int.from_bytes(seed.digest()[:2], "big") % 2800
            data = (text * (size // len(text) + 1))[:size]
            _add(tar, f"app/modules/{directory:05}/file-{number:06}.js", data)
    return content.getvalue()


class Salted:
    """A layer of which any number of copies can be made that share no block and no file."""

    def __init__(self, tar: bytes) -> None:
        self._tar = tar
        with tarfile.open(fileobj=io.BytesIO(tar)) as members:
            self._spots = [
                (member.offset_data + start, min(_SALT_LENGTH, member.size - start))
                for member in members
                if member.isreg() and member.size
                for start in range(0, member.size, _SALT_EVERY)
            ]

    def copy(self, number: int) -> bytes:
        """Return copy ``number``; 0 is the layer itself."""
        if number == 0:
            return self._tar
        tar = bytearray(self._tar)
        for offset, length in self._spots:
            salt = hashlib.sha256(b"%d %d" % (number, offset)).digest()
            tar[offset : offset + length] = salt[:length]
        return bytes(tar)


def _add(tar: tarfile.TarFile, name: str, content: bytes, uid: int = 0) -> None:
    member = tarfile.TarInfo(name)
    member.mode, member.uid, member.gid, member.mtime = 0o644, uid, uid, _TIME
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
