"""What an image says of itself, for people: user, commands, ports, labels, history.

After the OCI image configuration 1.1. Pure, and lenient: nothing of it decides how anything is
built, so what is not of its type is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The parts of a config that a reviewer reads; ``made_by`` has a text for each layer.

    Variables are not among them: they may hold secrets, and a report is passed on.
    """

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    directory: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    made_by: tuple[str, ...] = ()


def read_facts(config: bytes, layers: int) -> ImageFacts:
    """Read an image's config; ``layers`` is how many layers the image has."""
    try:
        document: dict[str, Any] = _object(json.loads(config))
    except (ValueError, RecursionError):
        document = {}
    runtime = _object(document.get("config"))
    labels = _object(runtime.get("Labels"))
    return ImageFacts(
        user=_text(runtime.get("User")),
        entrypoint=_texts(runtime.get("Entrypoint")),
        command=_texts(runtime.get("Cmd")),
        directory=_text(runtime.get("WorkingDir")),
        ports=tuple(sorted(_object(runtime.get("ExposedPorts")))),
        volumes=tuple(sorted(_object(runtime.get("Volumes")))),
        labels={key: labels[key] for key in sorted(labels) if isinstance(labels[key], str)},
        made_by=_made_by(document.get("history"), layers),
    )


def _made_by(history: object, layers: int) -> tuple[str, ...]:
    """Pair layers with history: entries without a layer say so, or nothing can be told."""
    entries = [_object(each) for each in history] if isinstance(history, list) else []
    filled = [each for each in entries if each.get("empty_layer") is not True]
    if len(filled) != layers:
        return ("",) * layers
    return tuple(_text(each.get("created_by")) for each in filled)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, value))) if isinstance(value, list) else ()
