"""What is found in an RPM, and what follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.errors import VerificationError
from paack.helpers.oci import LockedImage
from paack.helpers.progress import count
from paack.helpers.verify.demands import Proof
from paack.helpers.verify.difference import Difference

HINT = "do not ship it: build it again, and see who changed it"
_SHOWN = 50


@dataclass
class Verdict:
    """What is found in an RPM: its images, its differences, and lines worth to be read.

    ``needs`` are the packages of layers and of packs that it names; ``group`` is its own name if
    it is one.
    """

    images: list[LockedImage] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    hint: str = HINT
    layers: int = 0
    needs: tuple[str, ...] = ()
    group: str = ""
    proved: str = ""


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
