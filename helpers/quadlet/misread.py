"""Values of which podman makes something else than they look like, without a word.

Measured with the generators of podman 5.4 and 5.8 (tests/check/test_misread.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import FALSE, TRUE, Assignment

#: Keys whose values podman passes on with their quotes.
QUOTED = (
    "AddHost ContainersConfModule DNS DNSOption DNSSearch Gateway GroupAdd IPRange Network "
    "NetworkAlias PublishPort Subnet Tmpfs Ulimit Volume"
)
BOOLEANS = (
    "AllTags Copy DefaultDependencies DisableDNS EnvironmentHost ForceRM HttpProxy IPv6 Internal "
    "KubeDownForce NetworkDeleteOnStop NoNewPrivileges Quiet ReadOnly ReadOnlyTmpfs RunInit "
    "SecurityLabelDisable SecurityLabelNested StartWithPod TLSVerify VolatileTmp"
)


@dataclass(frozen=True, slots=True)
class Misread:
    """A value, what podman makes of it, and what to write instead."""

    value: Assignment
    message: str
    hint: str


def misread_values(unit: Unit) -> Iterator[Misread]:
    """Yield the values of a unit that podman takes for something else."""
    group = unit.kind.group
    for key in QUOTED.split():
        for each in unit.file.of(group, key):
            value = each.value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                hint = f"write {key}={value[1:-1]}"
                yield Misread(each, "to podman the quotes are a part of the value", hint)
    for section in (group, "Quadlet"):
        for key in BOOLEANS.split():
            given = unit.file.last(section, key)
            if given and given.value.lower() not in (*TRUE, *FALSE):
                yield Misread(given, "podman takes that for no", "write true or false")
