"""Tasks for images of operating systems: carrier, blueprint."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from paack.commands.command import (
    AUTHFILE,
    DEF,
    DRY_RUN,
    JSON,
    OUTPUT,
    command,
    definition_of,
    print_paths,
)
from paack.commands.publishing import PUBLISHING


@command(
    answers="carrier",
    last="no carrier",
    iterable=["def_"],
    help={
        "def": "A definition whose packages it has (may be repeated; default: all, the newest)",
        "to": "docker://REGISTRY/REPOSITORY:TAG, or oci:DIR (default: oci:_output/carrier)",
        "name": PUBLISHING["name"],
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "dry-run": DRY_RUN,
        "json": JSON,
    },
)
def carrier(
    _: Any,
    def_: list[str] | None = None,
    to: str | None = None,
    name: str = "paack",
    output: str | None = None,
    authfile: str | None = None,
    dry_run: bool = False,
    json: bool = False,
) -> dict[str, Any]:
    """Put packages of _output/repo into a container image, for builds of OS images."""
    from paack.helpers.progress import Reporter
    from paack.helpers.registry import credentials, deliver, new_layout, parse_destination
    from paack.helpers.repo import TAG, choose, repo_path, write_carrier

    directory = Path(output or "_output")
    where = parse_destination(to or f"oci:{directory / TAG}")
    chosen = choose(repo_path(directory), name, [Path(each) for each in def_ or ()])
    if chosen.keys is None:
        risk = "builds that use it need gpgcheck=0"
        print(f"warning: its packages are not signed: {risk}", file=sys.stderr)
    digest = None
    if not dry_run:
        with new_layout(where, TAG, directory) as layout:
            digest = write_carrier(chosen, layout, layout.with_name("metadata"), Reporter())
            deliver(layout, TAG, where, credentials(authfile))
    if not json and digest:
        print(where.pinned(digest))
    elif not json:
        files = (f"{arch}/{file}" for arch, some in chosen.packages.items() for file in some)
        print("\n".join(f"would carry {file}" for file in files))
    return {"where": where.text, "digest": digest, "packages": chosen.packages}


def _read_keys(file: Path) -> str:
    from paack.helpers.errors import UsageError

    try:
        return file.read_text("utf-8", "replace")
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}",
            hint="a file of public keys: gpg --export --armor KEY > FILE",
        ) from error


@command(
    help={
        "def": DEF,
        "url": "Where clients find the repository",
        "carrier": "A carrier, REGISTRY/REPOSITORY@sha256:DIGEST, instead of a repository",
        "name": PUBLISHING["name"],
        "key": "File of the public keys that sign: into source.toml, or beside the Containerfile",
        "unsigned": "The packages are not signed",
        "output": OUTPUT,
    }
)
def blueprint(
    _: Any,
    def_: str | None = None,
    url: str | None = None,
    carrier: str | None = None,
    name: str = "paack",
    key: str | None = None,
    unsigned: bool = False,
    output: str | None = None,
) -> None:
    """Write an image-builder blueprint, a bootc Containerfile and an rpm-ostree treefile."""
    from paack.helpers.errors import UsageError
    from paack.helpers.repo import Carried, Repository, write_blueprints

    if bool(url) == bool(carrier):
        what = "both a repository and a carrier are" if url else "no repository is"
        raise UsageError(f"{what} named", hint="--url https://HOST/PATH, or --carrier IMAGE")
    keys = _read_keys(Path(key)) if key else None
    source = (
        Repository(url, name, keys, signed=not unsigned)
        if url
        else Carried(carrier or "", name, keys, signed=not unsigned)
    )
    print_paths(write_blueprints(definition_of(def_), source, Path(output or "_output")))
