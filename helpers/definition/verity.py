"""Whether the store of a package is verified when it is read."""

from __future__ import annotations

from paack.helpers.definition.yaml_format import PackageDocument
from paack.helpers.document import Problems


def is_verified(document: PackageDocument, path: str, problems: Problems) -> bool:
    """Return what ``verity`` says; a package whose layers are elsewhere cannot have it."""
    if document.verity == "true" and document.layers != "bundled":
        hint = "leave out layers, or verity"
        problems.add(document.line, f"{path}.verity: not with layers: {document.layers}", hint)
    return document.verity == "true"
