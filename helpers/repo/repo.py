"""The repository of what was built: ``_output/repo``, from ``_output/rpms`` and ``_output/srpms``.

A signed package takes the place of the one that was built, and the repository has hard links: each
package is on the disk once. A package that is in the repository
already is not opened, but for its header.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from paack.helpers.errors import PublishError
from paack.helpers.hint import command
from paack.helpers.product import replace_content
from paack.helpers.progress import Reporter
from paack.helpers.repo.generation import State
from paack.helpers.repo.publish import Offer, Offers, Publication, Settings, publish
from paack.helpers.repo.repodata import DIRECTORIES, SOURCE, entry_of
from paack.helpers.repo.site import LocalSite
from paack.helpers.rpm import Header, Signer, is_part_file, read_headers, sign_rpm
from paack.helpers.workspace import workspace

#: Packages without an arch go to each that there is, and at least to these.
_COMMON = ("x86_64", "aarch64")


def repo_path(output: Path) -> Path:
    """Return where the repository of ``output`` is."""
    return output / "repo"


def make_repo(
    output: Path,
    settings: Settings,
    reporter: Reporter,
    inputs: Mapping[str, str] = MappingProxyType({}),
) -> Publication:
    """Bring ``output``'s repository up to date; return what it got.

    ``inputs`` tells, by file name, what packages were made from; of others it stays what it was.
    Raises PublishError.
    """
    site = LocalSite(repo_path(output), reporter, hard_links=True)
    with workspace(output / "work") as work:
        gathering = _Gathering(output, settings.signer, reporter, inputs, work)
        return publish(site, gathering.offers, replace(settings, exact=True))


@dataclass
class _Gathering:
    """What was built, signed if need be; a package for several arches is signed once."""

    output: Path
    signer: Signer | None
    reporter: Reporter
    inputs: Mapping[str, str]
    work: Path
    _made: dict[str, Offer] = field(default_factory=dict)

    def offers(self, states: Mapping[str, State]) -> Offers:
        """Return what is to be in the repository; what it has already is not hashed again."""
        offers: dict[str, list[Offer]] = {}
        for directory, headers in self._headers().items():
            state = states.get(directory, State())
            offers[directory] = [self._offer(directory, header, state) for header in headers]
        return offers

    def _headers(self) -> dict[str, list[Header]]:
        paths = sorted(self.output.glob("rpms/*/*.rpm")) + sorted(self.output.glob("srpms/*.rpm"))
        if not paths:
            raise PublishError(
                f"there is no RPM in {self.output / 'rpms'}",
                hint=f"make some: {command('build', def_='FILE')}",
            )
        headers: dict[str, Header] = {}
        for header in read_headers(paths):
            twin = headers.setdefault(header.file, header)
            if twin.digest != header.digest:
                raise PublishError(
                    f"{twin.path} and {header.path} have the same name and other content",
                    hint="remove one of them",
                )
        return _by_directory(headers)

    def _offer(self, directory: str, header: Header, state: State) -> Offer:
        there = state.entries.get(header.file)
        old = there if there and there.header == header.digest else None
        if old and self._is_signed(old.signer):
            offer = Offer(old, repo_path(self.output) / directory / old.href)
        else:
            if header.file not in self._made:
                self._made[header.file] = self._make(header, replaces=there is not old)
            offer = self._made[header.file]
        inputs = self.inputs.get(header.file) or (old.inputs if old else "")
        return replace(offer, entry=replace(offer.entry, inputs=inputs))

    def _make(self, header: Header, *, replaces: bool) -> Offer:
        path, signer = header.path, header.signer
        if replaces:
            self.reporter.say(
                f"replaced {header.file}, whose content changed without a new version or release"
            )
        label = f"add     {header.file}"
        with self.reporter.step(label, path.stat().st_size):
            if self.signer and not self._is_signed(signer):
                signed = self.work / header.file
                shutil.copyfile(path, signed)
                signed.chmod(0o644)
                sign_rpm(signed, self.signer)
                signer = read_headers([signed])[0].signer
                replace_content(path, signed)
            return Offer(entry_of(path, header.file, signer=signer), path)

    def _is_signed(self, signer: str) -> bool:
        return self.signer is None or signer in self.signer.key.ids


def _by_directory(headers: Mapping[str, Header]) -> dict[str, list[Header]]:
    arches = {header.arch for header in headers.values()} - {"src", "noarch"}
    unknown = sorted(arches.difference(DIRECTORIES))
    if unknown:
        raise PublishError(f"packages of unknown arches: {', '.join(unknown)}", hint="remove them")
    common = sorted({*arches, *_COMMON})
    found: dict[str, list[Header]] = {}
    for header in headers.values():
        # The program of devices goes where packages are that may need it.
        noarch = sorted(arches) if is_part_file(header.file) else common
        own = {"src": [SOURCE], "noarch": noarch}.get(header.arch, [header.arch])
        for directory in own:
            found.setdefault(directory, []).append(header)
    return found
