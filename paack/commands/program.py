"""The program ``paack``: invoke's, with positional words and our exit code for wrong usage."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.context import to_flag
from invoke.program import Program

from paack.commands.caller import as_called, from_make, show, target
from paack.commands.collection import ns

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
    "carrier": ("--def",),
    "blueprint": ("--def",),
}


class PaackProgram(Program):
    """invoke's program with positional words, and with our exit code for wrong usage."""

    def run(self, argv: list[str] | None = None, exit: bool = True) -> None:  # noqa: A002
        """Run ``argv`` (default: sys.argv)."""
        words = list(sys.argv if argv is None else argv)
        if target():
            words = [*words[:1], *from_make(words[1:], arguments_of_tasks())]
            show(words)
        super().run(name_positional(named_help(words)), exit)

    def core_args(self) -> list[Argument]:
        """Return the options of all tasks: invoke's, and how much is said."""
        quiet = "Say only results, warnings and errors"
        verbose = "Show every program that is started, also those that only look"
        return [
            *super().core_args(),
            Argument(names=("quiet",), kind=bool, default=False, help=quiet),
            Argument(names=("verbose",), kind=bool, default=False, help=verbose),
        ]

    def execute(self) -> None:
        """Run the tasks."""
        if self.args.quiet.value:
            os.environ["PAACK_QUIET"] = "all"
        if self.args.verbose.value:
            os.environ["PAACK_VERBOSE"] = "1"
        super().execute()

    def parse_tasks(self) -> None:
        """Parse the tasks' arguments; wrong ones end the program with status 2."""
        try:
            super().parse_tasks()
        except ParseError as error:
            raise _wrong_usage(error) from error

    def parse_cleanup(self) -> None:
        """Do what --help and --list ask for; wrong names end the program alike."""
        try:
            super().parse_cleanup()
        except ParseError as error:
            raise _wrong_usage(error) from error
        except Exit as done:
            if done.message:
                raise Exit(as_called(f"error: {done.message}\n  hint: `paack --list`"), 2) from done
            raise

    def print_version(self) -> None:
        """Print the version of the package that is installed."""
        from importlib.metadata import version

        print(f"paack {version('paack')}")


def named_help(argv: list[str]) -> list[str]:
    """Turn ``paack help TASK`` into ``paack --help TASK``."""
    return [*argv[:1], "--help", *argv[2:3]] if argv[1:2] == ["help"] else argv


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


def _wrong_usage(error: ParseError) -> Exit:
    """Say which word is wrong, and which may be meant."""
    from paack.helpers.document import suggest

    match = re.fullmatch(r"No idea what '(.*)' is!", str(error))
    task, word = error.context.name if error.context else None, match[1] if match else ""
    where = f"`paack --help {task}`"
    if not match:
        text = f"{error}\n  hint: " + (where if task else "`paack --list`")
    elif task is None:
        near = suggest(word, tuple(ns.task_names))
        text = f"there is no task {word!r}\n  hint: {near}; `paack --list` shows all"
    elif word.startswith("-"):
        flags = tuple(to_flag(each.name) for each in arguments_of_tasks()[task])
        text = f"{task} has no option {word}\n  hint: {suggest(word, flags)}; {where}"
    else:
        text = (
            f"{task}: one word too many: {word!r}\n"
            f"  hint: a name with spaces stands in quotes: 'my app.yaml'; {where}"
        )
    return Exit(as_called(f"error: {text}"), 2)


def _flags_with_values() -> set[str]:
    """Return the flags of all tasks that a value follows: ``--def``, but not ``--update``."""
    return {
        to_flag(name)
        for arguments in arguments_of_tasks().values()
        for argument in arguments
        if argument.kind is not bool
        for name in argument.names
    }


def arguments_of_tasks() -> dict[str, list[Any]]:
    """Return the arguments of each task."""
    return {name: arguments_of(ns[name]) for name in (*ns.task_names, "microshift", "repo", "rpm")}


def arguments_of(task: Any) -> list[Any]:
    """Return a task's arguments; ``--help`` still finds their texts, which invoke uses up."""
    texts = dict(task.help)
    arguments: list[Any] = task.get_arguments()
    task.help = texts
    return arguments


class _Config(Config):
    """invoke's settings, from no file: ~/.paack.yaml may be anyone's, or not to be read."""

    prefix = "paack"

    def load_system(self, merge: bool = True) -> None:
        """Load nothing."""

    def load_user(self, merge: bool = True) -> None:
        """Load nothing."""


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
