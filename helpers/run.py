"""Starting processes: the only module that imports ``subprocess``.

Commands are argument lists, never a shell. Each is echoed to stderr in a form that can be pasted
(``PAACK_QUIET=1`` silences it, ``PAACK_VERBOSE=1`` shows those that only look, too), with
registered secrets masked. A child that fails is reported once, with its command and the end of
what it said.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paack.helpers.errors import BuildError, ToolError

Argument = str | os.PathLike[str]

_STDERR_LINES_SHOWN = 20
_LINES_KEPT = 200
_secrets: set[str] = set()

# What to install for a program that is missing: (Debian package, Fedora/RHEL package).
PACKAGES = {
    "skopeo": ("skopeo", "skopeo"),
    "mkfs.erofs": ("erofs-utils", "erofs-utils"),
    "rpmbuild": ("rpm", "rpm-build"),
    "rpm": ("rpm", "rpm"),
    "rpm2archive": ("rpm2cpio", "rpm"),
    "rpmkeys": ("rpm", "rpm"),
    "rpmsign": ("rpm", "rpm-sign"),
    "gpg": ("gnupg", "gnupg2"),
    "podman": ("podman", "podman"),
    "setpriv": ("util-linux", "util-linux"),
    "unshare": ("util-linux", "util-linux"),
    "mount": ("mount", "util-linux"),
    "ssh": ("openssh-client", "openssh-clients"),
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
        # Masked before lines are split and words quoted: a secret may hold both.
        lines = mask(self.stderr).splitlines()[-_STDERR_LINES_SHOWN:]
        said = [f"  | {line}" for line in lines]
        return "\n".join([f"{_how_it_ended(self.status)}: {_shown(self.command)}", *said])


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
    pass_fds: Sequence[int] = (),
) -> Result:
    """Run ``command`` to its end and return its Result.

    ``env`` is added to the environment; the child inherits ``pass_fds``. With ``check`` a failure
    raises BuildError.
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
        pass_fds=pass_fds,
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
        _file_in_memory() as errors,
        subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
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
        errors.seek(0)
        return Result(tuple(words), status, b"", _text(errors.read()))


@contextmanager
def reading(command: Sequence[Argument], stdin: IO[bytes] | None = None) -> Iterator[IO[bytes]]:
    """Start ``command``, with the file ``stdin`` as its input, and yield its output.

    Raises BuildError after the block when the child fails, other than by the block reading less.
    """
    words = _prepare(command, quiet=True)
    with (
        _file_in_memory() as errors,
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(None),
        ) as child,
    ):
        assert child.stdout is not None
        try:
            yield child.stdout
            whole = not child.stdout.read(1)
        except BaseException:
            child.kill()
            raise
        if not whole:
            child.kill()
            return
        status = child.wait()
        errors.seek(0)
        if status != 0:
            raise BuildError(Result(tuple(words), status, b"", _text(errors.read())).explain())


def watch(command: Sequence[Argument], on_line: Callable[[str], None]) -> Result:
    """Run ``command`` and call ``on_line`` with each line that it prints, to either output.

    The Result has the last of these lines as ``stderr``. When ``on_line`` or Ctrl-C interrupts, the
    child gets SIGTERM and the time that it needs to clean up.
    """
    words = _prepare(command, quiet=False)
    last: deque[str] = deque(maxlen=_LINES_KEPT)
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(None),
    ) as child:
        assert child.stdout is not None
        try:
            for raw in child.stdout:
                line = mask(_text(raw).rstrip())
                last.append(line)
                on_line(line)
        except BaseException:
            try:
                child.terminate()
                child.communicate()
            except PermissionError:  # a setuid program: it finds that nobody listens
                child.stdout.close()
                child.wait()
            raise
    return Result(tuple(words), child.returncode, b"", "\n".join(last))


@contextmanager
def held(
    command: Sequence[Argument], ready: str, on_line: Callable[[str], None]
) -> Iterator[Callable[[], bool]]:
    """Keep ``command`` running during the block; yield a function that tells whether it still is.

    The block begins when the child prints the line ``ready``; each line before it is given to
    ``on_line``. The child must end when its standard input does: so it also ends when this
    process is killed. Raises BuildError when it ends before.
    """
    words = _prepare(command, quiet=False)
    with (
        _file_in_memory() as errors,
        subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(None),
        ) as child,
    ):
        assert child.stdout is not None
        for raw in child.stdout:
            line = _text(raw).rstrip()
            if line == ready:
                break
            on_line(line)
        else:
            status = child.wait()
            errors.seek(0)
            raise BuildError(Result(tuple(words), status, b"", _text(errors.read())).explain())
        yield lambda: child.poll() is None


def _prepare(command: Sequence[Argument], quiet: bool) -> list[str]:
    words = [os.fspath(word) for word in command]
    require(words[0])
    shown = not quiet or os.environ.get("PAACK_VERBOSE")
    if shown and not os.environ.get("PAACK_QUIET"):
        print(f"$ {_shown(words)}", file=sys.stderr, flush=True)
    return words


def _file_in_memory() -> IO[bytes]:
    # Not tempfile: that looks for a directory by making files, which a kill would leave there.
    return os.fdopen(os.memfd_create("stderr"), "w+b")


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    inherited = dict(os.environ)
    # Image makers would write it into the store, and mkfs.erofs would change files' times to it.
    inherited.pop("SOURCE_DATE_EPOCH", None)
    # A translated message cannot be recognised, and cannot be searched for.
    return {**inherited, "LC_ALL": "C.UTF-8", "LANGUAGE": "", **(extra or {})}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _shown(words: Sequence[str]) -> str:
    return shlex.join(mask(word) for word in words)


def _how_it_ended(status: int) -> str:
    if status < 0:
        known = {each.value: each.name for each in signal.Signals}
        return f"killed by {known.get(-status, f'signal {-status}')}"
    return f"exit status {status}"
