"""Spec files: a package of a definition rendered with specs/package.spec.j2.

Texts of a definition never reach rpm's macro engine: ``%`` is doubled in the template, and what
cannot be escaped (line ends in one-line tags) was refused when the definition was loaded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from paack.helpers.definition import Package
from paack.helpers.kubernetes import Manifests
from paack.helpers.lock import Lock, LockedGroup, LockedPack, dump
from paack.helpers.oci import LockedImage, StoredLayer
from paack.helpers.quadlet import UnitTree
from paack.helpers.rpm.device import (
    Device,
    DeviceFile,
    device_of,
    image_names,
    verity_drop_in,
)
from paack.helpers.rpm.part_name import pack_file
from paack.helpers.rpm.sbom_formats import FILES
from paack.helpers.rpm.units import ListedUnit, unit_scriptlets
from paack.helpers.templates import render

# Directories that every host has, of packages like `filesystem` and `systemd`. All others are
# owned by the package too, so that erasing it leaves nothing.
_BASE = frozenset(
    map(
        PurePosixPath,
        (
            "/", "/etc", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/share",
            "/usr/lib/systemd", "/usr/lib/systemd/system", "/usr/lib/tmpfiles.d",
        ),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package holds for one RPM arch, ready to be sources of the SRPM.

    ``provides`` is what the definition adds to the names and digests of the images. ``layers``
    are those of its store; others of its images are in the packages of ``groups``, for which there
    are ``requires`` and ``files``; or their contents are in ``packs``. A package of a pack has it
    there. ``listed`` are the Quadlet units of ``units``.
    """

    arch: str
    images: tuple[LockedImage, ...]
    manifests: Manifests | None
    provides: tuple[str, ...] = ()
    layers: tuple[StoredLayer, ...] = ()
    groups: tuple[LockedGroup, ...] = ()
    requires: tuple[str, ...] = ()
    files: tuple[DeviceFile, ...] = ()
    units: UnitTree | None = None
    listed: tuple[ListedUnit, ...] = ()
    packs: tuple[LockedPack, ...] = ()

    @property
    def has_store(self) -> bool:
        """Whether there is a store for this arch."""
        return bool(self.images or self.layers)


@dataclass(frozen=True, slots=True)
class Source:
    """A source of the SRPM: its number and name, where it goes, for which arch (None: all).

    ``kind`` is "store", "pack", "packs" (a table of them), "sbom" or "verity" (``content`` is made
    later), "tree" (a tar to unpack), "shared" (a file that other packages have, too) or "file".
    """

    number: int
    name: str
    arch: str | None
    kind: str
    path: str
    mode: int = 0o644
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """A rendered spec and the sources that it names, in their order.

    ``epoch`` is the time of the packages and their files, in seconds since 1970.
    """

    package: Package
    contents: tuple[Contents, ...]
    sources: tuple[Source, ...]
    noarch: bool
    epoch: int
    text: str

    @property
    def nevra_base(self) -> str:
        """NAME-VERSION-RELEASE."""
        return f"{self.package.name}-{self.package.version}-{self.package.release}"

    @property
    def source_file(self) -> str:
        """The name of the source RPM."""
        return f"{self.nevra_base}.src.rpm"

    def file(self, arch: str) -> str:
        """Return the name of the RPM that holds the contents of ``arch``."""
        return f"{self.nevra_base}.{self.rpm_arch(arch)}.rpm"

    def rpm_arch(self, arch: str) -> str:
        """Return the arch of the RPM that holds the contents of ``arch``."""
        return "noarch" if self.noarch else arch

    def sources_of(self, arch: str) -> list[Source]:
        """Return the sources that the RPM of ``arch`` needs."""
        return [source for source in self.sources if source.arch in (arch, None)]


def render_spec(
    package: Package, contents: Sequence[Contents], *, epoch: int, only: str | None = None
) -> Spec:
    """Render the spec of ``package``; with ``only``, for that arch alone (if it is not noarch)."""
    has_device = package.is_program or any(each.has_store for each in contents)
    device = device_of(package) if has_device else None
    noarch = package.is_program or _is_noarch(contents)
    if only and not noarch:
        contents = [each for each in contents if each.arch == only]
    sources = _sources(package, contents[:1] if noarch else contents, device)
    links = device.links if device else ()
    ghosts = device.ghosts if device else ()
    paths = [*(source.path for source in sources), *(link for link, _ in links), *ghosts]
    text = render(
        "package.spec.j2",
        package=package,
        arches=[each.arch for each in contents],
        store_arches=[each.arch for each in contents if each.has_store],
        sources=sources,
        links=links,
        ghosts=ghosts,
        directories=_directories(paths),
        noarch=noarch,
        changed=_changelog_time(epoch),
        epoch=epoch,
        provides={each.arch: _provides(each) for each in contents},
        requires={each.arch: each.requires for each in contents},
        scriptlets=_scriptlets(package, contents, device, noarch=noarch),
    )
    return Spec(package, tuple(contents), sources, noarch, epoch, text)


