"""Publishing: packages first, then metadata under a new name, then one rename per arch.

A publisher that is killed leaves files that nothing names; the next one continues from the newest
whole generation (helpers/repo/generation.py). docs/publishing.md shows the layout.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from paack.helpers.errors import PublishError, UsageError, VerificationError, from_os_error
from paack.helpers.hint import command
from paack.helpers.repo.generation import State, next_generation, read_state
from paack.helpers.repo.lacking import check_images, check_parts, same_images
from paack.helpers.repo.repo_file import (
    check_name,
    check_url,
    dump_repo,
    key_path,
    published_url,
    repo_path,
)
from paack.helpers.repo.repodata import COMPRESSIONS, DIRECTORIES, Entry, read_repodata
from paack.helpers.repo.retention import newest, without_old_sources
from paack.helpers.repo.site import File, Site, held, put_if_new
from paack.helpers.repo.site_rsync import RsyncSite
from paack.helpers.repo.switch import is_linked, prune, put_generations, switch
from paack.helpers.rpm import Signer, is_part_file, keyring, public_key

KEEP = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """How to publish.

    ``keep`` is how many generations stay besides the current one, ``versions`` how many of each
    package (0: all). ``url`` is where clients find the repository (None: where they did before).
    With ``exact`` the repository holds what is offered and nothing else; with ``dry_run`` it stays.
    """

    name: str = "paack"
    url: str | None = None
    compression: str = "gz"
    keep: int = KEEP
    versions: int = 0
    signer: Signer | None = None
    old_keys: tuple[str, ...] = ()
    exact: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.url is not None:
            check_url(self.url)
        if self.compression not in COMPRESSIONS:
            hint = "--compression gz, or zstd"
            raise UsageError(f"{self.compression!r} is no compression", hint=hint)
        if self.keep < 1 or self.versions < 0:
            raise UsageError("at least one old generation must stay", hint="for example: --keep 5")

    def keep_of(self, state: State) -> int:
        """Return how many generations stay: none if an unsigned repository is made anew, signed."""
        return 0 if self.exact and self.signer and not state.signer else self.keep


@dataclass(frozen=True, slots=True)
class Offer:
    """A package to publish; ``path`` is where its bytes are."""

    entry: Entry
    path: Path


#: Directory of the repository -> what is offered for it.
Offers = Mapping[str, Sequence[Offer]]
#: What is offered may depend on what is published.
Choice = Callable[[Mapping[str, State]], Offers]


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published: the paths of new packages, the URL of the .repo file, and warnings."""

    packages: list[str]
    repo: str
    warnings: tuple[str, ...] = ()


def publish(site: Site, choose: Choice, settings: Settings) -> Publication:
    """Bring ``site`` up to date; return what it got.

    Raises PublishError: a package with other content than its published namesake, a repository
    that is not ours to continue, a transfer that failed. What was published stays whole.
    """
    try:
        with (
            held(site, settings.dry_run),
            tempfile.TemporaryDirectory(prefix="paack-publish-") as work,
        ):
            return _publish(site, choose, settings, Path(work))
    except OSError as error:
        known = from_os_error(error)
        if known is None:
            raise
        raise PublishError(known.message, hint="make room there, and let it be writable") from error
    except VerificationError as error:
        hint = error.hint or command("repo.verify", where=site.where)
        raise PublishError(error.message, hint=hint) from error


def read_states(site: Site, settings: Settings) -> dict[str, State]:
    """Return what is published, by directory; raise PublishError or VerificationError."""
    there = [name for name in DIRECTORIES if (site.tree / name).is_dir()]
    signer = settings.signer
    keys = (signer.key.fingerprint, *settings.old_keys) if signer else ()
    try:
        with keyring(*map(public_key, keys)) as ring:
            known, loose = ring if signer else None, settings.exact
            return {name: read_state(site.tree / name, known, unsigned=loose) for name in there}
    except (PublishError, VerificationError) as error:
        # The metadata of another host is read from a copy, whose path would say nothing.
        message = error.message.replace(str(site.tree), site.where)
        raise type(error)(message, hint=error.hint) from error


def built_offers(directory: Path) -> Offers:
    """Return the packages of the repository in ``directory`` as offers."""
    there = [name for name in DIRECTORIES if (directory / name / "repodata").is_dir()]
    if not there:
        raise PublishError(f"there is no repository in {directory}", hint=command("repo"))
    offers: dict[str, list[Offer]] = {}
    for name in there:
        entries = read_repodata(directory / name / "repodata").entries.values()
        offers[name] = [Offer(entry, directory / name / entry.href) for entry in entries]
    return offers


