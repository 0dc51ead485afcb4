"""The program of devices: the same files in every package that brings it, or in one of its own.

It is in a directory named by its content, ``/usr/libexec/paack-device/NUMBER-HASH``, so packages
made by one paack share the files, and those of another paack lie beside them. Of all that are on a
device the one of the highest number (then hash) repairs and checks at boot, for all packages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from paack.helpers.rpm.part_name import PROGRAM_PREFIX
from paack.helpers.templates import render

#: Raised with the first change after a release: see tests/device/test_program_name.py.
NUMBER = 1
_DIRECTORY = "/usr/libexec/paack-device"
_UNITS = "/usr/lib/systemd/system"
_GREENBOOT = "/usr/lib/greenboot/check/wanted.d"
#: Each file is these parts of the directory specs/device/NAME, one after the other.
_LIBRARY = (
    *("toml", "common", "storage-conf", "settings", "list-delist", "pinned-images"),
    *("scriptlets", "pieces"),
)
_DOCTOR = (
    *("doctor", "json", "records", "repair-records", "hidden-names", "stores", "images"),
    *("broken-images", "layers", "packs", "auto-update", "quadlet-units", "signature-policy"),
    *("kubelet", "repair-lists", "main"),
)
_COMMENT = re.compile(r"^ *#(?! shellcheck (?:disable|source)|!)( .*)?\n", re.MULTILINE)
#: Stands for the program's directory and for its name.
_PROGRAM, _NAME = "@PROGRAM@", "@NAME@"


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A file of the program: its path, content and mode; a link has a ``target`` instead.

    One that is ``for_packs`` is in the package of the program alone, which stores over packs need.
    """

    path: str
    content: str = ""
    mode: int = 0o644
    target: str = ""
    for_packs: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """The program: its name, NUMBER-HASH, and files."""

    name: str
    files: tuple[ProgramFile, ...]

    @property
    def directory(self) -> str:
        """Where its parts are."""
        return f"{_DIRECTORY}/{self.name}"


@cache
def device_program() -> Program:
    """Return the program of this paack."""
    files = tuple(_files())
    digest = hashlib.sha256()
    for file in files:
        parts = (file.path, f"{file.mode:o}", file.target, file.content)
        digest.update("\0".join((*parts, "")).encode())
    name = f"{NUMBER}-{digest.hexdigest()[:12]}"

    def named(text: str) -> str:
        return text.replace(_PROGRAM, f"{_DIRECTORY}/{name}").replace(_NAME, name)

    return Program(
        name,
        tuple(
            replace(
                file,
                path=named(file.path),
                content=named(file.content),
                target=named(file.target),
            )
            for file in files
        ),
    )


def program_name() -> str:
    """Return the name of the package of the program."""
    return f"{PROGRAM_PREFIX}{device_program().name}"


def without_comments(script: str) -> str:
    """Return a shell script without its lines of comments. No text in it may look like one."""
    return _COMMENT.sub("", script)


def _files() -> Iterator[ProgramFile]:
    unit = f"paack-repair-{_NAME}.service"
    yield ProgramFile(f"{_PROGRAM}/library", _joined("library", _LIBRARY))
    yield ProgramFile(f"{_PROGRAM}/doctor", _joined("doctor", _DOCTOR), 0o755)
    join = (_joined("join", ("join",)), _joined("library", ("pieces",)), _joined("join", ("main",)))
    yield ProgramFile(f"{_PROGRAM}/join", "\n".join(join), 0o755, for_packs=True)
    yield ProgramFile(f"{_UNITS}/{unit}", render("device/boot/repair.service"))
    # Enabled without `systemctl enable`: the same in a container build and on ostree.
    yield ProgramFile(f"{_UNITS}/multi-user.target.wants/{unit}", target=f"../{unit}")
    # A directory of drop-ins does no harm where there is no CRI-O.
    drop_in = f"{_UNITS}/crio.service.d/50-paack-{_NAME}.conf"
    yield ProgramFile(drop_in, render("device/boot/crio-service.conf"))
    check = f"{_GREENBOOT}/50_paack-{_NAME}.sh"
    yield ProgramFile(check, render("device/boot/greenboot.sh"), 0o755)


def _joined(directory: str, parts: tuple[str, ...]) -> str:
    """Return the parts as one file. Comments would be a third of a thin update."""
    texts = (render(f"device/{directory}/{part}.sh") for part in parts)
    return without_comments("\n".join(texts))
