"""The tasks of ``invoke`` and of the program ``paack``: parse, call one helper, print.

stdout is data (paths, a schema), stderr is talk. Errors become exit codes here and nowhere else.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.program import Program
from invoke.tasks import task

# Imported inside the tasks: `paack --help` must not wait for what only a build needs.

DEF = "The definition: a YAML file"
OUTPUT = "Where results go (default: _output)"
AUTHFILE = "Registry credentials, as podman login writes them (default: REGISTRY_AUTH_FILE)"
FROZEN = "Refuse to lock: fail when the lock is missing"

# What `paack rpm app.yaml centos-stream-9-aarch64` means: the words after a task, in order.
POSITIONAL = {
    "lock": ("--def",),
    "srpm": ("--def",),
    "build": ("--def",),
    "rpm": ("--def", "--target"),
}


def command(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a task whose PaackErrors become a message and an exit code."""

    def wrap(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def safely(*args: Any, **kwargs: Any) -> None:
            from helpers.errors import PaackError, from_os_error
            from helpers.run import mask

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

        return task(**options)(safely)

    return wrap


def _builder(output: str | None = None, authfile: str | None = None, frozen: bool = False) -> Any:
    from helpers.build import Builder

    auth = Path(authfile) if authfile else None
    return Builder(output=Path(output or "_output"), authfile=auth, frozen=frozen)


def _definition(def_: str | None) -> Path:
    from helpers.errors import UsageError

    if not def_:
        raise UsageError("no definition is named", hint="for example: --def images/demo/demo.yaml")
    return Path(def_)


def _print(paths: list[Path]) -> None:
    for path in paths:
        print(path)


@command(help={"def": DEF, "update": "Resolve every image anew", "authfile": AUTHFILE})
def lock(
    _: Any, def_: str | None = None, update: bool = False, authfile: str | None = None
) -> None:
    """Resolve every image of every arch to digests, into FILE.lock.yaml."""
    path, changes = _builder(authfile=authfile).lock(_definition(def_), update=update)
    print("\n".join(changes) if changes else "no change", file=sys.stderr)
    print(path)


@command(help={"def": DEF, "output": OUTPUT, "authfile": AUTHFILE, "frozen": FROZEN})
def srpm(
    _: Any,
    def_: str | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Make the source RPMs, with all arches inside."""
    _print(_builder(output, authfile, frozen).srpm(_definition(def_)))


@command(
    iterable=["arch"],
    help={
        "def": DEF,
        "arch": "Only this RPM arch (may be repeated)",
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
    },
)
def build(
    _: Any,
    def_: str | None = None,
    arch: list[str] | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Make the RPMs, of any arch on any host, with rpmbuild."""
    _print(_builder(output, authfile, frozen).rpms(_definition(def_), tuple(arch or ())))


@command(help={"output": OUTPUT})
def demo(_: Any, output: str | None = None) -> None:
    """Build images/demo, which needs no registry, and show what is inside."""
    from helpers.demo import run_demo

    print(run_demo(_builder(output)))


@command()
def schema(_: Any) -> None:
    """Print the JSON schema of definitions, for editors."""
    import json

    from helpers.definition import definition_schema

    print(json.dumps(definition_schema(), indent=2))


ns = Collection(lock, srpm, build, demo, schema)


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
    named = argv[:1]
    flags: list[str] = []
    previous = ""
    for word in argv[1:]:
        if word in POSITIONAL and not flags and previous not in ("--def", "--help"):
            flags = list(POSITIONAL[word])
        elif flags and not word.startswith("-") and not previous.startswith("-"):
            named.append(flags.pop(0))
        elif word in flags:
            flags.remove(word)
        named.append(word)
        previous = word
    return named


class _Config(Config):
    prefix = "paack"


def main() -> None:
    """Run the program ``paack``."""
    PaackProgram(namespace=ns, binary="paack", name="paack", config_class=_Config).run()
