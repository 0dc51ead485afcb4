"""Every shell and every awk that the shell code of a package may meet."""

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from paack.helpers.rpm.device_program import device_program
from tests.support.commands import MINIMAL_ENVIRONMENT
from tests.support.thorough import THOROUGH

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


#: Each shell and each awk once.
DIAGONAL = [Combination(*pair) for pair in zip(_SHELLS, _AWKS, strict=True)]
_EVERY = [Combination(shell, awk) for shell, awk in product(_SHELLS, _AWKS)]
#: Each shell with each awk, where that is worth its time.
COMBINATIONS = _EVERY if THOROUGH else DIAGONAL


def library() -> str:
    """Return the functions that scriptlets and the doctor have, without what these do with them."""
    return device_program().files[0].content


def library_file() -> Path:
    """Return a file with the library, which is there while this process is."""
    directory = Path(tempfile.mkdtemp(prefix="paack-library-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)
    file = directory / "library"
    file.write_text(library(), encoding="utf-8")
    return file
