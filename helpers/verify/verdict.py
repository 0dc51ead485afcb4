"""What is found in an RPM, and what follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.errors import VerificationError
from paack.helpers.oci import LockedImage
from paack.helpers.progress import count
from paack.helpers.verify.demands import Proof
from paack.helpers.verify.difference import Difference
from paack.helpers.verify.trial import Outcome
from paack.helpers.verify.unit_trial import UnpackedUnits

HINT = "do not ship it: build it again, and see who changed it"
_SHOWN = 50


@dataclass
class Verdict:
    """What is found in an RPM: its images, its differences, and lines worth to be read.

    ``needs`` are the packages of layers and of packs that it names; ``group`` is its own name if
    it is one. ``units`` are its Quadlet units, when they are to be tried.
    """

    images: list[LockedImage] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hint: str = HINT
    layers: int = 0
    needs: tuple[str, ...] = ()
    group: str = ""
    proved: str = ""
    units: UnpackedUnits | None = None

    def note(self, outcomes: Iterable[Outcome], hint: str) -> None:
        """Note how things went; ``hint`` is for those that went wrong."""
        for each in outcomes:
            if each.good:
                self.notes.append(f"{each.name}: {each.what}")
            else:
                self.differences.append(Difference(each.name, each.what))
                self.hint = hint


def conclusion(rpm: Path, verdict: Verdict) -> Proof:
    """Return what was proved of an RPM; raise VerificationError with every difference."""
    if found := verdict.differences:
        lines = [f"  {each}" for each in found[:_SHOWN]]
        lines += [f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise VerificationError(
            f"{rpm}: {count(len(found), 'difference')}:\n" + "\n".join(lines),
            hint=verdict.hint,
        )
    return Proof(rpm, verdict.proved, tuple(verdict.notes))
