"""Names of packages of layers: container-layers-HASH."""

from __future__ import annotations

import re

VERSION, RELEASE = "1", "1"


PREFIX = "container-layers-"


#: Hexadecimal digits of a sha256: 96 bits.
DIGITS = 24


_NAME = re.compile(rf"{PREFIX}[0-9a-f]{{{DIGITS}}}")


_FILE = re.compile(rf"{_NAME.pattern}-{VERSION}-{RELEASE}\.[a-z0-9_]+\.rpm")


def is_group_file(name: str) -> bool:
    """Tell whether ``name`` is that of the RPM or source RPM of a group."""
    return _FILE.fullmatch(name) is not None


def is_group_name(name: str) -> bool:
    """Tell whether ``name`` is that of the package of a group."""
    return _NAME.fullmatch(name) is not None
