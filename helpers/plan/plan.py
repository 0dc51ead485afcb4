"""The plan: which packages follow from a definition and its lock, and what each of them holds.

It is made once, before anything is fetched. Builds, mock, Copr and publishing jobs ask it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from paack.helpers.arch import rpm_arch_hint
from paack.helpers.definition import Definition, Package, PackageArch
from paack.helpers.errors import UsageError
from paack.helpers.kubernetes import read_manifests
from paack.helpers.lock import (
    Lock,
    check_groups,
    check_lock,
    check_packs,
    chosen,
    images_in,
    layers_of,
    shared_images,
)
from paack.helpers.oci import LockedImage, Source, in_order, stored_layers
from paack.helpers.plan.build_time import build_time
from paack.helpers.plan.layer_package import GroupPackage, group_package, needing
from paack.helpers.plan.pack_package import needed_packs, pack_packages
from paack.helpers.plan.program_package import needed_program, program_packages
from paack.helpers.quadlet import read_units
from paack.helpers.rpm import Contents, Spec, listed_units, of_arch, render_spec, unit_files


@dataclass(frozen=True, slots=True)
class PlannedRpm:
    """An RPM, or a source RPM, that is to be made, with what it holds for each arch.

    ``path`` is below the output directory. rpmbuild is given ``arch``, one of the package's.
    """

    spec: Spec
    contents: tuple[Contents, ...]
    path: PurePosixPath
    arch: str
    is_source: bool = False

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.path.name


@dataclass(frozen=True, slots=True)
class Plan:
    """The packages of a definition, as its lock has them.

    ``specs`` has one for each package, with all arches inside; parts come first. In ``definition``
    every package has its filesystem: none is left to paack.
    """

    definition: Definition
    lock: Lock
    specs: tuple[Spec, ...]

    def rpms(self, arches: Sequence[str] = ()) -> list[PlannedRpm]:
        """Return the RPMs of all packages, for ``arches`` (none: all).

        Raises UsageError for an arch that no package has.
        """
        return [
            _rpm(spec, contents)
            for spec, wanted in self._wanted(arches)
            # A noarch package has the first arch's sources, whatever is asked for.
            for contents in (spec.contents[:1] if spec.noarch else wanted)
        ]

    def source_rpms(self, arches: Sequence[str] = ()) -> list[PlannedRpm]:
        """Return the source RPM of each package, with all arches inside.

        With ``arches``, one for each of these, with nothing else inside (noarch packages: one
        with all). Raises UsageError for an arch that no package has.
        """
        found: list[PlannedRpm] = []
        for spec, wanted in self._wanted(arches):
            if spec.noarch or not arches:
                found.append(_source_rpm(spec, ""))
            else:
                found += [_source_rpm(of_arch(spec, each.arch), each.arch) for each in wanted]
        return found

    def _wanted(self, arches: Sequence[str]) -> list[tuple[Spec, list[Contents]]]:
        """Return the packages that have one of ``arches``, and their contents for these."""
        there = {each.arch for spec in self.specs for each in spec.contents}
        for arch in arches:
            if arch not in there:
                raise UsageError(
                    f"no package of {self.definition.file} is for {arch!r}",
                    hint=rpm_arch_hint(arch) or f"one of: {', '.join(sorted(there))}",
                )
        asked = set(arches) or there
        wanted = [[each for each in spec.contents if each.arch in asked] for spec in self.specs]
        return [pair for pair in zip(self.specs, wanted, strict=True) if pair[1]]

    def parts(self, contents: Contents) -> list[Spec]:
        """Return the specs of the parts that a package needs for one arch."""
        names = {each.partition(" ")[0] for each in contents.requires}
        return [spec for spec in self.specs if spec.package.name in names]

    def origins(self, contents: Contents) -> list[tuple[LockedImage, Source]]:
        """Return images that have what a store holds, and their sources.

        For a package of layers, which has no images, these are all of its arch.
        """
        sources = {image.source.text: image.source for _, image in self.definition.images()}
        of_arch = [each for each in self.lock.images.values() if each.arch == contents.arch]
        return [(image, sources[image.source]) for image in contents.images or of_arch]


def make_plan(definition: Definition, lock: Lock) -> Plan:
    """Return the plan of a definition.

    Raises LockError when the lock is not the definition's, DefinitionErrors for manifests and
    units that cannot be read.
    """
    check_lock(definition, lock)
    definition = chosen(definition, lock)
    check_groups(definition, lock)
    check_packs(definition, lock)
    groups = _group_packages(definition, lock)
    specs = [*(each.spec for each in groups), *pack_packages(lock.packs)]
    specs += program_packages(definition.packages)
    for package in definition.packages:
        found = [_contents(package, arch, lock, groups) for arch in package.arches]
        contents = sorted(found, key=lambda each: each.arch)
        specs.append(render_spec(package, contents, epoch=build_time(contents)))
    return Plan(definition, lock, tuple(specs))


def _rpm(spec: Spec, contents: Contents) -> PlannedRpm:
    arch = spec.rpm_arch(contents.arch)
    path = PurePosixPath("rpms", arch, spec.file(contents.arch))
    return PlannedRpm(spec, (contents,), path, arch)


def _source_rpm(spec: Spec, directory: str) -> PlannedRpm:
    path = PurePosixPath("srpms", directory, spec.source_file)
    return PlannedRpm(spec, spec.contents, path, spec.contents[0].arch, is_source=True)


def _group_packages(definition: Definition, lock: Lock) -> list[GroupPackage]:
    """Return the packages of layers that the packages of a definition need, as locked."""
    layers = {
        key: layers_of(images_in(packages), lock.blobs(*key))
        for key, packages in shared_images(definition, lock).items()
    }
    return [group_package(each, layers[each.arch, each.filesystem]) for each in lock.groups]


def _contents(
    package: Package, arch: PackageArch, lock: Lock, groups: Sequence[GroupPackage]
) -> Contents:
    images = {lock.of(image.source, arch.name) for image in arch.images}
    manifests = read_manifests(arch.manifests) if arch.manifests else None
    ordered = tuple(in_order(images))
    provides = tuple(sorted({each for image in arch.images for each in image.provides}))
    contents = Contents(arch.name, ordered, manifests, provides, tuple(stored_layers(ordered)))
    if package.shares_layers:
        contents = _with_groups(package, contents, groups)
    if package.is_packed and ordered:
        packs = tuple(lock.packs_of(arch.name, package.name))
        contents = replace(contents, packs=packs, requires=needed_packs(packs))
    if package.is_thin and ordered:
        contents = replace(contents, requires=(*contents.requires, needed_program()))
    return _with_units(package, arch, contents)


def _with_units(package: Package, arch: PackageArch, contents: Contents) -> Contents:
    if not arch.units:
        return contents
    tree = read_units(arch.units, package.unit_path).check()
    listed = listed_units(package, tree, contents.images)
    files = unit_files(package, tree, listed, has_store=contents.has_store)
    return replace(contents, units=tree, listed=listed, files=(*contents.files, *files))


def _with_groups(package: Package, contents: Contents, groups: Sequence[GroupPackage]) -> Contents:
    ordered = contents.images
    layers = layers_of(ordered)
    needed = [
        each
        for each in groups
        if (each.group.arch, each.group.filesystem) == (contents.arch, package.filesystem)
        and layers.keys() & set(each.group.layers)
    ]
    elsewhere = {each for group in needed for each in group.group.layers}
    return replace(
        contents,
        layers=tuple(each for key, each in layers.items() if key not in elsewhere),
        groups=tuple(each.group for each in needed),
        requires=tuple(sorted(each.requirement for each in needed)),
        files=needing(needed, package.name) if ordered else (),
    )
