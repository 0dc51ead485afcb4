"""Hints: commands and options worded as the user started the program.

In a hint a command stands in backquotes, as ``command`` returns it, and options as they are
(``--sign KEY``). paack/commands/caller.py knows how the user types both, and sets that once
(``set_wording``).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

_COMMAND = re.compile(r"`(paack [^`]*)`")
_wordings: list[Callable[[str], str]] = []


def command(task: str, **options: object) -> str:
    """Return a command of paack, in backquotes: ``command("lock", def_=file, update=True)``.

    Options are those of the task; True is a flag, a tuple several values.
    """
    words = ["paack", task]
    for name, value in options.items():
        flag = f"--{name.rstrip('_').replace('_', '-')}"
        values = value if isinstance(value, tuple) else (value,)
        for each in values:
            words += [flag] if each is True else [flag, str(each)]
    return f"`{shlex.join(words)}`"


def set_wording(wording: Callable[[str], str]) -> None:
    """Let hints be worded by ``wording``, for all that follows."""
    _wordings[:] = [wording]


def worded(hint: str) -> str:
    """Return a hint as a person sees it."""
    return _wordings[0](hint) if _wordings else _COMMAND.sub(r"\1", hint)
