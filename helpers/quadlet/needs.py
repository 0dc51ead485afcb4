"""What the manifests and the Quadlet units of a definition need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.definition import Definition, Package
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes import Need, Needs, ignored_by, read_objects
from paack.helpers.kubernetes import needs_of as needs_of_manifests
from paack.helpers.quadlet.images import MADE_HERE, UnitImage, unit_images
from paack.helpers.quadlet.named_files import below
from paack.helpers.quadlet.unit_tree import UnitTree, read_units


@dataclass(frozen=True, slots=True)
class PackagedUnits:
    """The units of a package, for these RPM arches."""

    package: Package
    arches: tuple[str, ...]
    tree: UnitTree

    def images(self) -> list[UnitImage]:
        """Return the images that they use."""
        return list(unit_images(self.tree, self.package.unit_path))

    def manifests(self) -> list[Path]:
        """Return the files that .kube units name."""
        named = (
            below(unit.path, unit.expanded(each.value), self.package.unit_path)
            for unit in self.tree.units
            for each in unit.file.words("Kube", "Yaml")
        )
        files = self.tree.files
        return [files[name] for name in dict.fromkeys(named) if name is not None and name in files]


def units_of(definition: Definition) -> Iterator[PackagedUnits]:
    """Yield the units of all packages, those that several arches share once."""
    for package in definition.packages:
        arches: dict[tuple[Path, ...], list[str]] = {}
        for arch in package.arches:
            if arch.units and all(entry.exists() for entry in arch.units):
                arches.setdefault(arch.units, []).append(arch.name)
        for entries, names in arches.items():
            tree = read_units(entries, package.unit_path)
            yield PackagedUnits(package, tuple(names), tree)


def needs_of(definition: Definition) -> Needs:
    """Read the manifests and units of all packages, each directory once, with no network."""
    needs = needs_of_manifests(definition)
    absent = {
        entry
        for package in definition.packages
        for arch in package.arches
        for entry in arch.units
        if not entry.exists()
    }
    needs.absent |= absent
    for units in units_of(definition):
        needs.problems += [*units.tree.problems, *yaml_problems(units)]
        for each in units.images():
            if not _is_made_here(each, units):
                ignored = ignored_by(each.use.image, units.package.ignore_images)
                needs.found.append(Need(units.package.name, units.arches, each.use, ignored))
    return needs


def yaml_problems(units: PackagedUnits) -> Iterator[DefinitionError]:
    """Yield why files of .kube units are no manifests."""
    for file in units.manifests():
        try:
            read_objects(file.read_text("utf-8"), file)
        except DefinitionError as error:
            yield error
        except (OSError, ValueError) as error:
            message = f"cannot be read: {error}"
            yield DefinitionError(message, place=Place(file), hint="save it as UTF-8")


def _is_made_here(image: UnitImage, units: PackagedUnits) -> bool:
    """Tell whether an image is one that a .build unit of the package makes, or an artifact."""
    return image.use.image in {each.use.image for each in units.images() if each.how in MADE_HERE}
