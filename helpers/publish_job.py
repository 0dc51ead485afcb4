"""The publishing job: what a definition makes is built, signed and published, unless it is already.

"Already" is told by name, version and arch, and by what went in; not by a digest of the RPM, which
changes with the version of rpmbuild. So a job that finds nothing new builds nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.definition import Definition, Package, PackageArch, load_definition
from helpers.errors import LockError, Place, PublishError
from helpers.generation import State
from helpers.lock import Lock, check_lock, lock_path, read_lock
from helpers.manifests import read_manifests
from helpers.publish import Offers, Settings, built_offers, publish, read_states
from helpers.repo import make_repo, repo_path
from helpers.repodata import SOURCE
from helpers.site import Site

if TYPE_CHECKING:
    from helpers.build import Builder

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


def publish_job(
    builder: Builder, file: Path, site: Site, settings: Settings, *, sources: bool = False
) -> list[str]:
    """Publish the packages of a definition that are not yet; return the paths of these.

    With ``sources`` their source RPMs, too. Raises LockError when the lock is not up to date,
    PublishError when a published package was made from something else.
    """
    definition = load_definition(file)
    wanted = wanted_packages(definition, _read_lock(definition), sources=sources)
    with site.locked():
        states = read_states(site.tree, settings)
    missing = _missing(wanted, states)
    for each in sorted(set(wanted) - set(missing), key=lambda each: each.files):
        builder.reporter.say(f"same    {each.files[0]} is published")
    offers: Offers = {}
    if missing:
        _build(builder, file, missing)
        make_repo(builder.output, replace(settings, versions=0), builder.reporter)
        offers = _offers(repo_path(builder.output), missing)
    return publish(site, lambda _: offers, settings)


def wanted_packages(definition: Definition, lock: Lock, *, sources: bool = False) -> list[Wanted]:
    """Return what a definition makes, from this lock."""
    found = []
    for package in definition.packages:
        base = f"{package.name}-{package.version}-{package.release}"
        arches = [_inputs(package, arch, lock) for arch in package.arches]
        for arch, inputs in zip(package.arches, arches, strict=True):
            noarch = () if package.has_images else (f"{base}.noarch.rpm",)
            files = (f"{base}.{arch.name}.rpm", *noarch)
            found.append(Wanted(arch.name, files, _digest(package, [inputs])))
        if sources:
            found.append(Wanted(SOURCE, (f"{base}.src.rpm",), _digest(package, arches)))
    return found


def _read_lock(definition: Definition) -> Lock:
    path = lock_path(definition.file)
    lock = read_lock(path)
    if lock is None:
        raise LockError(
            "there is no lock, and a job makes none",
            place=Place(path),
            hint=f"paack lock --def {definition.file}   (and commit the lock)",
        )
    check_lock(definition, lock)
    return lock


def _missing(wanted: list[Wanted], states: Mapping[str, State]) -> list[Wanted]:
    missing: list[Wanted] = []
    refused: list[str] = []
    for each in wanted:
        state = states.get(each.arch, State())
        there = [state.entries[name] for name in each.files if name in state.entries]
        if not there:
            missing.append(each)
        refused += [
            f"{each.arch}/{entry.file} is published, made from something else"
            for entry in there
            if entry.inputs and entry.inputs != each.inputs
        ]
    if refused:
        raise PublishError(
            "\n".join(refused), hint="raise the release: what is published never changes"
        )
    return missing


def _build(builder: Builder, file: Path, missing: list[Wanted]) -> None:
    arches = sorted({each.arch for each in missing} - {SOURCE})
    if arches:
        builder.rpms(file, arches)
    if any(each.arch == SOURCE for each in missing):
        builder.srpm(file)


def _offers(repository: Path, missing: list[Wanted]) -> Offers:
    """Return what is missing, with what it was made from."""
    inputs = {(each.arch, name): each.inputs for each in missing for name in each.files}
    return {
        arch: [
            replace(offer, entry=replace(offer.entry, inputs=inputs[arch, offer.entry.file]))
            for offer in offers
            if (arch, offer.entry.file) in inputs
        ]
        for arch, offers in built_offers(repository).items()
    }


def _inputs(package: Package, arch: PackageArch, lock: Lock) -> dict[str, object]:
    images = sorted(
        [*lock.of(image.source, arch.name).names, lock.of(image.source, arch.name).manifest]
        for image in arch.images
    )
    manifests = read_manifests(arch.manifests).archive if arch.manifests else b""
    provides = sorted({each for image in arch.images for each in image.provides})
    return {
        "arch": arch.name if package.has_images else "noarch",
        "images": images,
        "provides": provides,
        "manifests": hashlib.sha256(manifests).hexdigest(),
    }


def _digest(package: Package, arches: list[dict[str, object]]) -> str:
    names = [each.name for each in fields(package) if each.name not in _NOT_INPUTS]
    plain = {name: getattr(package, name) for name in names}
    text = json.dumps([plain, arches], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
