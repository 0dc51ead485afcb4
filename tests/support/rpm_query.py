"""What rpm says of RPM files."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.commands import run


def provides(rpm: Path) -> set[str]:
    """Return what an RPM provides."""
    return set(run(["rpm", "-qp", "--provides", str(rpm)]).stdout.splitlines())


def requires(rpm: Path) -> set[str]:
    """Return what an RPM requires."""
    return set(run(["rpm", "-qp", "--requires", str(rpm)]).stdout.splitlines())


def tags(rpm: Path, queryformat: str) -> str:
    """Return tags of an RPM's header, as `queryformat` says."""
    return run(["rpm", "-qp", f"--queryformat={queryformat}", str(rpm)]).stdout


def of_arch(rpms: Sequence[Path], arch: str) -> Path:
    """Return the one RPM of `arch` among `rpms`."""
    (found,) = [rpm for rpm in rpms if tags(rpm, "%{ARCH}") == arch]
    return found
