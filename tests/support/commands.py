"""Run a program, wait for it, and complain with all that it said."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence

# HOME: nobody's settings and credentials
MINIMAL_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
}
# Prefixes: the program is killed when this process dies; so is all that it started
MORTAL = ("setpriv", "--pdeathsig=KILL", "--")
CONTAINED = (*MORTAL, "unshare", "--mount", "--pid", "--fork", "--kill-child")


class CommandFailed(Exception):
    """A program ended with another exit code than 0; the message holds its output."""

    def __init__(self, argv: Sequence[str], result: subprocess.CompletedProcess[str]) -> None:
        super().__init__(
            f"{shlex.join(argv)}\nexit code {result.returncode}\n{result.stdout}{result.stderr}"
        )
        self.returncode = result.returncode
        self.stdout = result.stdout
        self.stderr = result.stderr


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run `argv` to its end with `stdin` as its input (default: none) and return what it said.

    `env` replaces the environment; None keeps this process's. Raises CommandFailed when `check`
    is set and the exit code is not 0. Bytes that are not UTF-8 come back as surrogates.
    """
    result = subprocess.run(
        argv,
        check=False,
        env=None if env is None else dict(env),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
    )
    if check and result.returncode != 0:
        raise CommandFailed(argv, result)
    return result
