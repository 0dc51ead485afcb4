"""Trying the Quadlet units of an RPM: podman makes their services and starts their containers.

A container gets what its unit says of its program (Exec=, Entrypoint=, User=, Environment=, …) and
the files that the RPM brings for it; nothing of this machine, whatever the unit asks for.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from paack.helpers.blobs import Cache
from paack.helpers.definition import FILESYSTEMS
from paack.helpers.oci import LockedImage, read_facts
from paack.helpers.quadlet import (
    Unit,
    UnitTree,
    below,
    kind_of,
    read_units,
    unit_images,
)
from paack.helpers.rpm import image_names, packed_files
from paack.helpers.run import Result, run
from paack.helpers.verify.trial import Candidate, Outcome

_GENERATORS = (
    "/usr/libexec/podman/quadlet",
    "/usr/lib/podman/quadlet",
    "/usr/lib/systemd/system-generators/podman-system-generator",
)
_SECONDS = 30
_TIMED_OUT = 124  # timeout(1)
_LIMIT = 4 << 20
_SERVICE = re.compile(r"^---(?:.*/)?(.*)---$", re.M)
_SPEAKER = re.compile(r"^quadlet-generator\[[0-9]+\]: ")


@dataclass(frozen=True, slots=True)
class UnpackedUnits:
    """The units of an RPM; ``directory`` has them and the files beside them."""

    directory: Path
    tree: UnitTree


def unpack_units(rpm: Path, work: Path) -> UnpackedUnits | None:
    """Take the units that paack put into an RPM out of it, into ``work``; None: it has none."""
    shared = PurePosixPath("/usr/share/paack")
    root = work / "files"
    listed, units = False, list[str]()
    for file in packed_files(rpm):
        path = PurePosixPath(file.path)
        listed = listed or path.match(f"{shared}/*/units")
        ours = path.is_relative_to(shared) or path.suffix[1:] in FILESYSTEMS
        if ours or file.size > _LIMIT or ".." in path.parts:
            continue
        target = root / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        file.copy(target)
        if kind_of(path.name):
            units.append(str(path.parent))
    if not listed or not units:
        return None
    directory = root / os.path.commonpath(units).lstrip("/")
    return UnpackedUnits(directory, read_units([directory], os.path.commonpath(units)))


def try_generator(units: UnpackedUnits) -> list[Outcome]:
    """Return of which units the podman of this machine makes a service."""
    said = _generate(units.directory)
    if said is None:
        return [
            Outcome(
                "units", True, "this machine's podman makes no services of them (4.4 and newer do)"
            )
        ]
    if said.status == _TIMED_OUT:
        return [Outcome("units", False, f"podman's generator has not ended in {_SECONDS} s")]
    made = set(_SERVICE.findall(said.stdout.decode("utf-8", "replace")))
    unread = [Outcome(name, False, "podman cannot read it") for name in units.tree.refused]
    return [*unread, *(_made(unit, made, said.stderr) for unit in units.tree.units)]


def _made(unit: Unit, made: set[str], complaints: str) -> Outcome:
    if unit.service in made:
        return Outcome(unit.name, True, f"podman makes {unit.service}")
    told = [_SPEAKER.sub("", each) for each in complaints.splitlines() if unit.name in each]
    why = told[-1] if told else "it does not say why"
    return Outcome(unit.name, False, f"podman makes no {unit.service}: {why}")


def _generate(directory: Path) -> Result | None:
    for generator in _GENERATORS:
        if Path(generator).exists():
            command = ["timeout", str(_SECONDS), generator, "-dryrun"]
            return run(command, env={"QUADLET_UNIT_DIRS": str(directory)}, check=False, quiet=True)
    return None


def unit_candidates(
    units: UnpackedUnits, images: Sequence[LockedImage], cache: Cache
) -> Iterator[Candidate]:
    """Yield what to do with each container whose image is one of ``images``, on this machine."""
    known = {name: image for image in images for name in image_names([image])}
    for each in unit_images(units.tree, str(units.directory)):
        unit, name = each.unit, each.use.image
        if each.how == "run" and (image := known.get(name)):
            title = f"{unit.name} ({name})"
            if why := _not_run(unit, image, cache, units):
                yield Candidate((name,), why, title)
            else:
                options = tuple(_options(unit, units))
                yield Candidate((name,), "", title, options, tuple(_values(unit, "Exec")))


def _not_run(unit: Unit, image: LockedImage, cache: Cache, units: UnpackedUnits) -> str:
    """Return why a container cannot be tried here, "" if it can."""
    if image.arch != platform.machine():
        return f"{image.arch} image on {platform.machine()}"
    if unit.service.endswith("@.service"):
        return "it is a template"
    for key in ("Volume", "Mount"):
        for given in _values(unit, key):
            if key == "Mount" or not _volume(unit, given, units):
                return f"{key}={given} is of the device"
    facts = read_facts(cache.read(image.config), len(image.layers))
    has_own = unit.file.text("Container", "Entrypoint") or _values(unit, "Exec")
    return "" if has_own or facts.entrypoint or facts.command else "it has no command"


def _options(unit: Unit, units: UnpackedUnits) -> Iterator[str]:
    text = unit.file.text
    if user := text("Container", "User"):
        group = text("Container", "Group")
        yield f"--user={unit.expanded(user)}{f':{unit.expanded(group)}' if group else ''}"
    if entrypoint := text("Container", "Entrypoint"):
        yield f"--entrypoint={unit.expanded(entrypoint)}"
    if unit.file.is_true("Container", "ReadOnly"):
        yield "--read-only"
    for variable in _values(unit, "Environment"):
        if "=" in variable:  # else it would be one of this machine's
            yield f"--env={variable}"
    for given in _values(unit, "EnvironmentFile"):
        if file := _brought(unit, given, units):
            _drop_lone_names(file)
            yield f"--env-file={file}"
    for given in _values(unit, "Volume"):
        yield f"--volume={_volume(unit, given, units)}"


def _drop_lone_names(file: Path) -> None:
    """Drop the lines without a value: podman would take those of this machine's environment."""
    if file.is_file():
        lines = file.read_bytes().split(b"\n")
        file.write_bytes(b"\n".join(line for line in lines if b"=" in line))


def _volume(unit: Unit, given: str, units: UnpackedUnits) -> str | None:
    """Return what stands for a volume here: the RPM's files, or nothing but a new one; None: no."""
    source, colon, rest = given.partition(":")
    if not colon:
        return source
    if source.startswith("."):
        file = _brought(unit, source, units)
        return f"{file}:{rest}" if file else None
    return None if source.startswith(("/", "%", "~")) else rest.partition(":")[0]


def _brought(unit: Unit, named: str, units: UnpackedUnits) -> Path | None:
    """Return the RPM's file or directory of that name, as a unit writes it."""
    target = below(unit.path, named, str(units.directory))
    inside = target is not None and not target.startswith(("..", "/"))
    file = units.directory / (target or "")
    return file if inside and file.exists() else None


def _values(unit: Unit, key: str) -> list[str]:
    """Return the values of a key, each with what its unit's name tells; of Exec= its words."""
    file = unit.file
    found = file.of("Container", key) if key == "Volume" else file.arguments("Container", key)
    if key == "Exec":  # the last one alone counts
        found = [each for each in found if each.place == found[-1].place]
    return [unit.expanded(each.value).replace("$$", "$") for each in found]
