"""What all tasks share: errors become exit codes, here and nowhere else."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.tasks import task

from tasks.caller import as_called

DEF = "The definition: a YAML file"
OUTPUT = "Where results go (default: _output)"
AUTHFILE = "Registry credentials, as podman login writes them (default: REGISTRY_AUTH_FILE)"
CHECK = "--no-check: build in spite of what paack check finds"
FROZEN = "Refuse to lock: fail when the lock is missing"


def command(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a task whose PaackErrors become a message and an exit code."""

    def wrap(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def safely(*args: Any, **kwargs: Any) -> None:
            from helpers.errors import PaackError, from_os_error
            from helpers.hint import set_wording
            from helpers.run import mask

            set_wording(as_called)

            try:
                body(*args, **kwargs)
            except PaackError as error:
                raise Exit(mask(f"error: {error}"), error.exit_code) from error
            except OSError as error:
                known = from_os_error(error)
                if known is None:
                    raise
                raise Exit(mask(f"error: {known}"), known.exit_code) from error
            except KeyboardInterrupt as error:
                raise Exit("interrupted", 130) from error

        # Short flags would be what letters are left: -u for one task's --run, another's --url.
        return task(auto_shortflags=False, **options)(safely)

    return wrap


def builder_of(
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
    check: bool = True,
) -> Any:
    """Return the builder that works below ``output``, with its credentials."""
    from helpers.build import Builder
    from helpers.check.gate import Gate
    from helpers.registry.credentials import credentials

    auth, gate = credentials(authfile), Gate(is_open=not check)
    if not check:
        print("warning: not checked (--no-check)", file=sys.stderr)
    return Builder(output=Path(output or "_output"), authfile=auth, frozen=frozen, gate=gate)


def definition_of(def_: str | None) -> Path:
    """Return the definition's path; UsageError when none is named."""
    from helpers.errors import UsageError

    if not def_:
        raise UsageError("no definition is named", hint="for example: --def images/demo/demo.yaml")
    return Path(def_)


def print_paths(paths: list[Path]) -> None:
    """Print paths to stdout, a line each."""
    for path in paths:
        print(path)
