"""Texts in an object that may be images, beyond the fields that are always images.

What stands before a text (a key, an option, the name of a variable) decides how sure it is. Texts
with YAML or JSON in them are read like objects, others word by word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from paack.helpers.errors import DefinitionError
from paack.helpers.kubernetes import likeness
from paack.helpers.located import FAST, Limits, Located, documents

NEEDED, PROBABLE, POSSIBLE, UNFINDABLE = "needed", "probable", "possible", "unfindable"

#: Keys whose values are only told to people, or were applied once.
_ASIDE = frozenset(
    {
        *("description", "summary", "message", "help", "documentation", "_example", "status"),
        *("managedFields", "alm-examples", "kubectl.kubernetes.io/last-applied-configuration"),
    }
)
_HUBS = ("hub", "registry", "repository", "imageRegistry", "imageRepository")
_CONTAINER = re.compile(r"(?:^|\.)(?:containers|initContainers)\[\d+\]$")
_VERSION = re.compile(r":[^/]+$|@")
#: What a text has that is worth to be read: a word for an image, or the end of one.
_WORTH = re.compile(r"image|tag[\"']?:|/[a-z0-9._-]+(?::\w|@sha256:)", re.I)
_DEPTH = 3
_FILE = Path("text")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text at a path; ``level`` is PROBABLE, POSSIBLE or UNFINDABLE, ``reason`` why."""

    text: str
    line: int
    path: str
    level: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a text stands: ``word`` says what it is, ``most`` is the level that it can have."""

    path: str
    word: str = ""
    kind: str = "key"
    most: str = PROBABLE
    depth: int = 0


def candidates(item: Located) -> Iterator[Candidate]:
    """Yield all texts of an object that may be images, also those of containers."""
    yield from _in(item, _Context(""))


def nested_values(text: str) -> list[Located]:
    """Return the mappings and lists that a text of several lines, or JSON, is; none for others."""
    if not ("\n" in text or text.lstrip()[:1] in ("{", "[")) or ":" not in text:
        return []
    limits = Limits(depth=64, values=len(text) + 100)
    try:
        found = list(documents(text, _FILE, limits, FAST))
    except (yaml.YAMLError, DefinitionError, ValueError):
        return []
    return [each for each in found if not isinstance(each.value, str | None)]


def _in(item: Located, context: _Context) -> Iterator[Candidate]:
    value = item.value
    if isinstance(value, dict):
        yield from _in_mapping(value, item.line, context)
    elif isinstance(value, list):
        option = ""
        for number, each in enumerate(value):
            here = replace(context, path=f"{context.path}[{number}]")
            if option:
                here = replace(here, word=option, kind="option")
            yield from _in(each, here)
            text = each.value if isinstance(each.value, str) else ""
            option = text if text.startswith("-") and "=" not in text else ""
    elif value:
        yield from _in_text(value, item, context)


def _in_mapping(value: dict[str, Located], line: int, context: _Context) -> Iterator[Candidate]:
    name = value["name"].value if "name" in value else None
    put_together = _put_together(value)
    if put_together and context.most == PROBABLE:
        reason = "put together from a registry, a name and a tag"
        yield Candidate(put_together, line, context.path, UNFINDABLE, reason)
    for key, item in value.items():
        path = f"{context.path}.{key}" if context.path else key
        inner = replace(context, path=path, word=key, kind="key")
        if isinstance(name, str) and key in ("value", "default"):
            inner = replace(inner, word=name, kind="variable")
        text = item.value
        is_container = key == "image" and _CONTAINER.search(context.path)
        if is_container and isinstance(text, str) and text and not likeness.is_template(text):
            yield Candidate(text, item.line, path, context.most, "image of a container")
            continue
        # Annotations without a prefix are private notes (annotations in the API conventions).
        is_note = context.path.endswith("annotations") and "/" not in key
        if key in _ASIDE or is_note:
            inner = replace(inner, most=POSSIBLE)
        yield from _in(item, inner)


def _put_together(value: dict[str, Located]) -> str | None:
    """Return what a mapping with a registry, perhaps a name, and a tag stands for."""
    texts = {key: each.value for key, each in value.items() if isinstance(each.value, str)}
    hub = next((texts[key] for key in _HUBS if "." in texts.get(key, "")), None)
    image, tag = texts.get("image", ""), texts.get("tag")
    if not tag or not (hub or image) or _VERSION.search(image):
        return None
    if hub is None:
        return f"{image}:{tag}" if "." in image.partition("/")[0] else f"…/{image}:{tag}"
    name = image or ("" if "/" in hub and "hub" not in texts else "…")
    return f"{hub}/{name}:{tag}" if name else f"{hub}:{tag}"


def _in_text(text: str, item: Located, context: _Context) -> Iterator[Candidate]:
    is_template = likeness.is_image_word(context.word) and likeness.is_template(text)
    if "\n" not in text and (is_template or (" " not in text and text[:1] not in "{[")):
        name, equals, rest = text.partition("=")
        if equals and (name.startswith("-") or name.replace("_", "").isalnum()):
            context = replace(context, word=name, kind="option")
            text = rest
        yield from _judged(text, item.line, context)
        return
    if not _WORTH.search(text):
        return
    nested = nested_values(text) if context.depth < _DEPTH else []
    first = item.line if item.is_block else item.line - 1
    for each in nested:
        inside = replace(context, depth=context.depth + 1)
        for found in _in(each, inside):
            line = found.line + first if item.is_block else item.line
            yield replace(found, line=line, reason=f"{found.reason}, in a text")
    if not nested:
        for word in likeness.words_of(text):
            # A variable called …_IMAGES may hold VERSION=IMAGE on each line.
            name = word.name if likeness.names_image(word.name) else context.word
            here = replace(context, word=name or word.name, kind="text")
            yield from _judged(word.text, item.line + (word.line + 1 if item.is_block else 0), here)


def _judged(text: str, line: int, context: _Context) -> Iterator[Candidate]:
    text = text.removeprefix("docker://")
    word = context.word
    level = None
    if likeness.is_full(text):
        sure = likeness.names_image(word) or context.kind in ("option", "variable")
        in_data = context.kind == "key" and context.path.startswith("data.")
        level = PROBABLE if sure or word.startswith("-") or in_data else POSSIBLE
    elif likeness.is_image_word(word):
        if likeness.is_full_repository(text) or likeness.is_short(text):
            level = PROBABLE
        elif likeness.is_template(text) or _is_part(text, context):
            level = UNFINDABLE
    if level == UNFINDABLE and context.most != PROBABLE:
        return
    if level is not None:
        reason = f"{context.kind} {word}".strip()
        most = context.most if level == PROBABLE else level
        yield Candidate(text, line, context.path, most, reason)


def _is_part(text: str, context: _Context) -> bool:
    """Tell whether a text is a name to which what reads it adds registry and version."""
    return ("/" in text or context.kind == "variable") and likeness.is_bare(text)
