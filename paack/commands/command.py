"""What all tasks share: errors become exit codes, here and nowhere else."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.tasks import task

from paack.commands.caller import as_called

DEF = "The definition: a YAML file"
OUTPUT = "Where results go (default: _output)"
AUTHFILE = "Registry credentials, as podman login writes them (default: REGISTRY_AUTH_FILE)"
CHECK = "--no-check: build in spite of what paack check finds"
PACKS_FROM = "Where packs of earlier builds are published: a directory, or http(s)://HOST/PATH"
FROZEN = "Refuse to lock: fail when the lock is missing"


JSON = "For programs: one document, as docs/json.md says"
DRY_RUN = "Say what would be done, and do nothing"
_gates: list[Any] = []


def command(
    *, answers: str = "", last: str = "", **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Make a task whose PaackErrors become a message and an exit code.

    ``answers`` is its name when it has ``--json``; its body then returns the result. ``last`` is
    what its last line says of a failure, with the reason.
    """

    def wrap(body: Callable[..., Any]) -> Any:
        @functools.wraps(body)
        def safely(*args: Any, **kwargs: Any) -> None:
            from paack.helpers.hint import set_wording

            set_wording(as_called)
            result, error = _outcome(body, *args, **kwargs)
            if answers and kwargs.get("json"):
                from paack.commands.answer import answer

                findings = _gates[-1].findings if _gates else ()
                print(answer(answers, result, error, findings))
            if error:
                from paack.helpers.run import mask

                end = f"\n{last}: {error.summary}" if last else ""
                raise Exit(mask(f"error: {error}{end}"), error.exit_code) from error

        # Short flags would be what letters are left: -u for one task's --run, another's --url.
        return task(auto_shortflags=False, **options)(safely)

    return wrap


def _outcome(body: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Return what ``body`` returns, and the error that it raises."""
    from paack.helpers.errors import PaackError, from_os_error

    try:
        return body(*args, **kwargs), None
    except PaackError as error:
        return None, error
    except OSError as error:
        known = from_os_error(error)
        if known is None:
            raise
        return None, known
    except KeyboardInterrupt as error:
        raise Exit("interrupted", 130) from error


def builder_of(
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
    check: bool = True,
    strict: bool = False,
    packs_from: str | None = None,
) -> Any:
    """Return the builder that works below ``output``, with its credentials.

    It checks definitions first; with ``strict`` it also refuses what it cannot check here. Packs
    that it lacks come from the repository at ``packs_from``.
    """
    from paack.helpers.check import Gate
    from paack.helpers.pipe import Builder
    from paack.helpers.registry import credentials

    auth, gate = credentials(authfile), Gate(is_open=not check, strict=strict)
    _gates.append(gate)
    if not check:
        print("warning: not checked (--no-check)", file=sys.stderr)
    builder = Builder(output=Path(output or "_output"), authfile=auth, frozen=frozen, gate=gate)
    if packs_from:
        from paack.helpers.repo import published_at

        builder = replace(builder, published=published_at(packs_from))
    return builder


def definition_of(def_: str | None) -> Path:
    """Return the definition's path; UsageError when none is named."""
    from paack.helpers.errors import UsageError

    if not def_:
        raise UsageError("no definition is named", hint="for example: --def images/demo/demo.yaml")
    return Path(def_)


def print_paths(paths: list[Path]) -> None:
    """Print paths to stdout, a line each."""
    for path in paths:
        print(path)
