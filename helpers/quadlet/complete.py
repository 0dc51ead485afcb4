"""Definitions with all images: those that ``from-units`` and ``from-manifests`` stand for, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from paack.helpers.definition import FROM_UNITS, Definition, Image, Package, PackageArch
from paack.helpers.definition import definition as written
from paack.helpers.document import Problems
from paack.helpers.errors import DefinitionError, PaackError
from paack.helpers.kubernetes import NEEDED, PROBABLE, Reading, full_name, ignored_by, uses_in
from paack.helpers.oci import parse_source
from paack.helpers.quadlet.images import MADE_HERE, unit_images
from paack.helpers.quadlet.unit_tree import read_units


def load_definition(file: Path) -> Definition:
    """Load and check a definition; raise DefinitionErrors with all of its problems.

    Raises ToolError when kustomize, which renders manifests, is missing.
    """
    definition, problems = read_definition(file)
    problems.check()
    return definition


def read_definition(file: Path) -> tuple[Definition, Problems]:
    """Load what can be understood of a definition, and all of its problems.

    Raises DefinitionError for a file that cannot be read or is not YAML, ToolError when kustomize
    is missing.
    """
    definition, problems = written.read_definition(file)
    packages = tuple(_package(package, problems) for package in definition.packages)
    return replace(definition, packages=packages), problems


def _package(package: Package, problems: Problems) -> Package:
    done: dict[PackageArch, PackageArch] = {}
    for arch in package.arches:
        # Arches that share everything are read once.
        shared = replace(arch, name="")
        if arch.derived and shared not in done:
            done[shared] = replace(arch, images=tuple(_images(package, arch, problems)))
    arches = (
        replace(done[replace(arch, name="")], name=arch.name) if arch.derived else arch
        for arch in package.arches
    )
    return replace(package, arches=tuple(arches))


def _images(package: Package, arch: PackageArch, problems: Problems) -> Iterator[Image]:
    yield from arch.images
    seen = {str(image.source.reference) for image in arch.images}
    for text in package.requires:
        seen.add(text.removeprefix("container-image(").removesuffix(")"))
    for word, line in arch.derived:
        for name in _names(package, arch, word, problems):
            reference = full_name(name)
            is_ignored = ignored_by(name, package.ignore_images) is not None
            if reference and str(reference) not in seen and not is_ignored:
                seen.add(str(reference))
                yield Image(parse_source(str(reference)), line)


def _names(package: Package, arch: PackageArch, word: str, problems: Problems) -> Iterator[str]:
    found: list[PaackError] = []
    if word == FROM_UNITS:
        tree = read_units(arch.units, package.unit_path)
        found += tree.problems
        images = list(unit_images(tree, package.unit_path))
        made = {each.use.image for each in images if each.how in MADE_HERE}
        yield from (each.use.image for each in images if each.use.image not in made)
    elif arch.manifests:
        for use in uses_in(arch.manifests, found, Reading(more=package.image_paths)):
            if use.level in (NEEDED, PROBABLE):
                yield use.image
    for problem in found:
        if not isinstance(problem, DefinitionError):
            raise problem
        problems.found.append(problem)
