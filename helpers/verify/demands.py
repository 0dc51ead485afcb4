"""What is to be proved of RPMs, and what has been proved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import UsageError


@dataclass(frozen=True, slots=True)
class Demands:
    """What is to be proved besides the store.

    ``run``: podman starts each image. ``against``: "registry" asks for all digests and tags
    again, "cache" forbids to fetch anything; "" is neither. ``keys``: the RPM must be signed by
    one of these, files of public keys or fingerprints.
    """

    run: bool = False
    against: str = ""
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for what is none of these."""
        if self.against not in ("", "registry", "cache"):
            raise UsageError(
                f"--against {self.against}: unknown", hint="--against registry, or cache"
            )


@dataclass(frozen=True, slots=True)
class Proof:
    """An RPM that is as locked: what was proved, and lines worth to be read."""

    rpm: Path
    proved: str
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.rpm}: {self.proved}", *(f"  {each}" for each in self.notes)])

    def as_json(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return {"path": str(self.rpm), "proved": self.proved, "notes": list(self.notes)}
