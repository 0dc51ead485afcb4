"""Which podman makes of a unit what it says: older ones leave it out, or make something else of it.

Measured with the generators of podman 4.4 to 5.8 (tests/check/test_older_podman.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from paack.helpers.quadlet.images import mounted_image
from paack.helpers.quadlet.kinds import NeededVersion, Version, keys_of, kind_of
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import Assignment

_DEPENDENCIES = (
    *("After", "Before", "BindsTo", "Conflicts", "OnFailure", "OnSuccess", "PartOf"),
    *("PropagatesReloadTo", "PropagatesStopTo", "ReloadPropagatedFrom", "Requires", "Requisite"),
    *("StopPropagatedFrom", "Upholds", "Wants"),
)
#: Since this one a dependency may be the name of a unit, which then has to be there.
NAMES_SINCE: Version = (5, 5)
_YAMLS_SINCE: Version = (5, 7)
#: Of the names of services: since, ``data-volume@.service``; before, ``data@-volume.service``.
_TEMPLATES_SINCE: Version = (5, 7)
_MOUNTED_UNITS_SINCE: Version = (5, 3)
# 5.3 knows a name only when it happens to have come to that unit before.
_CONTAINER_NETWORKS_SINCE: Version = (5, 4)
_QUOTES_SINCE: Version = (5, 0)
_RELATIVE_VOLUMES_SINCE: Version = (4, 5)
_OPTIONAL_DEVICES_SINCE: Version = (4, 5)
_HEALTHY_SINCE: Version = (5, 0)
#: Containers' keys that an empty value takes back since these, and does not before.
_EMPTIED_SINCE: Mapping[str, Version] = {
    "Group": (4, 8),
    "HostName": (5, 3),
    "ShmSize": (5, 3),
    "User": (4, 8),
}
#: Keys with many values, of which podman takes no quotes away or always did.
_LISTS = (
    "AddCapability AddDevice Annotation ConfigMap ContainersConfModule DNS DNSOption DNSSearch "
    "DropCapability Environment EnvironmentFile Exec ExposeHostPort GIDMap Gateway GlobalArgs "
    "IPRange Label Mask Mount Network PodmanArgs PublishPort RemapGid RemapUid Secret Subnet "
    "Sysctl Tmpfs UIDMap Ulimit Unmask Volume"
)


def needed_version(unit: Unit) -> NeededVersion:
    """Return the oldest podman for which a unit is right; keys that none knows are left out."""
    return max(_needs(unit), key=lambda each: each.version)


def dependencies(unit: Unit) -> Iterator[Assignment]:
    """Yield the names of other units in [Unit], such as ``After=data.volume``."""
    for key in _DEPENDENCIES:
        yield from (each for each in unit.file.words("Unit", key) if kind_of(each.value))


def _needs(unit: Unit) -> Iterator[NeededVersion]:
    group, file = unit.kind.group, unit.file
    yield NeededVersion(unit.kind.since, PurePosixPath(unit.name).suffix, file.place)
    known = keys_of(group)
    for key, place in file.keys(group).items():
        if key in known:
            yield NeededVersion(known[key], f"{key}=", place)
    yield from file.syntax
    for each in dependencies(unit):
        yield _assigned(NAMES_SINCE, each)
    for each in file.words("Kube", "Yaml")[1:]:
        yield NeededVersion(_YAMLS_SINCE, "a second Yaml=", each.place)
    if unit.kind.suffix and "@" in unit.name and not file.text(group, "ServiceName"):
        yield NeededVersion(_TEMPLATES_SINCE, f"the template {unit.name}", file.place)
    yield from _values(unit)


def _values(unit: Unit) -> Iterator[NeededVersion]:
    """Yield values that older versions pass on as they are, or do not take for what they are."""
    group, file = unit.kind.group, unit.file
    lists = _LISTS.split()
    for each in file.assignments:
        quoted = len(each.value) > 1 and each.value[0] == each.value[-1] == '"'
        if quoted and each.group == group and each.key not in lists:
            yield _assigned(_QUOTES_SINCE, each)
    for each in file.arguments(group, "Mount"):
        if (image := mounted_image(each)) and image.value.endswith(".image"):
            yield _assigned(_MOUNTED_UNITS_SINCE, each)
    for each in file.of(group, "Network"):
        if each.value.partition(":")[0].endswith(".container"):
            yield _assigned(_CONTAINER_NETWORKS_SINCE, each)
    for each in file.of(group, "Volume"):
        if each.value.startswith("."):
            yield _assigned(_RELATIVE_VOLUMES_SINCE, each)
    for each in file.words(group, "AddDevice"):
        if each.value.startswith("-"):
            yield _assigned(_OPTIONAL_DEVICES_SINCE, each)
    for key, since in _EMPTIED_SINCE.items():
        given = file.last("Container", key)
        if given and not given.value:
            yield _assigned(since, given)
    notify = file.last(group, "Notify")
    if notify and notify.value == "healthy":
        yield _assigned(_HEALTHY_SINCE, notify)


def _assigned(version: Version, assignment: Assignment) -> NeededVersion:
    return NeededVersion(version, f"{assignment.key}={assignment.value}", assignment.place)
