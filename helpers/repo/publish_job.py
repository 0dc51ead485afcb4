"""The publishing job: build, sign and publish what a definition makes and is not published.

That is decided by name, version and arch, and by what the package was made from; not by the digest
of the RPM, which changes with the version of rpmbuild. So a job that finds nothing new builds
nothing. Only for a package whose inputs are not known, as after `make rpm` and `make publish`, the
job builds it to compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from paack.helpers.definition import Definition, Package, PackageArch
from paack.helpers.errors import PublishError
from paack.helpers.hint import command
from paack.helpers.kubernetes import read_manifests
from paack.helpers.lock import Lock, layers_of
from paack.helpers.plan import Plan
from paack.helpers.quadlet import read_units
from paack.helpers.repo.generation import State
from paack.helpers.repo.publish import (
    Offer,
    Offers,
    Publication,
    Settings,
    built_offers,
    publish,
    read_states,
)
from paack.helpers.repo.repo import make_repo, repo_path
from paack.helpers.repo.repodata import SOURCE, Entry
from paack.helpers.repo.site import Site, held

if TYPE_CHECKING:
    from paack.helpers.pipe import Builder

# What of a package does not change its RPMs.
_NOT_INPUTS = ("line", "arches")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A package that should be published: one arch's, or the source RPM (``arch`` "source").

    ``files`` are the names that it may have; ``inputs`` a digest of what it is made from.
    """

    arch: str
    files: tuple[str, ...]
    inputs: str


@dataclass(frozen=True, slots=True)
class _Job:
    """The packages that are published, are missing, or are published with unknown inputs."""

    same: list[Wanted]
    missing: list[Wanted]
    unknown: list[Wanted]

    @property
    def to_build(self) -> list[Wanted]:
        """What is to be built, be it only to compare."""
        return [*self.missing, *self.unknown]


def publish_job(
    builder: Builder,
    definitions: Sequence[Definition],
    site: Site,
    settings: Settings,
    *,
    sources: bool = False,
) -> Publication:
    """Publish the packages of definitions that are not yet, all at once; return what was published.

    With ``sources`` their source RPMs, too. Raises DefinitionErrors for what ``paack check`` finds,
    LockError for stale locks, PublishError when a published package has other content.
    """
    plans = [builder.plan(definition) for definition in definitions]
    with held(site, settings.dry_run):
        states = read_states(site, settings)
    job = _Job([], [], [])
    offers: Offers = {}
    inputs, to_build = dict[str, str](), []
    for plan in plans:
        part = _to_do(plan, states, sources=sources)
        job = _Job(job.same + part.same, job.missing + part.missing, job.unknown + part.unknown)
        to_build.append((plan, part.to_build))
    _say(builder, job.same, "same    {} is published")
    _say(builder, job.unknown, "compare {}: it is not known what the published one was made from")
    if settings.dry_run:
        return Publication(
            [f"{each.arch}/{each.files[0]}" for each in job.missing + job.unknown], ""
        )
    for plan, some in to_build:
        _build(builder, plan, some)
        inputs |= {name: each.inputs for each in some for name in each.files}
    if inputs:
        make_repo(builder.output, replace(settings, versions=0), builder.reporter, inputs)
        offers = _offers(repo_path(builder.output), job.to_build)
    done = publish(site, lambda _: offers, settings)
    _say(builder, job.unknown, "same    {} is published")
    if settings.versions:
        _say_old(builder, job, done)
    return done


def wanted_packages(definition: Definition, lock: Lock, *, sources: bool = False) -> list[Wanted]:
    """Return what a definition makes, from this lock."""
    packages = []
    for package in definition.packages:
        base = f"{package.name}-{package.version}-{package.release}"
        arches = [_inputs(package, arch, lock) for arch in package.arches]
        for arch, inputs in zip(package.arches, arches, strict=True):
            noarch = () if package.has_images else (f"{base}.noarch.rpm",)
            files = (f"{base}.{arch.name}.rpm", *noarch)
            packages.append(Wanted(arch.name, files, _digest(package, [inputs])))
        if sources:
            packages.append(Wanted(SOURCE, (f"{base}.src.rpm",), _digest(package, arches)))
    return packages


def wanted_layers(plan: Plan, missing: Sequence[Wanted]) -> list[Wanted]:
    """Return the packages of layers that packages in ``missing`` need.

    Their names tell what they are made from. Published packages need no others, even if a newer
    paack would give the same layers other names.
    """
    files = {name for each in missing for name in each.files}
    layers = set()
    for spec in plan.specs:
        for contents in spec.contents:
            for needed in plan.parts(contents):
                inputs = hashlib.sha256(needed.package.name.encode()).hexdigest()
                arch = contents.arch
                if spec.file(arch) in files:
                    layers.add(Wanted(arch, (needed.file(arch),), inputs))
                if spec.source_file in files:
                    layers.add(Wanted(SOURCE, (needed.source_file,), inputs))
    return sorted(layers, key=lambda each: each.files)


