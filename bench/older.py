"""paack 2.0, which figures are beside: a copy of it from the repository's history."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.product import REPOSITORY

COMMIT = "a85f072"
NAME = "paack 2.0"


def checkout(target: Path) -> Path | None:
    """Unpack paack 2.0 into ``target``; None where the repository's history is not there.

    Its pinned packages are among those of today, so it runs in the same environment.
    """
    archive = ["git", "-C", str(REPOSITORY), "archive", "--format=tar", COMMIT]
    done = subprocess.run(archive, capture_output=True, check=False)
    if done.returncode:
        return None
    target.mkdir(parents=True)
    subprocess.run(["tar", "-xf", "-", "-C", str(target)], input=done.stdout, check=True)
    return target
