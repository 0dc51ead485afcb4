"""MicroShift's own images."""

from paack.helpers.microshift.check import check_set
from paack.helpers.microshift.image_set import SETS, find_set
from paack.helpers.microshift.listing import list_sets
from paack.helpers.microshift.microshift import all_definitions
from paack.helpers.microshift.payload import read_payloads
from paack.helpers.microshift.release_import import Wishes, import_set

__all__ = [
    "SETS",
    "Wishes",
    "all_definitions",
    "check_set",
    "find_set",
    "import_set",
    "list_sets",
    "read_payloads",
]
