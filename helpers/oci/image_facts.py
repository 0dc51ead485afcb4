"""What an image says of itself, for people: user, commands, ports, labels, history.

After the OCI image configuration 1.1, read as podman reads it. Pure, and lenient: an RPM of an
older paack may hold a config that podman cannot decode, and can still be reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from paack.helpers.oci import go_types
from paack.helpers.oci.go_json import JSONProblem, decode


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
    """Read an image's config; ``layers`` is how many layers the image has.

    Of a config that podman cannot decode, nothing is told.
    """
    document: dict[str, Any] = {}
    with suppress(JSONProblem):
        document = decode(config, go_types.IMAGE)
    runtime = document.get("config", {})
    labels = runtime.get("Labels") or {}
    return ImageFacts(
        user=runtime.get("User", ""),
        entrypoint=_texts(runtime.get("Entrypoint")),
        command=_texts(runtime.get("Cmd")),
        directory=runtime.get("WorkingDir", ""),
        ports=tuple(sorted(runtime.get("ExposedPorts") or ())),
        volumes=tuple(sorted(runtime.get("Volumes") or ())),
        labels={key: labels[key] or "" for key in sorted(labels)},
        made_by=_made_by(document.get("history"), layers),
    )


def _made_by(history: list[dict[str, Any] | None] | None, layers: int) -> tuple[str, ...]:
    """Pair layers with history: entries without a layer say so, or nothing can be told."""
    entries = [each or {} for each in history or ()]
    filled = [each for each in entries if not each.get("empty_layer")]
    if len(filled) != layers:
        return ("",) * layers
    return tuple(each.get("created_by", "") for each in filled)


def _texts(value: list[str | None] | None) -> tuple[str, ...]:
    return tuple(each or "" for each in value or ())
