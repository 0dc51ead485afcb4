"""Which units podman's generator makes a service of, and why it refuses others.

What is told here is what podman 5.4 to 5.8 refuse, measured with their generators
(tests/check/test_generator.py); a version decides only about keys and kinds that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from paack.helpers.errors import Place
from paack.helpers.quadlet.images import NAMING
from paack.helpers.quadlet.kinds import KINDS, NEWEST, Version, keys_of, kind_of, version_text
from paack.helpers.quadlet.unit_file import Assignment
from paack.helpers.quadlet.unit_tree import Unit

_PORT = re.compile(r"[0-9]+(-[0-9]+)?(/udp|/tcp)?$")
_ABSOLUTE = re.compile(r"^(/|%[^%]|https?://|git://)|github\.com/.")
_MAPPING = ("UIDMap", "GIDMap")
_SINGLE_MAPPING = ("UserNS", "SubUIDMap", "SubGIDMap")
_REMAP = ("RemapUid", "RemapGid", "RemapUsers")
_DEPENDENCIES = (
    *("After", "Before", "BindsTo", "Conflicts", "OnFailure", "OnSuccess", "PartOf"),
    *("PropagatesReloadTo", "PropagatesStopTo", "ReloadPropagatedFrom", "Requires", "Requisite"),
    *("StopPropagatedFrom", "Upholds", "Wants"),
)
#: Since this one a dependency may be the name of a unit, which then has to be there.
_DEPENDENCIES_SINCE: Version = (5, 5)
_YAMLS_SINCE: Version = (5, 7)
_QUADLET_SINCE: Version = (5, 3)
_SOURCES = ("volume", "bind", "glob", "image")

Units = Mapping[str, Unit]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why podman makes no service of a unit, and what to write instead."""

    message: str
    place: Place
    hint: str


@dataclass(frozen=True, slots=True)
class NeededVersion:
    """The first podman that makes a service of a unit, for the sake of what stands at ``place``."""

    version: Version
    what: str
    place: Place


def refusal(unit: Unit, units: Units, version: Version = NEWEST) -> Refusal | None:
    """Return why podman ``version`` makes no service of ``unit``; ``units`` are all, by name."""
    for check in (_keys, _dependencies, *_CHECKS[unit.kind.group]):
        for found in check(unit, units, version):
            return found
    return None


def needed_version(unit: Unit) -> NeededVersion:
    """Return the oldest podman that knows the kind and all keys of a unit; unknown ones aside."""
    first = NeededVersion(unit.kind.since, PurePosixPath(unit.name).suffix, unit.file.place)
    known = keys_of(unit.kind.group)
    for key, place in unit.file.keys(unit.kind.group).items():
        if known.get(key, first.version) > first.version:
            first = NeededVersion(known[key], f"{key}=", place)
    yamls = unit.file.words("Kube", "Yaml")
    if len(yamls) > 1 and first.version < _YAMLS_SINCE:
        first = NeededVersion(_YAMLS_SINCE, "a second Yaml=", yamls[1].place)
    return first


def _keys(unit: Unit, _units: Units, version: Version) -> Iterator[Refusal]:
    groups = [unit.kind.group, *(["Quadlet"] if version >= _QUADLET_SINCE else [])]
    for group in groups:
        known = keys_of(group)
        for key, place in unit.file.keys(group).items():
            since = known.get(key)
            if since is None:
                near = [each for each in known if each.lower() == key.lower()]
                hint = f"write {near[0]}=" if near else "remove it, or PodmanArgs= with an option"
                yield Refusal(f"{key}= is no key of [{group}]", place, hint)
            elif since > version:
                hint = f"requires: [podman >= {version_text(since)}]"
                yield Refusal(f"{key}= needs podman {version_text(since)}", place, hint)


def _dependencies(unit: Unit, units: Units, version: Version) -> Iterator[Refusal]:
    if version < _DEPENDENCIES_SINCE:
        return
    for key in _DEPENDENCIES:
        for named in unit.file.words("Unit", key):
            if kind_of(named.value) and named.value not in units:
                yield _absent(named)


