"""Kubernetes manifests: a directory of files, as one reproducible tar archive."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import DefinitionError, Place

_NAME = re.compile(r"[A-Za-z0-9_.+@=-]+")
_PATH_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Manifests:
    """The files of a directory: their relative paths, sorted, and an uncompressed tar of them."""

    paths: tuple[str, ...]
    archive: bytes


def read_manifests(directory: Path) -> Manifests:
    """Read every file below ``directory``, or it if it is a file.

    Owners, modes and times do not matter.

    Raises DefinitionError for what cannot be shipped: links, odd names, nothing at all.
    """
    files = _files(directory)
    for problem in manifest_problems(directory):
        raise problem
    named = {_name(path, directory): path for path in files}
    return Manifests(tuple(named), tar_of(named))


def tar_of(files: Mapping[str, Path]) -> bytes:
    """Return an uncompressed tar of files by their names in it; owners and times do not matter."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in files.items():
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def manifest_problems(directory: Path) -> Iterator[DefinitionError]:
    """Yield all reasons why the files below ``directory`` cannot be shipped."""
    files = _files(directory)
    if not files:
        yield DefinitionError("holds no manifest", place=Place(directory), hint="add a .yaml file")
    for path in files:
        if problem := file_problem(path, _name(path, directory)):
            yield problem


def _name(path: Path, directory: Path) -> str:
    return path.name if path == directory else path.relative_to(directory).as_posix()


def _files(directory: Path) -> list[Path]:
    if directory.is_file():
        return [directory]
    return sorted(path for path in directory.rglob("*") if not path.is_dir() or path.is_symlink())


def file_problem(path: Path, name: str) -> DefinitionError | None:
    """Return why the file ``path`` cannot be shipped as ``name``, a relative path."""
    if path.is_symlink() or not path.is_file():
        hint = "put the file itself there"
        return DefinitionError("is not a regular file", place=Place(path), hint=hint)
    if len(name) > _PATH_LIMIT:
        message = f"the path {name!r} has more than {_PATH_LIMIT} characters"
        return DefinitionError(message, place=Place(path), hint="shorten it")
    for part in name.split("/"):
        if not _NAME.fullmatch(part):
            return DefinitionError(
                f"the name {part!r} cannot go into an RPM",
                place=Place(path),
                hint="use letters, digits and . _ + @ = -",
            )
    return None
