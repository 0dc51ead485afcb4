"""Quadlet units (podman-systemd.unit(5)): what they say, and what podman makes of them."""

from paack.helpers.quadlet.complete import load_definition, read_definition
from paack.helpers.quadlet.generator import refusal
from paack.helpers.quadlet.images import MADE_HERE, UnitImage, unit_images
from paack.helpers.quadlet.kinds import (
    DIRECTORIES_SINCE,
    DROP_INS_SINCE,
    NeededVersion,
    Version,
    kind_of,
    version_text,
)
from paack.helpers.quadlet.misread import misread_values
from paack.helpers.quadlet.named_files import below, named_files
from paack.helpers.quadlet.needed_podman import needed_version
from paack.helpers.quadlet.needs import PackagedUnits, needs_of, units_of
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import Assignment, SyntaxProblem, parse_unit
from paack.helpers.quadlet.unit_tree import UnitTree, read_units

__all__ = [
    "DIRECTORIES_SINCE",
    "DROP_INS_SINCE",
    "MADE_HERE",
    "Assignment",
    "NeededVersion",
    "PackagedUnits",
    "SyntaxProblem",
    "Unit",
    "UnitImage",
    "UnitTree",
    "Version",
    "below",
    "kind_of",
    "load_definition",
    "misread_values",
    "named_files",
    "needed_version",
    "needs_of",
    "parse_unit",
    "read_definition",
    "read_units",
    "refusal",
    "unit_images",
    "units_of",
    "version_text",
]
