"""A carrier: packages and their metadata in an OCI image, for builds of operating system images.

Each architecture has an image of its own in one index, from scratch: a dnf repository in its root.
A build binds it (``RUN --mount=type=bind,from=CARRIER``), so it needs no other server than the
registry. Each package is a layer: of a new carrier a registry gets only what it lacks.

The same packages give the same bytes; no clock and no machine has a say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from paack.helpers.errors import PublishError
from paack.helpers.hint import command
from paack.helpers.oci import ImageSpec, put_image, write_index
from paack.helpers.progress import Reporter, count
from paack.helpers.quadlet import load_definition
from paack.helpers.repo.carrier_layer import Member, put_layer
from paack.helpers.repo.lacking import check_parts, missing_packages
from paack.helpers.repo.publish import Offer, built_offers
from paack.helpers.repo.repo_file import check_name, key_path
from paack.helpers.repo.repodata import SOURCE, Entry, write_repodata
from paack.helpers.repo.retention import newest
from paack.helpers.rpm import is_part_name, keyring

#: Its name in a layout.
TAG = "carrier"
#: Layers of an image: all tools take so many.
_MOST = 100

#: What is for one architecture, by file name.
Offers = Mapping[str, Offer]


@dataclass(frozen=True, slots=True)
class Carrier:
    """What is to be carried, by RPM arch.

    ``keys`` are the armored public keys that signed it, None when nothing is signed. ``name`` is
    that of the repository.
    """

    name: str
    arches: Mapping[str, Offers]
    keys: bytes | None

    @property
    def packages(self) -> dict[str, list[str]]:
        """File names by arch."""
        return {arch: sorted(offers) for arch, offers in self.arches.items()}


def choose(repository: Path, name: str, definitions: Sequence[Path]) -> Carrier:
    """Return the carrier of what definitions name, from the repository that ``repo`` made.

    Packages of layers and packs that these need come with them. Without definitions it is the
    newest version of every package. Raises PublishError for what is not there.
    """
    check_name(name)
    offered = {
        arch: {offer.entry.file: offer for offer in offers}
        for arch, offers in built_offers(repository).items()
        if arch != SOURCE
    }
    if definitions:
        chosen = _named(offered, definitions)
    else:
        chosen = {arch: _newest(offers) for arch, offers in offered.items()}
    arches = {arch: offers for arch, offers in sorted(chosen.items()) if offers}
    if not arches:
        raise PublishError(f"there is no package in {repository}", hint=command("repo"))
    check_parts({arch: _entries(offers) for arch, offers in arches.items()})
    return Carrier(name, arches, _keys(repository, name, arches))


def write_carrier(carrier: Carrier, layout: Path, work: Path, reporter: Reporter) -> str:
    """Write the OCI layout of a carrier, called TAG in it; return the digest of its index.

    ``work`` is an empty directory. Raises PublishError when a package is not as its metadata says.
    """
    manifests = []
    for arch, offers in carrier.arches.items():
        size = sum(offer.entry.size for offer in offers.values())
        with reporter.step(f"carry   {count(len(offers), 'package')} ({arch})", size) as meter:
            done, layers = 0, []
            for some in _layers(offers):
                packages = [Member(each.entry.href, each.path, each.entry.sha256) for each in some]
                layers.append(put_layer(layout, packages))
                done += sum(each.entry.size for each in some)
                meter.update(done)
        metadata = list(_metadata(carrier, offers, work / arch))
        layers.append(put_layer(layout, metadata))
        image = ImageSpec(arch, (), created=_created(offers))
        manifests.append(put_image(layout, image, layers))
    return write_index(layout, TAG, manifests)


def _named(offered: Mapping[str, Offers], definitions: Sequence[Path]) -> dict[str, Offers]:
    names = {arch: sorted(offers) for arch, offers in offered.items()}
    lacking = [line for file in definitions for line in missing_packages(file, (), names)]
    if lacking:
        files = tuple(str(file) for file in definitions)
        hint = f"{command('build', def_=files[0])}, then {command('repo', sign='KEY')}"
        raise PublishError("\n".join(lacking), hint=hint)
    chosen: dict[str, set[str]] = {}
    for file in definitions:
        for package in load_definition(file).packages:
            evr = f"{package.name}-{package.version}-{package.release}"
            for arch in package.arches:
                chosen.setdefault(arch.name, set()).add(evr)
    return {arch: _with_needed(offered[arch], evrs) for arch, evrs in chosen.items()}


def _with_needed(offers: Offers, evrs: set[str]) -> Offers:
    """Return the packages called ``evrs``, and those of layers and packs that they need."""
    chosen = {file: each for file, each in offers.items() if file.rsplit(".", 2)[0] in evrs}
    required = {need[0] for each in chosen.values() for need in each.entry.metadata.requires}
    needed = {name for name in required if is_part_name(name)}
    parts = {file: each for file, each in offers.items() if each.entry.metadata.name in needed}
    return {**chosen, **parts}


def _newest(offers: Offers) -> Offers:
    kept = newest(_entries(offers), 1)
    return {file: offers[file] for file in kept}


def _entries(offers: Offers) -> dict[str, Entry]:
    return {file: offer.entry for file, offer in offers.items()}


def _keys(repository: Path, name: str, arches: Mapping[str, Offers]) -> bytes | None:
    """Return the repository's public keys; raise PublishError when one that signed is lacking."""
    signers = {offer.entry.signer for offers in arches.values() for offer in offers.values()}
    if signers == {""}:
        return None
    if "" in signers:
        raise PublishError(
            "some packages are signed, some are not", hint=command("repo", sign="KEY")
        )
    path = repository / key_path(name)
    if not path.is_file():
        hint = f"{command('repo', sign='KEY', name=name)}, or name it as it is: --name NAME"
        raise PublishError(f"{path}: the public keys are not there", hint=hint)
    keys = path.read_bytes()
    with keyring(keys) as ring:
        known = frozenset[str]().union(*(key.ids for key in ring.public_keys()))
    if strange := sorted(signers - known):
        raise PublishError(
            f"{path}: lacks keys that signed packages: {', '.join(strange)}",
            hint=command("repo", sign="KEY"),
        )
    return keys


def _layers(offers: Offers) -> Iterator[list[Offer]]:
    """Yield the packages of each layer: one, but for the smallest of very many."""
    ordered = sorted(offers.values(), key=lambda each: (-each.entry.size, each.entry.file))
    for each in ordered[: _MOST - 2]:
        yield [each]
    if rest := ordered[_MOST - 2 :]:
        yield rest


def _metadata(carrier: Carrier, offers: Offers, work: Path) -> Iterator[Member]:
    # One file is not signed: repomd.xml. A signature tells its time; packages have theirs.
    write_repodata(work, _entries(offers).values(), "gz")
    for path in work.iterdir():
        yield Member(f"repodata/{path.name}", path)
    if carrier.keys is not None:
        yield Member(key_path(carrier.name), carrier.keys)


def _created(offers: Offers) -> str:
    built = max(int(offer.entry.metadata.time_build) for offer in offers.values())
    return f"{datetime.fromtimestamp(built, UTC):%Y-%m-%dT%H:%M:%SZ}"
