"""The manual page paack(1), as roff (man(7)), from the tasks and the errors.

``python -m paack.commands.manual`` prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from paack.commands.collection import ns
from paack.commands.program import arguments_of
from paack.helpers import errors

_FILES = {
    "_output": "What was made: RPMs in rpms, source RPMs in srpms, the repository in repo.",
    "~/.cache/paack": "Blobs of images. XDG_CACHE_HOME has its usual meaning.",
    "app.lock.yaml": "The lock of app.yaml: every image as digests. Commit it.",
}


def manual() -> str:
    """Return the page. The same program gives the same text: it has no date."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f'.TH PAACK 1 "" "paack {version("paack")}" "User Commands"'
    yield from (".SH NAME", r"paack \- container images as RPMs, used in place")
    yield from (".SH SYNOPSIS", r".B paack", r"\fITASK\fR [\fIOPTION\fR]...")
    yield ".SH DESCRIPTION"
    yield _text(
        "Turns the container images of a definition into RPMs. Each holds a read-only additional "
        "image store, which podman and CRI-O use in place. Words after a task stand for its first "
        "options: paack build app.yaml is paack build --def app.yaml."
    )
    yield ".SH TASKS"
    for name in sorted(ns.task_names):
        yield from _task(name, ns[name])
    yield ".SH EXIT STATUS"
    for code, meaning in sorted(_exit_codes().items()):
        yield from (".TP", rf".B {code}", _text(meaning))
    yield ".SH FILES"
    for path, meaning in _FILES.items():
        yield from (".TP", rf".I {_text(path)}", _text(meaning))
    yield from (".SH SEE ALSO", r".BR podman (1),", r".BR rpm (8),", r".BR dnf (8)")


def _task(name: str, task: Any) -> Iterator[str]:
    yield f".SS {_text(name)}"
    yield _text((task.__doc__ or "").partition("\n\n")[0])
    texts = {key.replace("_", "-").strip("-"): text for key, text in task.help.items()}
    for argument in arguments_of(task):
        option = argument.name.strip("_").replace("_", "-")
        value = "" if argument.kind is bool else r" \fIVALUE\fR"
        yield from (".TP", rf"\fB\-\-{_text(option)}\fR{value}", _text(texts.get(option, "")))


def _exit_codes() -> dict[int, str]:
    """Return what each exit status means: the first line of its error's docstring."""
    kinds: list[type[errors.PaackError]] = [errors.PaackError]
    codes = {0: "Done."}
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        codes.setdefault(kind.exit_code, (kind.__doc__ or "").partition("\n")[0])
    return codes


def _text(text: str) -> str:
    """Return ``text`` as roff takes it: ASCII, and no line of it is a request."""
    plain = " ".join(text.replace("``", "").split())
    escaped = plain.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    ascii_only = "".join(c if c.isascii() else rf"\[u{ord(c):04X}]" for c in escaped)
    return rf"\&{ascii_only}" if ascii_only.startswith(".") else ascii_only


if __name__ == "__main__":
    print(manual(), end="")
