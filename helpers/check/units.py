"""Quadlet units of a definition that podman would not start, or only with a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from paack.helpers.check.clients import AUTO_UPDATE, UPDATES, annotation_findings, auto_update
from paack.helpers.check.findings import Finding
from paack.helpers.definition import Definition, Package
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.quadlet import (
    DIRECTORIES_SINCE,
    DROP_INS_SINCE,
    Assignment,
    NeededVersion,
    PackagedUnits,
    Unit,
    UnitImage,
    Version,
    kind_of,
    misread_values,
    needed_version,
    refusal,
    units_of,
    version_text,
)

_FIRST: Version = (4, 4)
#: Of the option --policy of `podman image pull`, and so of Policy=
_POLICY_SINCE: Version = (5, 6)
_REQUIRED = re.compile(r"podman (?:>=|=|>) (?:[0-9]+:)?([0-9]+)\.([0-9]+)")
_STORAGE = ("--storage-opt", "--storage-driver", "--root", "--imagestore")
_ONLINE = "network-online.target"
_LOCAL = ("missing", "never", "ifnotpresent", "ifmissing")


def unit_findings(definition: Definition) -> Iterator[Finding]:
    """Yield what is wrong with the units of all packages, but for images that are missing."""
    packaged = list(units_of(definition))
    for package in packaged:
        units = {unit.name: unit for unit in package.tree.units}
        for unit in package.tree.units:
            if found := refusal(unit, units):
                message = f"podman makes no service of {unit.name}: {found.message}"
                yield _error("unit", message, found.place, found.hint)
            yield from _misread(unit)
            yield from _updates(unit)
            yield from _other_storage(unit)
        for file in package.manifests():
            yield from annotation_findings(file)
        images = package.images()
        for image in images:
            yield from _image(image)
        yield from _version(package, images)
        yield from _online(package)
    yield from _doubles(packaged)


def stray_units(definition: Definition) -> Iterator[Finding]:
    """Yield the units that are among manifests, where podman does not look."""
    sources = {arch.manifests for each in definition.packages for arch in each.arches}
    for directory in sorted(each for each in sources if each and each.is_dir()):
        for file in sorted(directory.rglob("*")):
            if file.is_file() and kind_of(file.name):
                message = "is a Quadlet unit: among manifests podman does not look for it"
                hint = "put it elsewhere, and name it in units:"
                error = DefinitionError(message, place=Place(file), hint=hint)
                yield Finding("stray-unit", error, warning=True)


def _image(image: UnitImage) -> Iterator[Finding]:
    """Yield why a use of an image does not work without a network, or not from a store."""
    name, place, unit = image.use.image, image.use.place, image.unit.name
    policy = image.policy.lower()
    where = image.policy_place or place
    if image.how == "pull" and policy not in _LOCAL:
        message = f"{unit} pulls {name} at each start, though it is there"
        hint = (
            "name the image in Image= of the containers and remove this unit; "
            "or write Policy=missing, which podman 5.6 and newer know"
        )
        yield _error("pull", message, where, hint)
    elif image.how == "run" and policy == "always":
        message = f"{unit} pulls {name} at each start: Pull=always"
        yield _error("pull", message, where, "write Pull=never, or leave it out")
    elif image.how == "run" and policy == "newer":
        message = f"{unit} asks a registry for {name} at each start, and waits for it: Pull=newer"
        yield _error("pull", message, where, "write Pull=never, or leave it out", warning=True)
    elif image.how == "mount":
        message = f"{unit} mounts {name} from a store, which podman cannot: Mount=type=image"
        hint = "make a .volume unit with Driver=image and Image=, and write Volume=NAME.volume:PATH"
        yield _error("mount", message, place, hint)
    elif image.how == "build":
        message = f"{unit} builds {name} on the device, with a network and with no cache"
        hint = "build it before, name it in images, and write its name into Image="
        yield _error("build", message, place, hint)
    elif image.how == "artifact":
        message = f"{unit} pulls {name} at each start: a store has no artifacts"
        yield _error("pull", message, place, "make an image of it, and a .volume unit")


def _misread(unit: Unit) -> Iterator[Finding]:
    for each in misread_values(unit):
        given = each.value
        message = f"{given.key}={given.value} of {unit.name}: {each.message}"
        yield _error("value", message, given.place, each.hint, warning=True)


def _updates(unit: Unit) -> Iterator[Finding]:
    """Yield what asks for podman auto-update."""
    group = unit.kind.group
    asked: list[Assignment] = []
    if group == "Container":
        given = unit.file.last(group, "AutoUpdate")
        asked = [given] if given and given.value in UPDATES else []
        labels = unit.file.arguments(group, "Label")
        wanted = [f"{AUTO_UPDATE}={value}" for value in UPDATES]
        asked += [each for each in labels if each.value in wanted]
    elif group == "Kube":
        words = unit.file.words(group, "AutoUpdate")
        asked = [each for each in words if each.value.rpartition("/")[2] in UPDATES]
    for each in asked:
        yield auto_update(f"{each.key}={each.value} of {unit.name}", each.place, "remove it")


def _other_storage(unit: Unit) -> Iterator[Finding]:
    """Yield options with which podman looks into no store of a package."""
    for each in unit.file.arguments(unit.kind.group, "GlobalArgs"):
        if each.value.partition("=")[0] in _STORAGE:
            message = f"{unit.name}: with {each.value} podman knows no store of a package"
            yield _error("storage", message, each.place, "remove it")


def _version(units: PackagedUnits, images: Iterable[UnitImage]) -> Iterator[Finding]:
    """Yield that the units need a newer podman than the package requires, and what of them does."""
    needed = [needed_version(unit) for unit in units.tree.units]
    for name, file in units.tree.files.items():
        parents = PurePosixPath(name).parts[:-1]
        if parents and parents[-1].endswith(".d") and name.endswith(".conf"):
            needed.append(NeededVersion(DROP_INS_SINCE, f"the drop-in {name}", Place(file)))
    for unit in units.tree.units:
        if "/" in unit.path:
            what = f"a unit in a directory, {unit.path},"
            needed.append(NeededVersion(DIRECTORIES_SINCE, what, unit.file.place))
    for image in images:
        if image.how == "pull" and image.policy and image.policy_place:
            needed.append(NeededVersion(_POLICY_SINCE, "--policy", image.policy_place))
    newest = max(needed, key=lambda each: each.version, default=None)
    if newest and newest.version > _required(units.package):
        version = version_text(newest.version)
        message = f"podman before {version} makes no service, or another one, with {newest.what}"
        hint = f'requires: ["podman >= {version}"], or write it without'
        yield _error("podman", message, newest.place, hint, warning=True)


def _required(package: Package) -> Version:
    """Return the podman that a package requires, the first one with units otherwise."""
    found = [match for text in package.requires if (match := _REQUIRED.match(text))]
    return max([_FIRST, *((int(each[1]), int(each[2])) for each in found)])


def _online(units: PackagedUnits) -> Iterator[Finding]:
    """Yield once which units wait for a network."""
    waiting = [unit for unit in units.tree.units if _waits(unit)]
    if waiting:
        names = ", ".join(unit.name for unit in waiting)
        message = f"{names}: podman has them wait for {_ONLINE}, which a device without a network "
        hint = "write [Quadlet] and DefaultDependencies=false (podman 5.3) into what needs none"
        yield _error(
            "network-online",
            f"{message}reaches late or never",
            waiting[0].file.place,
            hint,
            warning=True,
        )


def _waits(unit: Unit) -> bool:
    named = [each.value for key in ("Wants", "Requires") for each in unit.file.words("Unit", key)]
    return _ONLINE in named or unit.file.is_true("Quadlet", "DefaultDependencies", default=True)


def _doubles(packaged: Iterable[PackagedUnits]) -> Iterator[Finding]:
    """Yield files that two packages bring to one place: rpm would refuse the second package."""
    seen: dict[tuple[str, str], tuple[PackagedUnits, bytes]] = {}
    for units in packaged:
        for name, file in units.tree.files.items():
            path = f"{units.package.unit_path}/{name}"
            for arch in units.arches:
                content = file.read_bytes() if file.is_file() else b""
                other, same = seen.setdefault((arch, path), (units, content))
                if other.package != units.package and same != content:
                    message = f"{other.package.name} and {units.package.name} both bring {path}"
                    yield _error("unit", message, Place(file), "give one of them another name")
                    break


def _error(kind: str, message: str, place: Place, hint: str, *, warning: bool = False) -> Finding:
    return Finding(kind, DefinitionError(message, place=place, hint=hint), warning=warning)
