"""Keys of a package that rule each other out."""

from __future__ import annotations

from paack.helpers.definition.yaml_format import PackageDocument
from paack.helpers.document import Problems


def is_verified(document: PackageDocument, path: str, problems: Problems) -> bool:
    """Return what ``verity`` says; a package whose layers are elsewhere cannot have it."""
    if document.verity == "true" and document.layers != "bundled":
        hint = "leave out layers, or verity"
        problems.add(document.line, f"{path}.verity: not with layers: {document.layers}", hint)
    return document.verity == "true"


def layers_of(document: PackageDocument, path: str, problems: Problems) -> str:
    """Return what ``layers`` says; packs are blocks of a squashfs, and of nothing else."""
    if document.layers == "packed" and document.filesystem != "squashfs":
        message = f"{path}.filesystem: {document.filesystem}: not with layers: packed"
        problems.add(document.line, message, "leave out filesystem, or layers")
    return document.layers
