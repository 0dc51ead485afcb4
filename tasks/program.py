"""The program ``paack``: invoke's, with positional words and our exit code for wrong usage."""

from __future__ import annotations

import os
import sys
from typing import Any

from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.parser.context import to_flag
from invoke.program import Program

from tasks.collection import ns
from tasks.command import as_called

_PIPE_CLOSED = 141  # as a shell says of a program that SIGPIPE ended

# What `paack rpm app.yaml centos-stream-9-aarch64` means: the words after a task, in order.
POSITIONAL = {
    "lock": ("--def",),
    "check": ("--def",),
    "verify": ("--rpm",) * 1000,
    "report": ("--rpm",) * 1000,
    "diff": ("--old", "--new"),
    "srpm": ("--def",),
    "build": ("--def",),
    "rpm": ("--def", "--target"),
    "copr": ("--def", "--project"),
    "microshift": ("--version",),
    "publish-job": ("--def",),
    "repo.verify": ("--where",),
    "blueprint": ("--def",),
}


class PaackProgram(Program):
    """invoke's program with positional words, and with our exit code for wrong usage."""

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:  # noqa: A002
        """Run ``argv`` (default: sys.argv)."""
        super().run(name_positional(list(sys.argv if argv is None else argv)), exit)

    def parse_tasks(self) -> None:
        """Parse the tasks' arguments; wrong ones end the program with status 2."""
        try:
            super().parse_tasks()
        except ParseError as error:
            hint = as_called("hint: paack --list, paack --help TASK")
            raise Exit(f"error: {error}\n  {hint}", 2) from error

    def print_version(self) -> None:
        """Print the version of the package that is installed."""
        from importlib.metadata import version

        print(f"paack {version('paack')}")


def name_positional(argv: list[str]) -> list[str]:
    """Turn the words after a task into the flags that they stand for."""
    takes_value = _flags_with_values()
    named = argv[:1]
    flags: list[str] = []
    previous = ""
    for word in argv[1:]:
        if word in POSITIONAL and not flags and previous not in ("--def", "--help"):
            flags = list(POSITIONAL[word])
        elif flags and not word.startswith("-") and previous not in takes_value:
            named.append(flags.pop(0))
        elif word in flags:
            flags.remove(word)
        named.append(word)
        previous = word
    return named


def _flags_with_values() -> set[str]:
    """Return the flags of all tasks that a value follows: ``--def``, but not ``--update``."""
    arguments = [argument for name in ns.task_names for argument in arguments_of(ns[name])]
    return {
        to_flag(name)
        for argument in arguments
        if argument.kind is not bool
        for name in argument.names
    }


def arguments_of(task: Any) -> list[Any]:
    """Return a task's arguments; ``--help`` still finds their texts, which invoke uses up."""
    texts = dict(task.help)
    arguments: list[Any] = task.get_arguments()
    task.help = texts
    return arguments


class _Config(Config):
    prefix = "paack"


def main() -> None:
    """Run the program ``paack``."""
    program = PaackProgram(namespace=ns, binary="paack", name="paack", config_class=_Config)
    try:
        try:
            program.run()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has read enough (`paack --list | head`). Python would flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_PIPE_CLOSED)
