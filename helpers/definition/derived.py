"""``images: from-units`` and ``from-manifests``: images that a definition need not name itself.

They are known once units and manifests are read: helpers/quadlet/complete.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paack.helpers.document import Located, Problems

FROM_UNITS, FROM_MANIFESTS = "from-units", "from-manifests"
#: What may stand in a list of images, or alone in its place.
DERIVED = (FROM_UNITS, FROM_MANIFESTS)


def as_lists(document: Located) -> Located:
    """Return a document in which a word of DERIVED that is all of ``images`` is a list of it."""
    if isinstance(document.value, list):
        return Located([as_lists(each) for each in document.value], document.line)
    if not isinstance(document.value, dict):
        return document
    keys = {
        key: as_lists(value) if key in ("packages", "arch") else value
        for key, value in document.value.items()
    }
    images = keys.get("images")
    if images and isinstance(images.value, str) and images.value in DERIVED:
        keys["images"] = Located([images], images.line)
    return Located(keys, document.line)


def check_words(
    words: Sequence[tuple[str, int]], sources: tuple[object, object], path: str, problems: Problems
) -> None:
    """Note words, each with its line, that stand for nothing: ``sources`` are units, manifests."""
    for word, line in words:
        if not dict(zip(DERIVED, sources, strict=True))[word]:
            key = word.removeprefix("from-")
            problems.add(line, f"{path}: {word}, and there are no {key}", f"add {key}")


def with_words(schema: Any) -> Any:
    """Return a JSON schema of definitions in which ``images`` may be such a word."""
    if isinstance(schema, list):
        return [with_words(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: with_words(value) for key, value in schema.items()}
    images = found.get("properties", {}).get("images")
    if images and images.get("type"):
        rest = {key: images.pop(key) for key in ("type", "items") if key in images}
        images["anyOf"] = [rest, {"enum": list(DERIVED)}]
    return found