def _image(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    """Check the image or root of a container."""
    group = unit.kind.group
    image, rootfs = unit.file.text(group, "Image"), unit.file.text(group, "Rootfs")
    if not image and not rootfs:
        yield _lacks(unit, "Image", "a container needs an image")
    if image and rootfs:
        place = unit.file.keys(group)["Rootfs"]
        yield Refusal("both Image= and Rootfs= are set", place, "remove one of them")
    yield from _named_image(unit, units)


def _named_image(unit: Unit, units: Units) -> Iterator[Refusal]:
    image = unit.file.last(unit.kind.group, "Image")
    if image and PurePosixPath(image.value).suffix in NAMING and image.value not in units:
        yield _absent(image)


def _service(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    allowed = {"KillMode": ("mixed", "control-group"), "Type": ("notify", "oneshot")}
    for key, values in allowed.items():
        given = unit.file.last("Service", key)
        if given and given.value not in values:
            message = f"{key}={given.value} is not possible"
            yield Refusal(message, given.place, f"leave it out, or {key}={' or '.join(values)}")


def _user(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    group = unit.kind.group
    given = unit.file.last(group, "Group")
    if given and given.value and not unit.file.text(group, "User"):
        yield Refusal(
            "Group= is set without User=", given.place, "add User=, or User=UID:GID alone"
        )


def _mappings(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
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


def _volumes(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    for volume in unit.file.of(unit.kind.group, "Volume"):
        source, colon, _ = volume.value.partition(":")
        if colon and source.endswith((".volume", ".artifact")) and _is_absent(source, units):
            yield _absent(Assignment(volume.group, volume.key, source, volume.place))


def _mounts(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    for mount in unit.file.arguments(unit.kind.group, "Mount"):
        options = [each.partition("=") for each in mount.value.split(",")]
        kind = next((value for key, _, value in options if key == "type"), "")
        sources = [value for key, _, value in options if key in ("source", "src")]
        if not kind:
            yield Refusal(f"Mount={mount.value} has no type=", mount.place, "begin with type=")
        elif kind in _SOURCES and not (sources and sources[-1]):
            message = (
                f"Mount={mount.value} has no source: podman 5.4 crashes, and makes no unit at all"
            )
            yield Refusal(message, mount.place, "write source=NAME or a path, or Volume=PATH")
        elif (
            kind in _SOURCES
            and sources[-1].endswith((".volume", ".image"))
            and _is_absent(sources[-1], units)
        ):
            yield _absent(Assignment(mount.group, "Mount", sources[-1], mount.place))


def _is_absent(source: str, units: Units) -> bool:
    """Tell whether a source that looks like the name of a unit is none of ``units``."""
    return source[:1] not in (".", "/") and source not in units


def _networks(unit: Unit, units: Units, version: Version) -> Iterator[Refusal]:
    for network in unit.file.of(unit.kind.group, "Network"):
        name, colon, _ = network.value.partition(":")
        suffix = PurePosixPath(name).suffix
        if suffix not in (".network", ".container"):
            continue
        if name not in units:
            yield _absent(Assignment(network.group, network.key, name, network.place))
        elif suffix == ".container" and colon:
            message = f"Network={network.value}: another container's network takes no options"
            yield Refusal(message, network.place, f"write Network={name}")
        elif suffix == ".network" and refusal(units[name], units, version):
            message = f"Network={name}: podman makes nothing of {name}"
            yield Refusal(message, network.place, "mend that unit")
        elif suffix == ".container" and "%" in _container_name(units[name]):
            message = f"Network={name}: nobody knows the name of that container yet"
            yield Refusal(message, network.place, f"write ContainerName= into {name}")


def _container_name(unit: Unit) -> str:
    name = unit.file.text("Container", "ContainerName")
    if not name:
        return "%" if "@" in unit.name else ""
    return name.replace("%N", "")


def _pod(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    pod = unit.file.last(unit.kind.group, "Pod")
    if pod and pod.value and not pod.value.endswith(".pod"):
        message = f"Pod={pod.value} is no unit"
        yield Refusal(message, pod.place, "write Pod=NAME.pod, and a unit of that name")
    elif pod and pod.value and pod.value not in units:
        yield _absent(pod)


def _ports(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    for port in unit.file.of(unit.kind.group, "ExposeHostPort"):
        if not _PORT.search(port.value.strip()):
            message = f"ExposeHostPort={port.value} is no port"
            yield Refusal(message, port.place, "write 8080, 8080-8090 or 53/udp")


def _reload(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    group = unit.kind.group
    signal = unit.file.last(group, "ReloadSignal")
    if signal and signal.value and unit.file.text(group, "ReloadCmd").strip():
        yield Refusal(
            "both ReloadSignal= and ReloadCmd= are set", signal.place, "remove one of them"
        )


def _yaml(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    if not unit.file.words("Kube", "Yaml"):
        yield _lacks(unit, "Yaml", "a .kube unit needs a file")


def _working_directory(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    group = unit.kind.group
    given = unit.file.last(group, "SetWorkingDirectory")
    value = given.value.lower() if given else ""
    if given and group == "Kube" and value not in ("", "yaml", "unit"):
        message = f"SetWorkingDirectory={given.value} is not possible here"
        yield Refusal(message, given.place, "write yaml or unit")
    elif given and value == "yaml" and len(unit.file.words("Kube", "Yaml")) > 1:
        yield Refusal("there is more than one Yaml=", given.place, "write SetWorkingDirectory=unit")


def _volume(unit: Unit, units: Units, _version: Version) -> Iterator[Refusal]:
    keys, text = unit.file.keys("Volume"), unit.file.text
    if text("Volume", "Driver") == "image":
        if "Image" not in keys:
            yield _lacks(unit, "Image", "Driver=image needs one")
        yield from _named_image(unit, units)
    elif not text("Volume", "Device"):
        for key in ("Type", "Options"):
            if text("Volume", key):
                yield Refusal(f"{key}= is set without Device=", keys[key], "add Device=")


def _network(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    found = {key: unit.file.of("Network", key) for key in ("Subnet", "Gateway", "IPRange")}
    for key in ("Gateway", "IPRange"):
        if len(found[key]) > len(found["Subnet"]):
            message = f"there are more {key}= than Subnet="
            yield Refusal(message, found[key][-1].place, "write a Subnet= for each")


def _pulled(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    key = unit.kind.group if unit.kind.group == "Artifact" else "Image"
    if not unit.file.text(unit.kind.group, key):
        yield _lacks(unit, key, "nothing is named")


def _build(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    text = unit.file.text
    if not unit.file.of("Build", "ImageTag"):
        yield _lacks(unit, "ImageTag", "nothing is named")
    context = text("Build", "SetWorkingDirectory")
    home = text("Service", "WorkingDirectory") or context
    file = text("Build", "File")
    if not home and not file:
        yield _lacks(unit, "File", "neither File= nor SetWorkingDirectory= is set")
    elif not home and not _ABSOLUTE.search(file):
        place = unit.file.keys("Build")["File"]
        yield Refusal("File= is relative", place, "add SetWorkingDirectory=unit")


def _lacks(unit: Unit, key: str, why: str) -> Refusal:
    group = unit.kind.group
    place = unit.file.keys(group).get(key, unit.file.place)
    return Refusal(f"[{group}] has no {key}=: {why}", place, f"add {key}= to [{group}]")


def _absent(named: Assignment) -> Refusal:
    message = f"{named.key}= names {named.value}, and there is no such unit"
    return Refusal(message, named.place, f"add {named.value} to units, or write another name")


_Check = Callable[[Unit, Units, Version], Iterator[Refusal]]
_SHARED: tuple[_Check, ...] = (_mappings, _networks, _volumes)
_CHECKS: Mapping[str, tuple[_Check, ...]] = {
    "Container": (_image, _service, _user, *_SHARED, _mounts, _pod, _ports, _reload),
    "Pod": _SHARED,
    "Kube": (_yaml, _service, _mappings, _networks, _working_directory),
    "Volume": (_volume,),
    "Network": (_network,),
    "Image": (_pulled,),
    "Artifact": (_pulled,),
    "Build": (_build, _networks, _volumes),
}
assert {each.group for each in KINDS.values()} == set(_CHECKS)
