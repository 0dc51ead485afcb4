"""Findings of ``paack check``: one problem each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import DefinitionError, DefinitionErrors, PaackError, Place
from paack.helpers.hint import worded


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
