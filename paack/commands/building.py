"""Tasks that build: lock, srpm, build, demo, and the schema of definitions."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from paack.commands.answer import files
from paack.commands.command import (
    AUTHFILE,
    CHECK,
    DEF,
    DRY_RUN,
    FROZEN,
    JSON,
    OUTPUT,
    PACKS_FROM,
    builder_of,
    command,
    definition_of,
    print_paths,
)


@command(
    answers="lock",
    help={
        "def": DEF,
        "update": "Resolve every image anew",
        "regroup": "Group shared layers anew: the next update downloads them all",
        "repack": "Make packs anew: the next update downloads all that is in them",
        "packs-from": PACKS_FROM,
        "authfile": AUTHFILE,
        "dry-run": DRY_RUN,
        "json": JSON,
    },
)
def lock(
    _: Any,
    def_: str | None = None,
    update: bool = False,
    regroup: bool = False,
    repack: bool = False,
    packs_from: str | None = None,
    authfile: str | None = None,
    dry_run: bool = False,
    json: bool = False,
) -> dict[str, Any]:
    """Resolve every image of every arch to digests, into FILE.lock.yaml."""
    file, how = definition_of(def_), {"update": update, "regroup": regroup, "dry_run": dry_run}
    builder = builder_of(authfile=authfile, packs_from=packs_from)
    path, changes = builder.lock(file, repack=repack, **how)
    if not json:
        print("\n".join(changes) if changes else "no change", file=sys.stderr)
        print("not written: a dry run" if dry_run else path)
    return {"lock": str(path), "written": not dry_run, "changes": changes}


@command(
    iterable=["arch"],
    help={
        "def": DEF,
        "arch": "A source RPM with only this RPM arch inside (may be repeated)",
        "output": OUTPUT,
        "packs-from": PACKS_FROM,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
        "check": CHECK,
    },
)
def srpm(
    _: Any,
    def_: str | None = None,
    arch: list[str] | None = None,
    output: str | None = None,
    packs_from: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
    check: bool = True,
) -> None:
    """Make the source RPMs, with all arches inside (--arch: one for each)."""
    builder = builder_of(output, authfile, frozen, check, packs_from=packs_from)
    print_paths(builder.srpms(builder.plan(definition_of(def_)), tuple(arch or ())))


@command(
    answers="build",
    aliases=["rpm"],
    iterable=["arch", "target"],
    help={
        "def": DEF,
        "arch": "Only this RPM arch (may be repeated)",
        "target": "Build with mock, for this configuration of it (may be repeated)",
        "configdir": "Where mock's configurations are (default: /etc/mock)",
        "timeout": "Seconds that mock gives rpmbuild (default: mock's)",
        "output": OUTPUT,
        "packs-from": PACKS_FROM,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
        "check": CHECK,
        "json": JSON,
    },
)
def build(
    _: Any,
    def_: str | None = None,
    arch: list[str] | None = None,
    target: list[str] | None = None,
    configdir: str | None = None,
    timeout: int = 0,
    output: str | None = None,
    packs_from: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
    check: bool = True,
    json: bool = False,
) -> dict[str, Any]:
    """Make the RPMs, of any arch on any host, with rpmbuild (--target: with mock)."""
    from paack.helpers.farm import Mock

    file, arches = definition_of(def_), tuple(arch or ())
    builder = builder_of(output, authfile, frozen, check, packs_from=packs_from)
    if target:
        mock = Mock(builder, Path(configdir) if configdir else None, timeout)
        rpms = mock.rpms(file, target, arches)
    else:
        rpms = builder.rpms(builder.plan(file), arches)
    if not json:
        print_paths(rpms)
        _say_next(builder, rpms)
    return {"files": files(rpms)}


def _say_next(builder: Any, rpms: list[Path]) -> None:
    """Say what is usually done with RPMs that were built."""
    from paack.helpers.hint import command as command_text
    from paack.helpers.hint import worded

    where = {} if builder.output == Path("_output") else {"output": builder.output}
    for what, task, more in (
        ("prove that they are as locked", "verify", {}),
        ("see what is inside", "report", {}),
        ("a repository, to be published", "repo", {"sign": "KEY"}),
    ):
        line = worded(command_text(task, **more, **where))
        builder.reporter.say(f"next    {line}   ({what})")
    builder.reporter.say(f"next    dnf install {shlex.quote(str(rpms[0]))}   (on a device)")


@command(help={"output": OUTPUT})
def demo(_: Any, output: str | None = None) -> None:
    """Build images/demo, which needs no registry, and show what is inside."""
    from paack.helpers.demo import run_demo

    print(run_demo(builder_of(output)))


@command()
def schema(_: Any) -> None:
    """Print the JSON schema of definitions, for editors."""
    import json

    from paack.helpers.definition import definition_schema

    print(json.dumps(definition_schema(), indent=2))