def of_arch(spec: Spec, arch: str) -> Spec:
    """Return the spec of a package that is not noarch with one arch inside."""
    return render_spec(spec.package, spec.contents, epoch=spec.epoch, only=arch)


def _sources(
    package: Package, contents: Sequence[Contents], device: Device | None
) -> tuple[Source, ...]:
    sources: list[Source] = []

    def add(
        name: str, arch: str | None, kind: str, path: str, content: bytes | None, mode: int = 0o644
    ) -> None:
        sources.append(Source(len(sources), name, arch, kind, path, mode, content))

    shared = f"/usr/share/paack/{package.name}"
    for each in contents:
        base = f"{package.name}-{each.arch}"
        for suffix, kind, path in _made_later(package, each):
            add(f"{base}.{suffix}", each.arch, kind, path, None)
        if each.images:
            lock_text = dump(_lock(package, each)).encode()
            add(f"{base}.lock.yaml", each.arch, "file", f"{shared}/lock.yaml", lock_text)
            add(f"{base}.images", each.arch, "file", f"{shared}/images", _listed(each))
            for bill in (FILES[name] for name in package.sbom):
                add(f"{base}.{bill}", each.arch, "sbom", f"{shared}/{bill}", None)
        for file in each.files:
            source = f"{base}-{file.source}"
            add(source, each.arch, "file", file.path, file.content.encode(), file.mode)
        if each.manifests:
            archive = each.manifests.archive
            add(f"{base}.manifests.tar", each.arch, "tree", package.manifest_path, archive)
        if each.units:
            archive = each.units.archive
            add(f"{base}.units.tar", each.arch, "tree", package.unit_path, archive)
    for file in device.files if device else ():
        kind = "shared" if file.shared else "file"
        add(file.source, None, kind, file.path, file.content.encode(), file.mode)
    return tuple(sources)


def _made_later(package: Package, contents: Contents) -> Iterator[tuple[str, str, str]]:
    """Yield suffix, kind and path of store or pack, and of what is made from a store."""
    if contents.has_store:
        suffix = "index" if package.is_packed else package.filesystem
        store = f"{package.path}.{suffix}"
        yield suffix, "store", store
        if package.is_packed:
            yield "packs", "packs", f"{package.path}.packs"
        if package.verity:
            yield "verity", "verity", f"{store}.verity"
            yield "verity.conf", "verity", verity_drop_in(package.name)
    else:
        for pack in contents.packs:
            yield "pack", "pack", pack_file(pack.digest)


def _lock(package: Package, contents: Contents) -> Lock:
    """Return the lock of a package: what others need, and how packs are made, is not in it."""
    images = {(image.source, image.arch): image for image in contents.images}
    packs = [LockedPack(one.arch, one.digest, one.size, (package.name,)) for one in contents.packs]
    return Lock(images, contents.groups, tuple(packs))


def _listed(contents: Contents) -> bytes:
    return "".join(f"{name}\n" for name in image_names(contents.images)).encode()


def _scriptlets(
    package: Package, contents: Sequence[Contents], device: Device | None, *, noarch: bool
) -> list[tuple[tuple[str, ...], str, str]]:
    """Return (arches, kind, text) of all scriptlets; no arch: of a package for all of them."""
    groups: dict[tuple[bool, tuple[ListedUnit, ...]], list[str]] = {}
    for each in contents[:1] if noarch else contents:
        groups.setdefault((each.has_store, each.listed), []).append(each.arch)
    found = []
    for (has_store, listed), arches in groups.items():
        texts = dict(device.scriptlets) if device and has_store else {}
        if listed:
            texts = unit_scriptlets(package, listed, texts)
        where = () if noarch else tuple(arches)
        found += [(where, kind, text) for kind, text in texts.items()]
    return found


def _provides(contents: Contents) -> list[str]:
    """Every name and digest, so that ``dnf repoquery --whatprovides`` tells who ships an image."""
    names = [f"container-image({name})" for name in image_names(contents.images)]
    return sorted({*names, *contents.provides})


def _changelog_time(epoch: int) -> str:
    """Return ``Fri Jan  2 03:04:05 UTC 2026``, whatever the locale."""
    day_and_time, year = time.asctime(time.gmtime(epoch)).rsplit(" ", 1)
    return f"{day_and_time} UTC {year}"


def _directories(paths: Sequence[str]) -> list[str]:
    """Return the directories above ``paths`` that not every host has."""
    above = {parent for path in paths for parent in PurePosixPath(path).parents}
    return sorted(str(directory) for directory in above - _BASE)


def _is_noarch(contents: Sequence[Contents]) -> bool:
    """Only manifests and units, and the same for every arch."""
    manifests = {each.manifests.archive for each in contents if each.manifests}
    units = {each.units.archive if each.units else None for each in contents}
    held = bool(manifests or units - {None})
    return (
        not any(each.images for each in contents)
        and held
        and len(manifests) <= 1
        and len(units) == 1
    )