def _publish(site: Site, choose: Choice, settings: Settings, work: Path) -> Publication:
    states = read_states(site, settings)
    offers = choose(states)
    names = sorted({*states, *(name for name, some in offers.items() if some)})
    states = {name: states.get(name, State()) for name in names}
    entries = _merge(states, offers, settings)
    url = _url(site, settings)
    mirrors = url.startswith("http") and all(is_linked(site, name) for name in names)
    descriptions = _descriptions(site, settings, entries, url, mirrors=mirrors)
    packages = _new_packages(states, entries, offers)
    check_images(entries, packages, work / "manifests")
    if settings.dry_run:
        return Publication(sorted(packages), "")
    site.put(packages)
    generations = [
        next_generation(
            name,
            states[name],
            entries[name],
            keep=settings.keep_of(states[name]),
            compression=settings.compression,
            signer=settings.signer,
            url=url if mirrors else None,
            tree=site.tree,
            work=work,
        )
        for name in names
    ]
    put_if_new(site, descriptions)
    put_generations(site, generations)
    site.check()
    for generation in generations:
        switch(site, generation)
    for generation in generations:
        prune(site, generation, states[generation.directory].numbers)
    repo = f"{url}/{repo_path(settings.name)}"
    return Publication(sorted(packages), repo, tuple(same_images(entries)))


def _merge(
    states: Mapping[str, State], offers: Offers, settings: Settings
) -> dict[str, dict[str, Entry]]:
    """Return what is to be published; raise PublishError naming all packages that are refused."""
    merged: dict[str, dict[str, Entry]] = {}
    refused: list[str] = []
    for name, state in states.items():
        entries = {} if settings.exact else dict(state.entries)
        for offer in offers.get(name, ()):
            new, old = offer.entry, entries.get(offer.entry.file)
            if old is None:
                entries[new.file] = new
            elif old.header != new.header:
                # Layers that are published stay as they are: the name says what is inside.
                if not is_part_file(new.file):
                    refused.append(
                        f"{name}/{new.file} is published with other content: "
                        f"header sha256 {old.header} there, {new.header} here"
                    )
            else:
                better = new if new.signer and not old.signer else old
                entries[new.file] = replace(better, inputs=old.inputs or new.inputs)
        merged[name] = newest(entries, settings.versions)
    if settings.versions:
        merged = without_old_sources(merged)
    if refused:
        hint = "raise the release: what is published never changes"
        raise PublishError("\n".join(refused), hint=hint)
    if settings.signer:
        _check_signed(merged)
    if not settings.exact:  # layers of what was built here may be published elsewhere
        check_parts(merged)
    return merged


def _check_signed(wanted: Mapping[str, Mapping[str, Entry]]) -> None:
    """Raise PublishError for unsigned packages: clients of a signed repository refuse them."""
    unsigned = [
        f"{name}/{file} is not signed"
        for name, entries in wanted.items()
        for file, entry in entries.items()
        if not entry.signer
    ]
    if unsigned:
        raise PublishError(
            "\n".join(unsigned), hint=f"{command('repo', sign='KEY')}, then publish again"
        )


def _new_packages(
    states: Mapping[str, State], wanted: Mapping[str, Mapping[str, Entry]], offers: Offers
) -> dict[str, File]:
    packages: dict[str, File] = {}
    for name, some in offers.items():
        published = {entry.href for entry in states[name].entries.values()} if some else set()
        chosen = {entry.href for entry in wanted[name].values()} if some else set()
        for offer in some:
            if offer.entry.href in chosen - published:
                packages[f"{name}/{offer.entry.href}"] = File(offer.path, offer.entry.sha256)
    return packages


def _descriptions(
    site: Site,
    settings: Settings,
    published: Mapping[str, Mapping[str, Entry]],
    url: str,
    *,
    mirrors: bool,
) -> dict[str, bytes]:
    """Return the .repo file and, if signed, the public keys."""
    signed = settings.signer is not None
    text = dump_repo(settings.name, url, published, signed=signed, mirrors=mirrors)
    files = {repo_path(settings.name): text.encode()}
    if settings.signer:
        entries = [entry for some in published.values() for entry in some.values()]
        path = key_path(settings.name)
        files[path] = _keys(site.tree / path, settings.signer, entries)
    return files


def _keys(published: Path, signer: Signer, entries: Iterable[Entry]) -> bytes:
    """Return the signer's public key, and those of all who signed packages."""
    needed = {entry.signer for entry in entries} - signer.key.ids - {""}
    with keyring(public_key(signer.key.fingerprint)) as ring:
        if needed and published.is_file():
            ring.add(published.read_bytes())
        for key in sorted(needed):
            with suppress(UsageError):
                ring.add(public_key(key))
        keys = [key for key in ring.public_keys() if key.ids & (needed | signer.key.ids)]
        if lacking := needed.difference(*(key.ids for key in keys)):
            raise PublishError(
                f"packages are signed by a key that is not here: {', '.join(sorted(lacking))}",
                hint="gpg --import FILE",
            )
        return ring.export(key.fingerprint for key in keys)


def _url(site: Site, settings: Settings) -> str:
    if settings.url:
        return check_url(settings.url)
    url = published_url(site.tree, settings.name)
    if url is None and isinstance(site, RsyncSite):
        hint = "--url https://HOST/PATH, once"
        raise UsageError("where will clients find the repository?", hint=hint)
    return url or site.tree.resolve().as_uri()
