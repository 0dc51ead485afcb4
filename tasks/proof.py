"""Tasks that prove and show: check, verify, diff."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tasks.command import (
    AUTHFILE,
    DEF,
    OUTPUT,
    builder_of,
    command,
    definition_of,
)


@command(
    help={
        "def": DEF,
        "why": "Only say which manifests need this image, and where",
        "add": "Write images that are missing into the definition first",
        "json": "Print the problems, and all that is needed, as JSON",
    }
)
def check(
    _: Any, def_: str | None = None, why: str | None = None, add: bool = False, json: bool = False
) -> None:
    """Check definition, manifests and lock, all problems at once, with no network."""
    from helpers.check import add_missing
    from helpers.check import check as check_definition

    definition = definition_of(def_)
    if add:
        print("\n".join(add_missing(definition)), file=sys.stderr)
    report = check_definition(definition)
    if why:
        print(report.why(why))
        return
    print(report.as_json() if json else str(report) or "no problem")
    report.check()


@command(
    iterable=["rpm"],
    help={
        "rpm": "An RPM that paack made (may be repeated; words after verify are RPMs)",
        "run": "Start each image once, with podman and no network (needs root)",
        "against": "registry: ask again for all digests and tags; cache: fetch nothing",
        "base": "Where sources that are relative paths start (default: here)",
        "output": OUTPUT,
        "authfile": AUTHFILE,
    },
)
def verify(
    _: Any,
    rpm: list[str] | None = None,
    run: bool = False,
    against: str = "",
    base: str = ".",
    output: str | None = None,
    authfile: str | None = None,
) -> None:
    """Prove that the store in an RPM is what its lock names, byte for byte, without root."""
    from helpers.errors import UsageError
    from helpers.verify import Demands, Verifier

    if not rpm:
        raise UsageError("no RPM is named", hint="paack verify _output/rpms/*/*.rpm")
    builder = builder_of(output, authfile)
    registry, scratch = builder.registry_at(Path(base)), builder.output / "work"
    verifier = Verifier(registry, scratch, Demands(run, against))
    for line in verifier.verify_all([Path(each) for each in rpm]):
        print(line)


@command(
    help={
        "old": "An RPM, a lock, a definition (its lock), or REVISION:FILE as for git show",
        "new": "The same",
        "files": "Also every file that differs, with setuid and capabilities called out",
        "markdown": "For a pull request",
        "json": "For programs",
        "output": OUTPUT,
    }
)
def diff(
    _: Any,
    old: str = "",
    new: str = "",
    files: bool = False,
    markdown: bool = False,
    json: bool = False,
    output: str | None = None,
) -> None:
    """Say what an update changes: images, layers, bytes, files."""
    from helpers.diff import diff as compare
    from helpers.diff import side_of
    from helpers.errors import UsageError
    from helpers.verify import Verifier
    from helpers.workspace import workspace

    if not old or not new:
        raise UsageError("two things to compare are needed", hint="paack diff OLD.rpm NEW.rpm")
    builder = builder_of(output)
    verifier = Verifier(builder.registry_at(Path()), builder.output / "work")
    with workspace(verifier.scratch) as work:
        sides = [side_of(each, verifier, work / str(i)) for i, each in enumerate((old, new))]
        found = compare(*sides, files=files)
    if json:
        print(found.as_json())
    else:
        print(found.markdown() if markdown else "\n".join(found.lines()))
