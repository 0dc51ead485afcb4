"""Tasks that publish: repo, publish, publish-job."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from paack.commands.command import (
    AUTHFILE,
    DEF,
    DRY_RUN,
    JSON,
    OUTPUT,
    PACKS_FROM,
    builder_of,
    command,
    definition_of,
)

PUBLISHING = {
    "sign": "ID or fingerprint of the key that signs (its secret is in gpg's keyring)",
    "passphrase_fd": "File descriptor to read its passphrase from (default: gpg-agent knows it)",
    "old_key": "A key that signed what is published, before --sign (may be repeated)",
    "url": "Where clients find the repository (default: as published before)",
    "name": "Name of the repository: ID and file name for dnf (default: paack)",
    "keep": "Generations of the metadata that stay besides the current one (default: 5)",
    "compression": "gz, which all readers can, or zstd (not EL8)",
}
VERSIONS = "How many versions of each package stay (default: all)"
TO = "DIR, or USER@HOST:DIR over rsync and ssh"


def settings_of(
    sign: str | None, passphrase_fd: int, old_key: list[str] | None, **more: Any
) -> Any:
    """Return how to publish, from the options in PUBLISHING."""
    from paack.helpers.repo import Settings
    from paack.helpers.rpm import find_signer

    descriptor = None if passphrase_fd < 0 else passphrase_fd
    signer = find_signer(sign, descriptor) if sign else None
    if not signer:
        _warn_unsigned()
    return Settings(signer=signer, old_keys=tuple(old_key or ()), **more)


def site_at(to: str | None) -> Any:
    """Return the place that --to names; UsageError when none is named."""
    from paack.helpers.errors import UsageError
    from paack.helpers.progress import Reporter
    from paack.helpers.repo import site_of

    if not to:
        raise UsageError("no destination is named", hint=f"--to DESTINATION   ({TO})")
    return site_of(to, Reporter())


@cache  # several tasks of one run would
def _warn_unsigned() -> None:
    from paack.helpers.hint import worded

    risk = "anyone who can change the repository can change devices"
    print(f"warning: unsigned: {risk}; {worded('--sign KEY')}", file=sys.stderr)


def _print_added(done: Any, where: object) -> None:
    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if done.packages:
        print("\n".join(done.packages))
    else:
        print(f"no new package in {where}", file=sys.stderr)


def print_published(done: Any, site: Any, name: str) -> None:
    """Print what was published, and how devices get at it."""
    _print_added(done, site.where)
    print(f"devices: curl -o /etc/yum.repos.d/{name}.repo {done.repo}", file=sys.stderr)


def _published(done: Any, site: Any, name: str, dry_run: bool, json: bool) -> dict[str, Any]:
    """Say what was published, or would be; return it for programs."""
    if dry_run and not json:
        print("\n".join(f"would publish {each}" for each in done.packages) or "nothing to publish")
    elif not json:
        print_published(done, site, name)
    facts = {"where": site.where, "published": not dry_run}
    return {**facts, "packages": done.packages, "repo": done.repo or None}


@command(iterable=["old_key"], help={**PUBLISHING, "output": OUTPUT})
def repo_build(
    _: Any,
    sign: str | None = None,
    passphrase_fd: int = -1,
    old_key: list[str] | None = None,
    url: str | None = None,
    name: str = "paack",
    keep: int = 5,
    compression: str = "gz",
    output: str | None = None,
) -> None:
    """Make a dnf repository of all that was built: _output/repo."""
    from paack.helpers.progress import Reporter
    from paack.helpers.repo import make_repo, repo_path

    how = {"url": url, "name": name, "keep": keep, "compression": compression}
    settings = settings_of(sign, passphrase_fd, old_key, **how)
    directory = Path(output or "_output")
    _print_added(make_repo(directory, settings, Reporter()), repo_path(directory))


@command(
    answers="repo.verify",
    iterable=["key", "def_", "arch"],
    help={
        "where": "The repository: a directory, or http(s)://HOST/PATH",
        "key": "Trust only this key: a file, its ID (16 digits) or fingerprint (may be repeated)",
        "def": "A definition whose packages must be there (may be repeated)",
        "arch": "Only this arch, or source (may be repeated)",
        "unsigned": "Do not ask for signatures",
        "name": PUBLISHING["name"],
        "json": JSON,
    },
)
def repo_verify(
    _: Any,
    where: str | None = None,
    key: list[str] | None = None,
    def_: list[str] | None = None,
    arch: list[str] | None = None,
    unsigned: bool = False,
    name: str = "paack",
    json: bool = False,
) -> dict[str, Any]:
    """Check a published repository: signatures, checksums, .repo file, packages."""
    from paack.helpers.progress import Reporter
    from paack.helpers.repo import trust_of, verify_repo

    report = verify_repo(
        where or "_output/repo",
        Reporter(),
        name=name,
        trust=trust_of(key or (), unsigned=unsigned),
        definitions=[Path(each) for each in def_ or ()],
        arches=arch or (),
    )
    report.check()
    if not json:
        print(report)
    return {"where": report.where, "keys": report.keys, "packages": report.packages}


@command(
    answers="publish",
    last="not published",
    iterable=["old_key"],
    help={
        **PUBLISHING,
        "to": TO,
        "versions": VERSIONS,
        "output": OUTPUT,
        "dry-run": DRY_RUN,
        "json": JSON,
    },
)
def publish(
    _: Any,
    to: str | None = None,
    sign: str | None = None,
    passphrase_fd: int = -1,
    old_key: list[str] | None = None,
    url: str | None = None,
    name: str = "paack",
    keep: int = 5,
    versions: int = 0,
    compression: str = "gz",
    output: str | None = None,
    dry_run: bool = False,
    json: bool = False,
) -> dict[str, Any]:
    """Publish _output/repo: add its packages to a repository, atomically."""
    from paack.helpers.repo import built_offers, repo_path
    from paack.helpers.repo import publish as publish_to

    site = site_at(to)
    how = {"url": url, "name": name, "keep": keep, "compression": compression, "dry_run": dry_run}
    settings = settings_of(sign, passphrase_fd, old_key, versions=versions, **how)
    offers = built_offers(repo_path(Path(output or "_output")))
    done = publish_to(site, lambda _: offers, settings)
    return _published(done, site, name, dry_run, json)


@command(
    answers="publish-job",
    last="not published",
    iterable=["old_key"],
    help={
        **PUBLISHING,
        "def": DEF,
        "to": TO,
        "versions": VERSIONS,
        "sources": "Publish source RPMs, too",
        "output": OUTPUT,
        "packs-from": f"{PACKS_FROM} (default: --to, or --url)",
        "authfile": AUTHFILE,
        "dry-run": DRY_RUN,
        "json": JSON,
    },
)
def publish_job(
    _: Any,
    def_: str | None = None,
    to: str | None = None,
    sign: str | None = None,
    passphrase_fd: int = -1,
    old_key: list[str] | None = None,
    url: str | None = None,
    name: str = "paack",
    keep: int = 5,
    versions: int = 0,
    compression: str = "gz",
    sources: bool = False,
    output: str | None = None,
    packs_from: str | None = None,
    authfile: str | None = None,
    dry_run: bool = False,
    json: bool = False,
) -> dict[str, Any]:
    """Build, sign and publish what of a definition is not published; its lock must be there."""
    from paack.helpers.quadlet import load_definition
    from paack.helpers.repo import is_url
    from paack.helpers.repo import publish_job as run_job

    definition, site = load_definition(definition_of(def_)), site_at(to)
    how = {"url": url, "name": name, "keep": keep, "compression": compression, "dry_run": dry_run}
    settings = settings_of(sign, passphrase_fd, old_key, versions=versions, **how)
    published = [each for each in (to, url) if each and (is_url(each) or Path(each).is_dir())]
    where = packs_from or next(iter(published), None)
    builder = builder_of(output, authfile, frozen=True, strict=True, packs_from=where)
    done = run_job(builder, [definition], site, settings, sources=sources)
    return _published(done, site, name, dry_run, json)
