"""Kubernetes manifests: a directory of files, as one reproducible tar archive."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
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
    """Read every file below ``directory``; owners, modes and times do not matter.

    Raises DefinitionError for what cannot be shipped: links, odd names, nothing at all.
    """
    files = _files(directory)
    for problem in manifest_problems(directory):
        raise problem
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in files:
            content = path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(directory).as_posix())
            member.size = len(content)
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(content))
    paths = tuple(path.relative_to(directory).as_posix() for path in files)
    return Manifests(paths, archive.getvalue())


def manifest_problems(directory: Path) -> Iterator[DefinitionError]:
    """Yield all reasons why the files below ``directory`` cannot be shipped."""
    files = _files(directory)
    if not files:
        yield DefinitionError("holds no manifest", place=Place(directory), hint="add a .yaml file")
    for path in files:
        try:
            _check(path, directory)
        except DefinitionError as error:
            yield error


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if not path.is_dir() or path.is_symlink())


def _check(path: Path, directory: Path) -> None:
    if path.is_symlink() or not path.is_file():
        raise DefinitionError(
            "is not a regular file", place=Place(path), hint="put the file itself there"
        )
    relative = path.relative_to(directory)
    if len(str(relative)) > _PATH_LIMIT:
        raise DefinitionError(
            f"the path {str(relative)!r} has more than {_PATH_LIMIT} characters",
            place=Place(path),
            hint="shorten it",
        )
    for part in relative.parts:
        if not _NAME.fullmatch(part):
            raise DefinitionError(
                f"the name {part!r} cannot go into an RPM",
                place=Place(path),
                hint="use letters, digits and . _ + @ = -",
            )
