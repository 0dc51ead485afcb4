"""Every shell and every awk that the shell code of a package may meet."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.support.commands import MINIMAL_ENVIRONMENT

_SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("busybox", "sh")}
_AWKS = {"mawk": "/usr/bin/mawk", "gawk": "/usr/bin/gawk", "busybox": "busybox awk"}


@dataclass(frozen=True)
class Combination:
    """A shell and the program that it runs as `awk`."""

    shell: str
    awk: str

    def __str__(self) -> str:
        return f"{self.shell}-{self.awk}"

    def command(self, script: str) -> list[str]:
        """Return the argument list that runs `script`."""
        # A function, as Debian's busybox takes its own awk whatever PATH says.
        return [*_SHELLS[self.shell], "-c", f'awk() {{ {_AWKS[self.awk]} "$@"; }}\n{script}']

    def run(
        self, script: str, home: Path, *, wrapper: Sequence[str] = (), path: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `script` in the directory `home`, by the program `wrapper` if there is one.

        Programs are looked for in `path` first.
        """
        usual = MINIMAL_ENVIRONMENT["PATH"]
        return subprocess.run(
            [*wrapper, *self.command(script)],
            env={**MINIMAL_ENVIRONMENT, "PATH": f"{path}:{usual}" if path else usual},
            cwd=home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


COMBINATIONS = [Combination(shell, awk) for shell, awk in product(_SHELLS, _AWKS)]
#: Each shell and each awk once.
DIAGONAL = [Combination(*pair) for pair in zip(_SHELLS, _AWKS, strict=True)]
