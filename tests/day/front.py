"""The ways to start the program: by its path, through make, with invoke; from another directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.product import REPOSITORY

BIN = Path(sys.executable).parent
PROGRAM = BIN / "paack"
#: Without what a `make test` around these tests passes on.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PAACK_MAKE", "PAACK_QUIET")
}
#: What is to be installed was installed before these tests.
MAKE = ("make", "-C", str(REPOSITORY), "--no-print-directory", "-o", "deps", f"PAACK={PROGRAM}")
FRONTS = ("paack", "make", "invoke")
_TARGETS = {"build": "rpm", "microshift": "microshift-containers", "repo.verify": "repo-verify"}


def typed(front: str, task: str, options: Mapping[str, object]) -> list[str]:
    """Return a task with its options (``def_``: a value, True, or a list) as a front takes it."""
    names = {name: name.rstrip("_").replace("_", "-") for name in options}
    if front == "make":
        values = [
            f"{names[name].upper().replace('-', '_')}={_joined(value)}"
            for name, value in options.items()
        ]
        return [*MAKE, _TARGETS.get(task, task), *values]
    start = (
        [str(PROGRAM)]
        if front == "paack"
        else [str(BIN / "invoke"), "--search-root", str(REPOSITORY)]
    )
    words = [task]
    for name, value in options.items():
        several = value if isinstance(value, list) else [value]
        words += [
            f"--{names[name]}" if each is True else f"--{names[name]}={each}" for each in several
        ]
    return [*start, *words]


def _joined(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(str, value))
    return "1" if value is True else str(value)
