"""Which units podman's generator makes a service of, and why it refuses others.

What is told here is what podman 5.4 to 5.8 refuse, measured with their generators
(tests/check/test_generator.py); a version decides only about keys and kinds that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from paack.helpers.quadlet.kinds import KINDS, NEWEST, Version, keys_of, version_text
from paack.helpers.quadlet.needed_podman import NAMES_SINCE, dependencies
from paack.helpers.quadlet.refusals import (
    Refusal,
    Units,
    absent,
    image_refusals,
    lacks,
    mapping_refusals,
    mount_refusals,
    named_image_refusals,
    pod_refusals,
    port_refusals,
    reload_refusals,
    service_refusals,
    user_refusals,
    volume_refusals,
)
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import Assignment

_ABSOLUTE = re.compile(r"^(/|%[^%]|https?://|git://)|github\.com/.")
_QUADLET_SINCE: Version = (5, 3)


def refusal(unit: Unit, units: Units, version: Version = NEWEST) -> Refusal | None:
    """Return why podman ``version`` makes no service of ``unit``; ``units`` are all, by name."""
    for check in (_keys, _dependencies, *_CHECKS[unit.kind.group]):
        for found in check(unit, units, version):
            return found
    return None


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
    if version < NAMES_SINCE:
        return
    for named in dependencies(unit):
        if named.value not in units:
            yield absent(named)


def _networks(unit: Unit, units: Units, version: Version) -> Iterator[Refusal]:
    for network in unit.file.of(unit.kind.group, "Network"):
        name, colon, _ = network.value.partition(":")
        suffix = PurePosixPath(name).suffix
        if suffix not in (".network", ".container"):
            continue
        if name not in units:
            yield absent(Assignment(network.group, network.key, name, network.place))
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


def _yaml(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    if not unit.file.words("Kube", "Yaml"):
        yield lacks(unit, "Yaml", "a .kube unit needs a file")


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
            yield lacks(unit, "Image", "Driver=image needs one")
        yield from named_image_refusals(unit, units)
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
        yield lacks(unit, key, "nothing is named")


def _build(unit: Unit, _units: Units, _version: Version) -> Iterator[Refusal]:
    text = unit.file.text
    if not unit.file.of("Build", "ImageTag"):
        yield lacks(unit, "ImageTag", "nothing is named")
    context = text("Build", "SetWorkingDirectory")
    home = text("Service", "WorkingDirectory") or context
    file = text("Build", "File")
    if not home and not file:
        yield lacks(unit, "File", "neither File= nor SetWorkingDirectory= is set")
    elif not home and not _ABSOLUTE.search(file):
        place = unit.file.keys("Build")["File"]
        yield Refusal("File= is relative", place, "add SetWorkingDirectory=unit")


_Check = Callable[[Unit, Units, Version], Iterator[Refusal]]
_SHARED: tuple[_Check, ...] = (mapping_refusals, _networks, volume_refusals)
_CHECKS: Mapping[str, tuple[_Check, ...]] = {
    "Container": (
        image_refusals,
        service_refusals,
        user_refusals,
        *_SHARED,
        mount_refusals,
        pod_refusals,
        port_refusals,
        reload_refusals,
    ),
    "Pod": _SHARED,
    "Kube": (_yaml, service_refusals, mapping_refusals, _networks, _working_directory),
    "Volume": (_volume,),
    "Network": (_network,),
    "Image": (_pulled,),
    "Artifact": (_pulled,),
    "Build": (_build, _networks, volume_refusals),
}
assert {each.group for each in KINDS.values()} == set(_CHECKS)
