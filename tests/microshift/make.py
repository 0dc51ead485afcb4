"""`make microshift-containers`, as it is called in the repository."""

import subprocess
from collections.abc import Sequence

from tests.support.product import REPOSITORY, Paack

_SECONDS = 120  # so long only when it hangs


def make_containers(
    paack: Paack, *variables: str, prefix: Sequence[str] = (), seconds: int = _SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run it with the sets, output and environment of `paack`; see nothing to `make deps`."""
    _, env = paack.command()
    target = ["make", "-C", str(REPOSITORY), "--no-print-directory", "-o", "deps"]
    options = [f"SETS={paack.home / 'sets'}", f"OUTPUT={paack.output}", *variables]
    return subprocess.run(
        [*prefix, *target, "microshift-containers", *options],
        env=env,
        text=True,
        capture_output=True,
        check=False,
        timeout=seconds,
    )
