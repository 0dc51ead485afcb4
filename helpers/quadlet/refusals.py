"""Why podman's generator refuses a unit: what containers, pods and others have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from paack.helpers.errors import Place
from paack.helpers.quadlet.images import NAMING
from paack.helpers.quadlet.kinds import Version
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import Assignment

_PORT = re.compile(r"[0-9]+(-[0-9]+)?(/udp|/tcp)?$")
_MAPPING = ("UIDMap", "GIDMap")
_SINGLE_MAPPING = ("UserNS", "SubUIDMap", "SubGIDMap")
_REMAP = ("RemapUid", "RemapGid", "RemapUsers")
_SOURCES = ("volume", "bind", "glob", "image")

#: All units of a package, by name.
Units = Mapping[str, Unit]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why podman makes no service of a unit, and what to write instead."""

    message: str
    place: Place
    hint: str


def image_refusals(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield why a container has no image, or more than that."""
    group = unit.kind.group
    image, rootfs = unit.file.text(group, "Image"), unit.file.text(group, "Rootfs")
    if not image and not rootfs:
        yield lacks(unit, "Image", "a container needs an image")
    if image and rootfs:
        place = unit.file.keys(group)["Rootfs"]
        yield Refusal("both Image= and Rootfs= are set", place, "remove one of them")
    yield from named_image_refusals(unit, units)


def named_image_refusals(unit: Unit, units: Units) -> Iterator[Refusal]:
    """Yield why the unit that stands for an image is none."""
    image = unit.file.last(unit.kind.group, "Image")
    if image and PurePosixPath(image.value).suffix in NAMING and image.value not in units:
        yield absent(image)


def service_refusals(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield what [Service] may not say."""
    allowed = {"KillMode": ("mixed", "control-group"), "Type": ("notify", "oneshot")}
    for key, values in allowed.items():
        given = unit.file.last("Service", key)
        if given and given.value not in values:
            message = f"{key}={given.value} is not possible"
            yield Refusal(message, given.place, f"leave it out, or {key}={' or '.join(values)}")


def user_refusals(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield why users and groups do not go together."""
    group = unit.kind.group
    given = unit.file.last(group, "Group")
    if given and given.value and not unit.file.text(group, "User"):
        yield Refusal(
            "Group= is set without User=", given.place, "add User=, or User=UID:GID alone"
        )


def mapping_refusals(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield why mappings of users do not go together."""
    group, keys = unit.kind.group, unit.file.keys(unit.kind.group)
    single = any(unit.file.text(group, key) for key in _SINGLE_MAPPING)
    mapped = single or any(unit.file.words(group, key) for key in _MAPPING)
    old = [key for key in _REMAP if key in keys]
    if mapped and old:
        message = f"{old[0]}= is set besides newer keys for the same"
        yield Refusal(message, keys[old[0]], "remove it")
    elif not mapped:
        yield from _remap(unit, keys)


def _remap(unit: Unit, keys: Mapping[str, Place]) -> Iterator[Refusal]:
    group = unit.kind.group
    found = unit.file.of(group, "RemapUsers")
    every = [
        each for each in unit.file.assignments if (each.group, each.key) == (group, "RemapUsers")
    ]
    how = every[-1].value if every else ""
    maps = {key: unit.file.words(group, key) for key in ("RemapUid", "RemapGid")}
    for key, words in maps.items():
        if not how and words:
            yield Refusal(f"{key}= is set without RemapUsers=", keys[key], "use UserNS=, UIDMap=")
        if how == "keep-id" and len(words) > 1:
            yield Refusal(f"{key}= may come once with keep-id", words[1].place, "use UserNS=")
    allowed = ("", "auto", "keep-id", *(["manual"] if group != "Kube" else []))
    if how not in allowed:
        place = found[-1].place if found else every[-1].place
        yield Refusal(f"RemapUsers={how} is not possible", place, "use UserNS=")


def volume_refusals(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield volumes that are units, and not there."""
    for volume in unit.file.of(unit.kind.group, "Volume"):
        source, colon, _ = volume.value.partition(":")
        if colon and source.endswith((".volume", ".artifact")) and _is_absent(source, units):
            yield absent(Assignment(volume.group, volume.key, source, volume.place))


def mount_refusals(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield mounts that podman cannot read, and units that are not there."""
    for mount in unit.file.arguments(unit.kind.group, "Mount"):
        options = [each.partition("=") for each in mount.value.split(",")]
        kind = next((value for key, _, value in options if key == "type"), "")
        sources = [value for key, _, value in options if key in ("source", "src")]
        if not kind:
            yield Refusal(f"Mount={mount.value} has no type=", mount.place, "begin with type=")
        elif kind in _SOURCES and not (sources and sources[-1]):
            message = f"Mount={mount.value} has no source"
            yield Refusal(message, mount.place, "write source=NAME or a path, or Volume=PATH")
        elif (
            kind in _SOURCES
            and sources[-1].endswith((".volume", ".image"))
            and _is_absent(sources[-1], units)
        ):
            yield absent(Assignment(mount.group, "Mount", sources[-1], mount.place))


def _is_absent(source: str, units: Units) -> bool:
    """Tell whether a source that looks like the name of a unit is none of ``units``."""
    return source[:1] not in (".", "/") and source not in units


def pod_refusals(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield why the pod of a container is none."""
    pod = unit.file.last(unit.kind.group, "Pod")
    if pod and pod.value and not pod.value.endswith(".pod"):
        message = f"Pod={pod.value} is no unit"
        yield Refusal(message, pod.place, "write Pod=NAME.pod, and a unit of that name")
    elif pod and pod.value and pod.value not in units:
        yield absent(pod)


def port_refusals(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield ports that are none."""
    for port in unit.file.of(unit.kind.group, "ExposeHostPort"):
        if not _PORT.search(port.value.strip()):
            message = f"ExposeHostPort={port.value} is no port"
            yield Refusal(message, port.place, "write 8080, 8080-8090 or 53/udp")


def reload_refusals(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    """Yield why a container cannot be told how to reload."""
    group = unit.kind.group
    signal = unit.file.last(group, "ReloadSignal")
    if signal and signal.value and unit.file.text(group, "ReloadCmd").strip():
        yield Refusal(
            "both ReloadSignal= and ReloadCmd= are set", signal.place, "remove one of them"
        )


def lacks(unit: Unit, key: str, why: str) -> Refusal:
    """Return that a unit has no KEY=."""
    group = unit.kind.group
    place = unit.file.keys(group).get(key, unit.file.place)
    return Refusal(f"[{group}] has no {key}=: {why}", place, f"add {key}= to [{group}]")


def absent(named: Assignment) -> Refusal:
    """Return that the unit that an assignment names is not there."""
    message = f"{named.key}= names {named.value}, and there is no such unit"
    return Refusal(message, named.place, f"add {named.value} to units, or write another name")
