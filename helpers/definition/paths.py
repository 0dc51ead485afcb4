"""Paths in definitions: of files beside them, and of places on the device."""

from __future__ import annotations

from pathlib import Path

from paack.helpers.definition.charts import Rendered
from paack.helpers.definition.yaml_format import PATH_HINT, ArchDocument, ImagePathDocument
from paack.helpers.document import Problems, Text

MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")


def manifests_of(document: ArchDocument, path: str, problems: Problems) -> Path | None:
    """Return the directory of manifests, or the file; note when it is neither."""
    if document.manifests is None:
        return None
    source = problems.file.parent / document.manifests
    line, name = document.manifests.line, f"{path}.manifests: {document.manifests!r}"
    if isinstance(document.manifests, Rendered):
        return source
    if source.is_file():
        if source.suffix not in MANIFEST_SUFFIXES:
            problems.add(line, f"{name} is no .yaml, .yml or .json file", "give it such a name")
        elif source.stem == "kustomization":
            problems.add(line, f"{name} is a kustomization", "name its directory")
    elif not source.is_dir():
        hint = f"it is looked for beside the definition: {source}"
        problems.add(line, f"{name} is no directory and no file", hint)
    return source


def units_of(document: ArchDocument, path: str, problems: Problems) -> tuple[Path, ...]:
    """Return the files and directories of units; note those that are not there."""
    sources = []
    for number, entry in enumerate(document.units):
        source = problems.file.parent / entry
        if not source.is_dir() and not source.is_file():
            problems.add(
                entry.line,
                f"{path}.units[{number}]: {entry!r} is no file and no directory",
                f"it is looked for beside the definition: {source}",
            )
        sources.append(source)
    return tuple(sources)


def clean_path(value: str, path: str, line: int, problems: Problems) -> str:
    """Return a path on the device without doubled and final slashes; note one that is not plain."""
    parts = [part for part in value.split("/") if part]
    if ".." in parts or "." in parts or len(parts) < 2:
        problems.add(line, f"{path}: {value!r} is not a plain path below /usr", PATH_HINT)
    elif parts[1] == "etc":
        message = f"{path}: {value!r} is where ostree keeps /etc; bootc refuses such an image"
        problems.add(line, message, "another directory: /usr/lib/NAME")
    return "/" + "/".join(parts)


def image_path(entry: Text | ImagePathDocument) -> tuple[str, str]:
    """Return (kind, path) of an entry of ``imagePaths``."""
    if isinstance(entry, ImagePathDocument):
        return entry.kind or "", entry.path or ""
    kind, _, path = entry.partition(":")
    return kind, path.strip()
