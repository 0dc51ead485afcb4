"""Where MicroShift's release files are read from: RPMs, directories, JSON files. No root needed."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import DefinitionError, Place
from helpers.microshift.release import ARCHES, file_name, parse_file_name
from helpers.run import run

RPM_DIRECTORY = "usr/share/microshift/release"
_SIZE_LIMIT = 1 << 20  # bytes; real ones have 3 kB
_RPM_MAGIC = b"\xed\xab\xee\xdb"


@dataclass(frozen=True, slots=True)
class Found:
    """A release file: ``file`` is where it is, for people, ``origin`` the same, for set.yaml.

    ``version`` is that of the RPM it was in, None without.
    """

    file: Path
    content: bytes
    origin: str
    version: str | None = None


def read_source(source: Path, origin: str | None = None) -> list[Found]:
    """Return the release files of an RPM, a directory (at any depth; its RPMs too) or a JSON file.

    A JSON file stands for its component: the other arch is taken from beside it. ``origin`` says
    where ``source`` (for files: its directory) is from; its own name is taken without. Raises
    DefinitionError when there are none, or it cannot be read.
    """
    try:
        if source.is_dir():
            found = list(_in_directory(source, origin or source.resolve().name))
        else:
            with source.open("rb") as file:
                is_rpm = file.read(len(_RPM_MAGIC)) == _RPM_MAGIC
            found = list(_in_rpm(source, origin) if is_rpm else _beside(source, origin))
    except OSError as error:
        raise DefinitionError(
            f"cannot be read: {error.strerror}",
            place=Place(Path(error.filename or source)),
            hint="--from takes a microshift-release-info RPM, a directory or a JSON file",
        ) from error
    if not found:
        raise DefinitionError(
            "holds no release files of MicroShift",
            place=Place(source),
            hint=f"they are called {file_name('core', ARCHES[0])}; packages called "
            "microshift-…release-info have them",
        )
    return found


def _in_directory(directory: Path, origin: str) -> Iterator[Found]:
    for path in sorted(directory.rglob("release-*.json")):
        yield Found(path, _read(path), f"{origin}/{path.relative_to(directory)}")
    for path in sorted(directory.glob("microshift-*release-info-*.rpm")):
        yield from _in_rpm(path, origin)


def _beside(file: Path, origin: str | None) -> Iterator[Found]:
    name = parse_file_name(file.name)
    names = [file_name(name[0], arch) for arch in ARCHES] if name else [file.name]
    for each in names:
        path = file.with_name(each)
        if path == file or path.exists():
            yield Found(path, _read(path), f"{origin or file.resolve().parent.name}/{each}")


def _in_rpm(rpm: Path, origin: str | None) -> Iterator[Found]:
    if run(["rpm", "--checksig", "--nosignature", rpm], check=False, quiet=True).status != 0:
        raise DefinitionError(
            "is damaged: its bytes do not have the digests in its header",
            place=Place(rpm),
            hint="get it anew",
        )
    query = ["rpm", "-qp", "--nosignature", "--qf", "%{VERSION}\n%{NEVRA}.rpm"]
    version, nevra = run([*query, rpm], quiet=True).stdout.decode().split("\n")
    archive = run(["rpm2archive", "-"], stdin=rpm.read_bytes(), quiet=True).stdout
    where = f"{origin}/{nevra}" if origin else nevra
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            path = member.name.removeprefix("./")
            directory, _, name = path.rpartition("/")
            if directory != RPM_DIRECTORY or not name.startswith("release-"):
                continue
            file = members.extractfile(member) if member.isreg() else None
            if file and name.endswith(".json"):
                content = file.read(_SIZE_LIMIT + 1)
                yield Found(rpm / path, _limited(rpm / path, content), f"{where}!/{path}", version)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return _limited(path, file.read(_SIZE_LIMIT + 1))


def _limited(path: Path, content: bytes) -> bytes:
    if len(content) > _SIZE_LIMIT:
        raise DefinitionError(
            "is too big for a release file", place=Place(path), hint="name the files one by one"
        )
    return content
