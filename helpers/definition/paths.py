"""Paths in definitions: of files beside them, and of places on the device."""

from __future__ import annotations

from pathlib import Path

from paack.helpers.definition.yaml_format import PATH_HINT, ArchDocument
from paack.helpers.document import Problems


def manifests_of(document: ArchDocument, path: str, problems: Problems) -> Path | None:
    """Return the directory of manifests; note when it is none."""
    if document.manifests is None:
        return None
    directory = problems.file.parent / document.manifests
    if not directory.is_dir():
        problems.add(
            document.manifests.line,
            f"{path}.manifests: {document.manifests!r} is no directory",
            f"it is looked for beside the definition: {directory}",
        )
    return directory


def units_of(document: ArchDocument, path: str, problems: Problems) -> tuple[Path, ...]:
    """Return the files and directories of units; note those that are not there."""
    found = []
    for number, entry in enumerate(document.units):
        source = problems.file.parent / entry
        if not source.is_dir() and not source.is_file():
            problems.add(
                entry.line,
                f"{path}.units[{number}]: {entry!r} is no file and no directory",
                f"it is looked for beside the definition: {source}",
            )
        found.append(source)
    return tuple(found)


def clean_path(value: str, path: str, line: int, problems: Problems) -> str:
    """Return a path on the device without doubled and final slashes; note one that is not plain."""
    parts = [part for part in value.split("/") if part]
    if ".." in parts or "." in parts or len(parts) < 2:
        problems.add(line, f"{path}: {value!r} is not a plain path below /usr", PATH_HINT)
    return "/" + "/".join(parts)
