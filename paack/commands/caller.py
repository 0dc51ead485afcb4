"""How the program was started, so that hints can be pasted: make, paack, a path to it, invoke.

``make lock DEF=app.yaml`` calls ``paack lock DEF=app.yaml`` with ``PAACK_MAKE=lock``: variables are
the options of the target's tasks, in capitals. Which target takes which says the Makefile.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

#: The tasks of each target, where they are not called the same.
TARGETS = {
    "rpm": ("build",),
    "microshift-containers": ("microshift",),
    "microshift-repo": ("microshift.repo",),
    "publish": ("repo", "publish"),
    "carrier": ("repo", "carrier"),
    "repo-verify": ("repo.verify",),
    "cache-prune": ("cache.prune",),
}
#: Variables that are not the option in capitals.
VARIABLES = {"rpm": "RPMS"}
#: Variables of all targets that run paack.
TALK = ("QUIET", "VERBOSE")
_NO = ("", "0", "no", "false")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])(?:[ =]([^\s,;:()]+))?")
#: Defaults that are in the directory of the Makefile, wherever make was started.
_HOME = {"output": "_output", "sets": "microshift-images", "where": "_output/repo"}


def target() -> str:
    """Return the target of make that called the program, or ""."""
    return os.environ.get("PAACK_MAKE", "")


def tasks_of(name: str) -> tuple[str, ...]:
    """Return the tasks that a target of make runs."""
    return TARGETS.get(name, (name,))


def variable_of(argument: Any) -> str:
    """Return the variable of make that stands for an argument of a task."""
    name = VARIABLES.get(_name(argument), _name(argument).upper().replace("-", "_"))
    return f"NO_{name}" if _is_on(argument) else str(name)


def from_make(words: Sequence[str], arguments: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the words of the program for tasks and variables of make, and go to its caller.

    ``arguments`` are those of each task.
    """
    home, caller = Path.cwd(), _caller_directory()
    given = dict(word.split("=", 1) for word in words if "=" in word)
    made = [f"--{name.lower()}" for name in TALK if given.get(name, "").lower() not in _NO]
    sys.argv[0] = str(Path(sys.argv[0]).absolute())
    os.chdir(caller)
    for task in (word for word in words if "=" not in word):
        made.append(task)
        for argument in arguments[task]:
            value = given.get(variable_of(argument))
            if value is None and _name(argument) in _HOME and home != caller:
                value = _shorter(home / _HOME[_name(argument)])
            if value is not None:
                made += _option(argument, value)
    return made


def as_called(hint: str) -> str:
    """Return a hint worded as the program was started."""
    parts = re.split(r"`paack ([^`]*)`", hint)
    plain = [_with_variables(each) if target() else each for each in parts[::2]]
    commands = [_worded(each) for each in parts[1::2]]
    return "".join(word for pair in zip_longest(plain, commands, fillvalue="") for word in pair)


def show(words: Sequence[str]) -> None:
    """Say what make runs, as it can be typed without make; not for ``make --silent``."""
    silent = "s" in os.environ.get("MAKEFLAGS", "").partition(" ")[0] or "--quiet" in words
    if not silent and not os.environ.get("PAACK_QUIET"):
        print(f"$ {shlex.join([program(), *words[1:]])}", file=sys.stderr, flush=True)


def program() -> str:
    """Return what starts the program here: ``paack``, a path to it, or ``invoke``."""
    path = Path(sys.argv[0])
    if path.name in ("invoke", "inv"):
        return path.name if shutil.which(path.name) else _shorter(path)
    if path.name != "paack" or shutil.which("paack") == str(path.absolute()):
        return "paack"
    return _shorter(path)


def _worded(text: str) -> str:
    """Return a command (without ``paack``) as it is typed here."""
    words = shlex.split(text)
    if target() and (made := _for_make(words)):
        return made
    return f"{shlex.quote(program())} {text}"


def _for_make(words: Sequence[str]) -> str | None:
    from paack.commands.program import arguments_of_tasks

    task = words[0]
    name = next((each for each, tasks in TARGETS.items() if tasks == (task,)), task)
    arguments = arguments_of_tasks().get(task)
    if arguments is None or "." in name:
        return None
    values: dict[str, list[str]] = {}
    known = {f"--{_name(each)}": variable_of(each) for each in arguments}
    waiting = ""
    for word in words[1:]:
        if word.startswith("--") and word in known:
            waiting = known[word]
            values.setdefault(waiting, [])
        elif word.startswith("--no-") and f"--{word[5:]}" in known:
            values[known[f"--{word[5:]}"]] = []
        else:
            values.setdefault(waiting, []).append(word)
    if "" in values:
        return None
    where = [word for each in _directories() for word in ("-C", each)]
    said = [f"{each}={' '.join(some) or 1}" for each, some in values.items()]
    return shlex.join(["make", *where, name, *said])


def _with_variables(hint: str) -> str:
    """Return a hint with variables of make for options of its target."""
    from paack.commands.program import arguments_of_tasks

    every = arguments_of_tasks()
    known = {_name(each): each for task in tasks_of(target()) for each in every.get(task, ())}

    def worded(match: re.Match[str]) -> str:
        name = match[1].removeprefix("no-")
        argument = known.get(match[1], known.get(name))
        if argument is None:
            return match[0]
        variable, rest = variable_of(argument), match[2] or ""
        if argument.kind is bool:
            return f"{variable}=1{match[0][len(match[1]) + 2 :]}"
        return f"{variable}={rest}" if rest else variable

    return _OPTION.sub(worded, hint)


def _option(argument: Any, value: str) -> Iterator[str]:
    flag = f"--{_name(argument)}"
    if argument.kind is bool:
        if value.lower() not in _NO:
            yield f"--no-{_name(argument)}" if _is_on(argument) else flag
        return
    several = argument.kind is list and not Path(value).exists()
    for each in shlex.split(value) if several else [value]:
        yield f"{flag}={each}"


def _name(argument: Any) -> str:
    return str(argument.names[0])


def _is_on(argument: Any) -> bool:
    return argument.kind is bool and argument.default is True


def _shorter(path: Path) -> str:
    """Return a path from here, or from the root, whichever is shorter."""
    return min(os.path.relpath(path), str(path.absolute()), key=len)


def _caller_directory() -> Path:
    """Return where make was typed: with -C it is elsewhere now."""
    here, moved = Path.cwd(), _directories()
    start = Path(os.environ.get("PAACK_PWD", ""))
    if moved and start.is_absolute() and start.joinpath(*moved).resolve() == here.resolve():
        return start
    return here


def _directories() -> list[str]:
    """Return the words after -C of the make that started this program."""
    process = os.getppid()
    for _ in range(3):  # a shell may be between them
        try:
            words = Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace").split("\0")
            status = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
        except OSError:
            return []
        if Path(words[0]).name in ("make", "gmake"):
            return list(_after_c(words))
        process = int(status.rpartition(")")[2].split()[1])
    return []


def _after_c(words: Sequence[str]) -> Iterator[str]:
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("-C", "--directory"):
            yield following
        elif match := re.fullmatch(r"(?:-C|--directory=)(.+)", word):
            yield match[1]
