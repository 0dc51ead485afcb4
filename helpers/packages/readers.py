"""Which files of an image tell of packages, and what they say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paack.helpers.packages import alpine, debian, golang, java, node, python, rpm_database
from paack.helpers.packages.package import Package, Unreadable, clean

#: Raise it when the same files give others packages, or what is written of them changes.
READING = 1
#: Smaller files are no Go binaries.
BINARY_FROM = 1 << 16

_TEXT_LIMIT = 1 << 26
_DATABASE_LIMIT = 1 << 30
_PACKAGES_LIMIT = 200_000  # of one file

#: Where a file of that name counts: its path, or the end of it after a slash.
_PLACES = {
    b"status": (b"var/lib/dpkg/status",),
    b"installed": (b"lib/apk/db/installed",),
    b"rpmdb.sqlite": (),
    b"rpmdb.sqlite-wal": (),
    b"Packages.db": (),
    b"Packages": (),
    b"METADATA": (),
    b"PKG-INFO": (),
    b"package.json": (b"package.json",),
    b"os-release": (b"etc/os-release", b"usr/lib/os-release"),
    b"copyright": (),
}
_RPM = re.compile(rb"(?:.*/)?(?:var/lib|usr/share|usr/lib/sysimage)/rpm/[^/]+")
_METADATA = re.compile(
    rb"(?:.*/)?[^/]+(?:\.dist-info/METADATA|\.egg-info/PKG-INFO|/EGG-INFO/PKG-INFO)"
)
_STATUS_D = b"var/lib/dpkg/status.d/"
_DOC = b"usr/share/doc/"
_COPYRIGHT = re.compile(rb"usr/share/doc/([^/]+)/copyright")


@dataclass(frozen=True, slots=True)
class Found:
    """What a file says: packages, or (``says``) of the image; ``problem`` when it cannot be read.

    A file that says nothing stands for its path: an upper layer's hides a lower one's.
    """

    path: bytes
    packages: tuple[Package, ...] = ()
    says: tuple[tuple[str, str], ...] = ()
    problem: str = ""


def kind_of(path: bytes) -> str:
    """Return how the file ``path`` of an image, without a first slash, is read; "" if it is not."""
    name = path[path.rfind(b"/") + 1 :]
    if name in _PLACES:
        return _kind_of_known(path, name)
    if path.startswith(_STATUS_D):
        return "" if name.endswith(b".md5sums") else "dpkg"
    if name.endswith(java.SUFFIXES):
        return "java"
    return "python" if name.endswith(b".egg-info") else ""


def is_link_of_documents(path: bytes) -> bool:
    """Tell whether a symbolic link may stand for the directory of a package's documents."""
    return path.startswith(_DOC) and path.count(b"/") == 3


def _kind_of_known(path: bytes, name: bytes) -> str:
    if name.startswith((b"rpmdb", b"Packages")):
        return "rpm" if _RPM.fullmatch(path) else ""
    if name in (b"METADATA", b"PKG-INFO"):
        return "python" if _METADATA.fullmatch(path) else ""
    if name == b"copyright":
        return "copyright" if _COPYRIGHT.fullmatch(path) else ""
    if name == b"package.json":
        return "node"
    places = _PLACES[name]
    if name == b"os-release":
        return "os-release" if path in places else ""
    whole = path.endswith(places) and (path in places or path[-len(places[0]) - 1 :][:1] == b"/")
    return {b"status": "dpkg", b"installed": "apk"}[name] if whole else ""


def read_file(path: bytes, kind: str, file: IO[bytes], size: int, scratch: Path) -> Found:
    """Return what a file of ``size`` bytes says; whatever is in it, nothing is raised."""
    if size > (_DATABASE_LIMIT if kind in ("rpm", "java", "go") else _TEXT_LIMIT):
        return Found(path, problem=f"{size} bytes: too large to be read")
    try:
        return _READERS[kind](path, file, scratch)
    except Exception as error:  # the file is hostile, and a bill of materials no reason to fail
        what = str(error) if isinstance(error, Unreadable) else type(error).__name__
        return Found(path, problem=clean(f"cannot be read: {what}"))


def _limited(packages: Iterable[Package]) -> tuple[Package, ...]:
    """Return packages, each once; nothing is known of one without a name."""
    found: dict[Package, None] = {}
    for each in packages:
        if each.name.strip("/") and each.version:
            found[each] = None
        if len(found) > _PACKAGES_LIMIT:
            raise Unreadable(f"more than {_PACKAGES_LIMIT} packages")
    return tuple(found)


def _of_text(parse: Callable[[str], Iterable[Package]]) -> Callable[..., Found]:
    def read(path: bytes, file: IO[bytes], _: Path) -> Found:
        return Found(path, _limited(parse(file.read().decode("utf-8", "replace"))))

    return read


def _rpm(path: bytes, file: IO[bytes], scratch: Path) -> Found:
    name = path[path.rfind(b"/") + 1 :].decode("ascii", "replace")
    if name.endswith("-wal"):
        problem = "has changes of the database beside it that are not read" if file.read(1) else ""
        return Found(path, problem=problem)
    return Found(path, _limited(rpm_database.packages(name, file, scratch)))


def _java(path: bytes, file: IO[bytes], _: Path) -> Found:
    return Found(path, _limited(java.archive(path.decode("utf-8", "replace"), file)))


def _go(path: bytes, file: IO[bytes], _: Path) -> Found:
    return Found(path, _limited(golang.modules(file)))


def _os_release(path: bytes, file: IO[bytes], _: Path) -> Found:
    """Read os-release(5): assignments as a shell has them."""
    values: dict[str, str] = {}
    for line in file.read(1 << 16).decode("utf-8", "replace").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                values[key] = "".join(shlex.split(value))
            except ValueError:
                continue
    version = values.get("VERSION_ID") or values.get("BUILD_ID", "")
    says = (("id", clean(values.get("ID", ""), 100)), ("version", clean(version, 100)))
    return Found(path, says=says)


def _copyright(path: bytes, file: IO[bytes], _: Path) -> Found:
    text = debian.copyright_license(file.read(1 << 20).decode("utf-8", "replace"))
    return Found(path, says=(("license", text),) if text else ())


_READERS: dict[str, Callable[[bytes, IO[bytes], Path], Found]] = {
    "dpkg": _of_text(debian.status),
    "apk": _of_text(alpine.installed),
    "python": _of_text(python.metadata),
    "node": _of_text(node.package_json),
    "rpm": _rpm,
    "java": _java,
    "go": _go,
    "os-release": _os_release,
    "copyright": _copyright,
}
