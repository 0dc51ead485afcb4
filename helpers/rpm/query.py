"""What rpm says of an RPM file. Signatures are asked elsewhere: see ``signature``."""

from __future__ import annotations

from pathlib import Path

from paack.helpers.errors import VerificationError
from paack.helpers.run import run


def query(rpm: Path, form: str) -> str:
    """Return what ``rpm --queryformat FORM`` prints; raise VerificationError for a damaged file."""
    # rpm takes a relative name for a pattern, an address or a list of packages.
    words = ["rpm", "-qp", "--nosignature", "--qf", form, str(rpm.resolve())]
    result = run(words, check=False, quiet=True)
    if result.status != 0:
        hint = "bring it here again, or build it again"
        raise VerificationError(f"{rpm}: is truncated or damaged", hint=hint)
    return result.stdout.decode("utf-8", "replace")


def has_right_digests(rpm: Path) -> bool:
    """Whether header and payload have the digests that the RPM says."""
    words = ["rpmkeys", "--checksig", "--nosignature", str(rpm.resolve())]
    return run(words, check=False, quiet=True).status == 0
