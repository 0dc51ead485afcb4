"""Starting processes: the only module that imports ``subprocess``.

Commands are argument lists, never a shell. Each is echoed to stderr in a form that can be pasted
(``PAACK_QUIET=1`` silences it), with registered secrets masked. A child that fails is reported
once, with its command and the end of what it said.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from helpers.errors import BuildError, ToolError

Argument = str | os.PathLike[str]

_STDERR_LINES_SHOWN = 20
_secrets: set[str] = set()

# What to install for a program that is missing: (Debian package, Fedora/RHEL package).
PACKAGES = {
    "skopeo": ("skopeo", "skopeo"),
    "tar2sqfs": ("squashfs-tools-ng", "squashfs-tools-ng"),
    "mkfs.erofs": ("erofs-utils", "erofs-utils"),
    "rpmbuild": ("rpm", "rpm-build"),
    "rpm": ("rpm", "rpm"),
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a process left: its exit status and both outputs."""

    command: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: str

    def explain(self) -> str:
        """Return the pasteable command, why it ended, and the end of its stderr."""
        said = "\n".join(f"  | {line}" for line in self.stderr.splitlines()[-_STDERR_LINES_SHOWN:])
        return f"{_how_it_ended(self.status)}: {mask(shlex.join(self.command))}" + (
            f"\n{mask(said)}" if said else ""
        )


def secret(value: str) -> str:
    """Register ``value`` so that no echo or message ever shows it, and return it."""
    if value:
        _secrets.add(value)
    return value


def mask(text: str) -> str:
    """Return ``text`` with every registered secret replaced."""
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, "********")
    return text


def require(tool: str) -> str:
    """Return the path of ``tool``; raise ToolError saying which package brings it."""
    path = shutil.which(tool)
    if path is None:
        debian, fedora = PACKAGES.get(tool, (tool, tool))
        raise ToolError(
            f"{tool} is not installed",
            hint=f"make deps   (or: apt-get install {debian} | dnf install {fedora})",
        )
    return path


def run(
    command: Sequence[Argument],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    check: bool = True,
    quiet: bool = False,
) -> Result:
    """Run ``command`` to its end and return its Result.

    ``env`` is added to the environment. With ``check`` a failure raises BuildError.
    """
    words = _prepare(command, quiet)
    done = subprocess.run(
        words,
        cwd=cwd,
        env=_environment(env),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        check=False,
    )
    result = Result(tuple(words), done.returncode, done.stdout, _text(done.stderr))
    if check and result.status != 0:
        raise BuildError(result.explain())
    return result


def feed(command: Sequence[Argument], write: Callable[[IO[bytes]], None]) -> Result:
    """Start ``command``, let ``write`` fill its standard input, and return how it ended.

    The child is killed when ``write`` raises. A child that ends early (EPIPE) is no error here:
    its Result tells why.
    """
    words = _prepare(command, quiet=False)
    # A file, not a pipe: nobody reads while the input is written, and a full pipe would block.
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=_environment(None),
        ) as child,
    ):
        assert child.stdin is not None
        try:
            write(child.stdin)
            child.stdin.close()
        except BrokenPipeError:
            with suppress(BrokenPipeError):
                child.stdin.close()
        except BaseException:
            child.kill()
            with suppress(BrokenPipeError):
                child.stdin.close()
            raise
        status = child.wait()
        said.seek(0)
        return Result(tuple(words), status, b"", _text(said.read()))


def _prepare(command: Sequence[Argument], quiet: bool) -> list[str]:
    words = [os.fspath(word) for word in command]
    require(words[0])
    if not quiet and not os.environ.get("PAACK_QUIET"):
        print(f"$ {mask(shlex.join(words))}", file=sys.stderr, flush=True)
    return words


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    inherited = dict(os.environ)
    # Image makers would write it into the store, and mkfs.erofs would change files' times to it.
    inherited.pop("SOURCE_DATE_EPOCH", None)
    # A translated message cannot be recognised, and cannot be searched for.
    return {**inherited, "LC_ALL": "C.UTF-8", **(extra or {})}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