def _to_do(plan: Plan, states: Mapping[str, State], *, sources: bool) -> _Job:
    """Tell apart what of a definition is published and what is not."""
    wanted = wanted_packages(plan.definition, plan.lock, sources=sources)
    missing, unknown = _missing(wanted, states)
    layers = wanted_layers(plan, [*missing, *unknown])
    # Their names tell what they are made from.
    missing += [each for each in layers if not _published(each, states)]
    same = [each for each in (*wanted, *layers) if each not in missing and each not in unknown]
    return _Job(same, missing, unknown)


def _say_old(builder: Builder, job: _Job, done: Publication) -> None:
    added = {path.rpartition("/")[2] for path in done.packages}
    old = [each for each in job.missing if not added.intersection(each.files)]
    _say(builder, old, "old     {} is not published: newer versions are, and only these stay")


def _say(builder: Builder, some: list[Wanted], line: str) -> None:
    for each in sorted(some, key=lambda each: each.files):
        builder.reporter.say(line.format(each.files[0]))


def _missing(
    wanted: list[Wanted], states: Mapping[str, State]
) -> tuple[list[Wanted], list[Wanted]]:
    """Return (unpublished, published with unknown inputs)."""
    missing: list[Wanted] = []
    unknown: list[Wanted] = []
    refused: list[str] = []
    for product in wanted:
        published = _published(product, states)
        if not published:
            missing.append(product)
        elif not all(entry.inputs for entry in published):
            unknown.append(product)
        refused += [
            f"{product.arch}/{entry.file} is published, made from something else"
            for entry in published
            if entry.inputs and entry.inputs != product.inputs
        ]
    if refused:
        raise PublishError(
            "\n".join(refused), hint="raise the release: what is published never changes"
        )
    return missing, unknown


def _published(each: Wanted, states: Mapping[str, State]) -> list[Entry]:
    state = states.get(each.arch, State())
    return [state.entries[name] for name in each.files if name in state.entries]


def _build(builder: Builder, plan: Plan, wanted: list[Wanted]) -> None:
    names = {name for each in wanted for name in each.files}
    arches = sorted({each.arch for each in wanted} - {SOURCE})
    if arches:
        builder.rpms(plan, arches, only=names)
    if any(each.arch == SOURCE for each in wanted):
        builder.srpms(plan, only=names)


def _offers(repository: Path, wanted: list[Wanted]) -> Offers:
    """Return what was built, each for its arch; a package without an arch is the same for all."""
    built = {
        offer.entry.file: offer for some in built_offers(repository).values() for offer in some
    }
    offers: dict[str, list[Offer]] = {}
    for each in wanted:
        found = [built[name] for name in each.files if name in built]
        if not found:
            raise PublishError(
                f"{each.files[0]} was built, and is not in {repository}", hint=command("repo")
            )
        offers.setdefault(each.arch, []).extend(found)
    return offers


def _inputs(package: Package, arch: PackageArch, lock: Lock) -> dict[str, object]:
    images = sorted(
        [*lock.of(image.source, arch.name).names, lock.of(image.source, arch.name).manifest]
        for image in arch.images
    )
    grouped = [
        each.layers
        for each in lock.groups_of(arch.name, package.filesystem)
        if package.shares_layers
    ]
    packs = [each.digest for each in lock.packs_of(arch.name, package.name)]
    manifests = read_manifests(arch.manifests).archive if arch.manifests else b""
    provides = sorted({each for image in arch.images for each in image.provides})
    return {
        "arch": arch.name if package.has_images else "noarch",
        "images": images,
        "provides": provides,
        "manifests": hashlib.sha256(manifests).hexdigest(),
        **_units_input(package, arch),
        **({"layers": _own_groups(arch, lock, grouped)} if grouped else {}),
        **({"packs": packs} if package.is_packed else {}),
    }


def _units_input(package: Package, arch: PackageArch) -> dict[str, object]:
    if not arch.units:
        return {}
    archive = read_units(arch.units, package.unit_path).archive
    where = [package.unit_path, package.start_units]
    return {"units": [*where, hashlib.sha256(archive).hexdigest()]}


def _own_groups(arch: PackageArch, lock: Lock, groups: list[tuple[str, ...]]) -> list[list[str]]:
    """Return the groups that have layers of the images of ``arch``."""
    layers = layers_of(lock.of(image.source, arch.name) for image in arch.images)
    return sorted(list(ids) for ids in groups if layers.keys() & set(ids))


def _digest(package: Package, arches: list[dict[str, object]]) -> str:
    names = [each.name for each in fields(package) if each.name not in _NOT_INPUTS]
    plain = {name: getattr(package, name) for name in names}
    # What was published before these keys existed is the same.
    if package.layers == "bundled":
        del plain["layers"]
    if not package.obsoletes:
        del plain["obsoletes"]
    text = json.dumps([plain, arches], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
