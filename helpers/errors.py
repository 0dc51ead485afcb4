"""The one family of errors, caught once at the edge (paack/commands/command.py).

Every error says what happened, where, and what to do next. The exit codes are part of the
command line's contract; ``EXIT_CODES`` is the table that the README shows.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.hint import worded

EXIT_CODES = {
    0: "ok",
    1: "unexpected",
    2: "usage",
    3: "definition",
    4: "lock missing or stale",
    5: "tool missing",
    6: "registry",
    7: "verification",
    10: "build",
    11: "timeout",
    20: "publish",
    130: "interrupted",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file that a person can open; ``line`` counts from 1, 0 means the whole file."""

    file: Path
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


class PaackError(Exception):
    """Base of all errors that are not bugs.

    ``message`` says what is wrong, ``place`` where, ``hint`` what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, place: Place | None = None, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text}\n  hint: {worded(self.hint)}" if self.hint else text

    @property
    def summary(self) -> str:
        """The error in one line."""
        return str(self).partition("\n")[0]


class UsageError(PaackError):
    """The command line is wrong."""

    exit_code = 2


class DefinitionError(PaackError):
    """One problem of a definition (or of a file that it names)."""

    exit_code = 3


class DefinitionErrors(DefinitionError):
    """All problems of a definition at once, in the order of their lines."""

    def __init__(self, problems: Iterable[PaackError]):
        self.problems = tuple(sorted(problems, key=_by_place))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def summary(self) -> str:
        """The first problem, and how many more there are."""
        more = len(self.problems) - 1
        first = self.problems[0].summary
        return f"{first} (and {more} more)" if more else first


class LockError(PaackError):
    """The lock is missing, stale, or was written by another version."""

    exit_code = 4


class ToolError(PaackError):
    """A program that the build needs is missing or too old."""

    exit_code = 5


class RegistryError(PaackError):
    """An image cannot be resolved or fetched."""

    exit_code = 6


class NoSuchImage(RegistryError):
    """The registry answers, and has no such image."""


class WrongArch(RegistryError):
    """There is such an image, but not for this architecture."""


class VerificationError(PaackError):
    """Bytes are not what a digest or a lock says."""

    exit_code = 7


class BuildError(PaackError):
    """Making a store, an SRPM or an RPM failed."""

    exit_code = 10


class BuildTimeout(PaackError):
    """A build did not end in time."""

    exit_code = 11


class PublishError(PaackError):
    """A repository could not be published; the old one is untouched."""

    exit_code = 20


_OUR_FAULT = frozenset({errno.EBADF, errno.EFAULT, errno.EINVAL, errno.EPIPE, errno.ESRCH})


def from_os_error(error: OSError) -> PaackError | None:
    """Return what to tell a person about a file that cannot be read or written.

    None when it looks like a bug of ours instead.
    """
    if error.errno is None or error.errno in _OUR_FAULT:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return BuildError(
        f"{where}{error.strerror}",
        hint="make room and see that the directories are writable; others are chosen with "
        "--output DIR and XDG_CACHE_HOME",
    )


def _by_place(problem: PaackError) -> tuple[str, int]:
    return (str(problem.place.file), problem.place.line) if problem.place else ("", 0)
