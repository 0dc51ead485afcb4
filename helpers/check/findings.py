"""Findings of ``paack check``: one problem each, and those that a single use of an image has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.check.packaged import wanted_name
from paack.helpers.errors import DefinitionError, DefinitionErrors, PaackError, Place
from paack.helpers.hint import worded
from paack.helpers.kubernetes import Need, full_name


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: ``kind`` is a word for programs, ``error`` carries text, place and hint."""

    kind: str
    error: PaackError
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.error.place}: " if self.error.place else ""
        hint = f"\n  hint: {worded(self.error.hint)}" if self.error.hint else ""
        return f"{where}{'warning' if self.warning else 'error'}: {self.error.message}{hint}"

    def as_json(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return {
            "level": "warning" if self.warning else "error",
            "kind": self.kind,
            **place_json(self.error.place),
            "message": self.error.message,
            "hint": worded(self.error.hint) if self.error.hint else None,
        }

    @property
    def order(self) -> tuple[int, str, int, bool, str]:
        """The definition's own first, the lock last; by place, errors first."""
        place = self.error.place or Place(Path())
        rank = {"definition": 0, "lock": 2}.get(self.kind, 1)
        return (rank, str(place.file), place.line, self.warning, self.error.message)


def place_json(place: Place | None) -> dict[str, object]:
    """Return a place as ``--json`` prints it."""
    return {"file": str(place.file), "line": place.line} if place else {}


def as_findings(kind: str, error: DefinitionError) -> list[Finding]:
    """Return a finding for each problem that an error stands for."""
    each = error.problems if isinstance(error, DefinitionErrors) else (error,)
    return [Finding(kind, problem) for problem in each]


def use_findings(need: Need) -> Iterator[Finding]:
    """Yield what is wrong with one use, whatever is packaged."""
    use = need.use
    if need.ignored:
        return
    reference = full_name(use.image)
    if reference is None:
        message = f"{use.image!r} is not the name of an image ({use.where})"
        hint = "render templates and variables first"
        yield Finding("name", DefinitionError(message, place=use.place, hint=hint))
        return
    latest = reference.tag == "latest"
    if use.policy == "Always":
        message = f"{use.image} would be pulled at each start: the pull policy is Always"
        hint = "write IfNotPresent or Never"
        yield Finding("pull", DefinitionError(message, place=use.place, hint=hint))
    elif latest and use.policy == "":
        message = f"{use.image} would be pulled at each start: the tag is latest"
        hint = "name a version, or write imagePullPolicy: IfNotPresent"
        yield Finding("pull", DefinitionError(message, place=use.place, hint=hint))
    elif latest:
        message = f"{use.image} does not say which version it is"
        hint = "name a version, or a digest"
        error = DefinitionError(message, place=use.place, hint=hint)
        yield Finding("latest", error, warning=True)
    if not use.image.startswith(f"{reference.repo}"):
        message = f"{use.image} is a short name: which registry it means is the device's setting"
        hint = f"write {wanted_name(reference)}"
        error = DefinitionError(message, place=use.place, hint=hint)
        yield Finding("short-name", error, warning=True)
