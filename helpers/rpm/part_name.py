"""Parts: packages that others are made up of, named by what is in them.

``container-layers-HASH`` has layers, ``container-pack-HASH`` a pack, and
``container-device-NUMBER-HASH`` the program of devices.
"""

from __future__ import annotations

import re

#: What differs has another name: there is never another version.
VERSION, RELEASE = "1", "1"
LAYERS_PREFIX, PACK_PREFIX = "container-layers-", "container-pack-"
PROGRAM_PREFIX = "container-device-"
PACK_DIRECTORY = "/usr/lib/container-packs"
#: Hexadecimal digits of a sha256: 96 bits.
DIGITS = 24

_NAME = re.compile(
    rf"(?:{LAYERS_PREFIX}|{PACK_PREFIX})[0-9a-f]{{{DIGITS}}}|{PROGRAM_PREFIX}[0-9]+-[0-9a-f]+"
)
_FILE = re.compile(rf"(?:{_NAME.pattern})-{VERSION}-{RELEASE}\.[a-z0-9_]+\.rpm")


def is_part_file(name: str) -> bool:
    """Tell whether ``name`` is that of the RPM or source RPM of a part."""
    return _FILE.fullmatch(name) is not None


def is_part_name(name: str) -> bool:
    """Tell whether ``name`` is that of the package of a part."""
    return _NAME.fullmatch(name) is not None


def required(name: str) -> str:
    """Return what a package says that needs the part ``name``."""
    return f"{name} = {VERSION}-{RELEASE}"


def pack_name(digest: str) -> str:
    """Return the name of the package of a pack."""
    return PACK_PREFIX + digest.removeprefix("sha256:")[:DIGITS]


def pack_rpm(digest: str, arch: str) -> str:
    """Return the name of the RPM of a pack."""
    return f"{pack_name(digest)}-{VERSION}-{RELEASE}.{arch}.rpm"


def pack_file(digest: str) -> str:
    """Return where a pack is on a device."""
    return f"{PACK_DIRECTORY}/{digest.removeprefix('sha256:')}"
