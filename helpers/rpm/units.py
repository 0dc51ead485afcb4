"""What a package does for its Quadlet units: the list of them, their drop-ins and scriptlets.

Podman's generator makes the services at each boot and ``systemctl daemon-reload``. They are told
what they need by drop-ins of systemd, ``web.service.d``: these hold for podman since 4.4, where
podman reads drop-ins of its own (``web.container.d``) only since 5.0, and for a unit of the same
name that an administrator wrote. ``Before=`` in the mount would order, but who starts a unit by
hand would not start the mount.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from paack.helpers.definition import Package
from paack.helpers.oci import LockedImage
from paack.helpers.quadlet import MADE_HERE, Unit, UnitTree, below, named_files, unit_images
from paack.helpers.rpm.device import (
    UNIT_DIRECTORY,
    DeviceFile,
    image_names,
    shared_directory,
    unit_of,
)
from paack.helpers.rpm.device_program import device_program, without_comments
from paack.helpers.templates import render

_DIGITS = 12
_WORDS = 4


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """A unit as a device needs to know it.

    ``digest`` changes with all that it says, names and runs. ``starts``: whether a boot starts it.
    """

    name: str
    service: str
    digest: str
    starts: bool
    images: tuple[str, ...]

    def __str__(self) -> str:
        start = "start" if self.starts else "-"
        return " ".join([self.service, self.digest, start, self.name, *self.images])


def read_unit_list(text: str) -> tuple[ListedUnit, ...]:
    """Return the units that ``/usr/share/paack/NAME/units`` lists; what is no such line is none."""
    lines = [line.split() for line in text.splitlines()]
    return tuple(
        ListedUnit(words[3], words[0], words[1], words[2] == "start", tuple(words[4:]))
        for words in lines
        if len(words) >= _WORDS
    )


def listed_units(
    package: Package, tree: UnitTree, images: Sequence[LockedImage]
) -> tuple[ListedUnit, ...]:
    """Return the units of a package, sorted by their services.

    A template with a DefaultInstance= comes twice: as all that run of it, and as the one that a
    boot starts.
    """
    needed: dict[str, list[str]] = {}
    uses = list(unit_images(tree, package.unit_path))
    made = {each.use.image for each in uses if each.how in MADE_HERE}
    for each in uses:
        if each.use.image not in made:
            needed.setdefault(each.unit.name, []).append(each.use.image)
    manifests = {name: image.manifest for image in images for name in image_names([image])}
    listed: list[ListedUnit] = []
    for unit in (each for each in tree.units if _is_plain(each.service)):
        named = needed.get(unit.name, ())
        digest = _digest(unit, tree, package.unit_path, named, manifests)
        is_itself = unit.started == unit.service
        found = tuple(dict.fromkeys(filter(_is_plain, named)))
        service = _stoppable(unit.service)
        listed.append(ListedUnit(unit.name, service, digest, unit.starts and is_itself, found))
        if unit.starts and not is_itself and _is_plain(unit.started):
            listed.append(ListedUnit(unit.name, unit.started, digest, True, ()))
    return tuple(sorted(listed, key=lambda each: each.service))


def unit_files(
    package: Package, tree: UnitTree, listed: Iterable[ListedUnit], *, has_store: bool
) -> tuple[DeviceFile, ...]:
    """Return the list of units and, where the package has a store, a drop-in for each service."""
    text = "".join(f"{each}\n" for each in listed)
    files = [DeviceFile("units", f"{shared_directory(package.name)}/units", text)]
    if has_store:
        repair = f"paack-repair-{device_program().name}.service"
        drop_in = render("device/unit.conf.j2", mount=unit_of(package.name), repair=repair)
        for service in sorted({unit.service for unit in tree.units if _is_plain(unit.service)}):
            path = f"{UNIT_DIRECTORY}/{service}.d/50-paack-{package.name}.conf"
            files.append(DeviceFile(f"{service}.conf", path, drop_in))
    return tuple(files)


def unit_scriptlets(
    package: Package, listed: Sequence[ListedUnit], others: Mapping[str, str]
) -> dict[str, str]:
    """Return the scriptlets of a package with units; ``others`` are those of its store."""

    def part(kind: str) -> str:
        text = render(f"device/scriptlets/units-{kind}.sh.j2", package=package, listed=listed)
        return without_comments(text)

    scriptlets = dict(others)
    if not others:
        scriptlets["post"] = part("post")
    # Before the store goes, which containers are made of
    scriptlets["preun"] = part("preun") + others.get("preun", "exit 0\n")
    scriptlets["postun"] = part("postun") + others.get("postun", "exit 0\n")
    if package.start_units == "now":
        # After the store of shared layers is mounted; that part ends with `exit`
        store = f"(\n{others['posttrans']})\n" if "posttrans" in others else ""
        scriptlets["posttrans"] = store + part("posttrans")
    return scriptlets


def _stoppable(service: str) -> str:
    """Return the name that ``systemctl stop`` takes: of a template, all that run."""
    return service.replace("@.", "@*.")


def _is_plain(text: str) -> bool:
    return bool(text) and not set(text) - _PLAIN


_PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@/+-")


def _digest(
    unit: Unit,
    tree: UnitTree,
    directory: str,
    images: Iterable[str],
    manifests: Mapping[str, str],
) -> str:
    digest = hashlib.sha256()
    for each in unit.file.assignments:
        digest.update("\0".join((each.group, each.key, each.value, "")).encode())
    targets = [below(unit.path, named.value, directory) for named in named_files(unit)]
    for target in sorted(filter(None, targets)):
        for name, path in tree.files.items():
            if name == target or name.startswith(f"{target}/"):
                digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    for image in sorted(set(images)):
        digest.update(f"{image}\0{manifests.get(image, '')}\0".encode())
    return digest.hexdigest()[:_DIGITS]
