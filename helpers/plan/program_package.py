"""The package of the program of devices: ``container-device-NUMBER-HASH``, named by its files.

Packages with shared layers and packed ones require it exactly, so that an update downloads it only
when it changed. There is nothing else in it, and no scriptlet.
"""

from __future__ import annotations

from collections.abc import Sequence

from paack.helpers.definition import Package
from paack.helpers.plan.part_package import part_package, part_spec
from paack.helpers.rpm import (
    Contents,
    Spec,
    program_name,
    required,
)


def needed_program() -> str:
    """Return what a package requires that does not bring the program itself."""
    return required(program_name())


def program_packages(packages: Sequence[Package]) -> list[Spec]:
    """Return the spec of the program's package, for the arches of ``packages`` that need it."""
    users = [arch for each in packages if each.is_thin for arch in each.arches]
    arches = sorted({arch.name for arch in users if arch.images})
    return [_spec(arches)] if arches else []


def _spec(arches: Sequence[str]) -> Spec:
    package = part_package(
        "program",
        program_name(),
        arches,
        license="Apache-2.0",
        summary="What looks after images in packages",
        description="A program that lists the stores of packages with container images for podman "
        "and CRI-O, and checks and repairs them.",
    )
    return part_spec(package, [Contents(each, (), None) for each in arches])
