"""What the packages of a definition hold, from its lock: what specs are rendered from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from paack.helpers.arch import rpm_arch_hint
from paack.helpers.definition.definition import Definition, Package, PackageArch
from paack.helpers.errors import UsageError
from paack.helpers.kubernetes.manifests import read_manifests
from paack.helpers.lock.group import images_in, layers_of, shared_images
from paack.helpers.lock.lock import Lock
from paack.helpers.plan.build_time import build_time
from paack.helpers.plan.layer_package import GroupPackage, group_package, needing
from paack.helpers.quadlet.unit_tree import read_units
from paack.helpers.rpm.spec import Contents, Spec, render_spec
from paack.helpers.rpm.units import listed_units, unit_files


def specs(
    definition: Definition, lock: Lock, arches: Sequence[str] = ()
) -> Iterator[tuple[Spec, Contents]]:
    """Yield the spec and contents of each RPM, for ``arches`` (none: all).

    Those of layers come first.
    """
    groups = group_packages(definition, lock)
    for group in groups:
        if not arches or group.group.arch in arches:
            yield group.spec, group.contents
    for package in definition.packages:
        contents = contents_of(package, lock, groups)
        spec = render_spec(package, contents, epoch=build_time(contents))
        wanted = [each for each in contents if not arches or each.arch in arches]
        # A noarch package has the first arch's sources, whatever is asked for.
        for each in contents[: len(wanted[:1])] if spec.noarch else wanted:
            yield spec, each


def source_specs(
    definition: Definition, lock: Lock, arches: Sequence[str] = ()
) -> Iterator[tuple[Spec, str]]:
    """Yield the spec of each source RPM, with all arches inside and "".

    With ``arches``, a spec with only each of these inside, and that arch (noarch packages: "").
    """
    groups = group_packages(definition, lock)
    for group in groups:
        if not arches or group.group.arch in arches:
            yield group.spec, group.group.arch if arches else ""
    for package in definition.packages:
        contents = contents_of(package, lock, groups)
        epoch = build_time(contents)
        spec = render_spec(package, contents, epoch=epoch)
        wanted = [each.arch for each in contents if not arches or each.arch in arches]
        if wanted and (spec.noarch or not arches):
            yield spec, ""
            continue
        for arch in wanted:
            yield render_spec(package, contents, epoch=epoch, only=arch), arch


def check_arches(definition: Definition, arches: Sequence[str]) -> None:
    """Raise UsageError for an arch that no package of a definition has."""
    there = {arch.name for package in definition.packages for arch in package.arches}
    for arch in arches:
        if arch not in there:
            raise UsageError(
                f"no package of {definition.file} is for {arch!r}",
                hint=rpm_arch_hint(arch) or f"one of: {', '.join(sorted(there))}",
            )


def contents_of(package: Package, lock: Lock, groups: Sequence[GroupPackage]) -> list[Contents]:
    """Return what a package holds for each of its arches, sorted by these.

    ``groups`` are the packages of layers of the definition.
    """
    found = [_contents(package, arch, lock, groups) for arch in package.arches]
    return sorted(found, key=lambda each: each.arch)


def group_packages(definition: Definition, lock: Lock) -> list[GroupPackage]:
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
    ordered = tuple(sorted(images, key=lambda image: image.names))
    provides = tuple(sorted({each for image in arch.images for each in image.provides}))
    contents = Contents(arch.name, ordered, manifests, provides)
    if package.layers == "shared":
        contents = _with_groups(package, contents, groups)
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
