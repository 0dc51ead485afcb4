"""The program ``paack``: invoke's, with positional words and our exit code for wrong usage."""

from __future__ import annotations

import sys

from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.parser.context import to_flag
from invoke.program import Program

from tasks.collection import ns

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
            raise Exit(f"error: {error}\n  hint: paack --list, paack --help TASK", 2) from error


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
    arguments = [
        argument
        for name in ns.task_names
        for argument in ns[name].get_arguments()
        if argument.kind is not bool
    ]
    return {to_flag(name) for argument in arguments for name in argument.names}


class _Config(Config):
    prefix = "paack"


def main() -> None:
    """Run the program ``paack``."""
    PaackProgram(namespace=ns, binary="paack", name="paack", config_class=_Config).run()
