"""Packages of layers: a group of layers as an RPM that whoever builds it builds alike.

The name says all: ``container-layers-HASH``, where HASH covers the layers, their blobs, the arch,
the store's format, and every file and line of the spec. What differs has another name, so the
version is always the same, and a package that is there never has to be built again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paack.helpers.lock import LockedGroup
from paack.helpers.oci import StoredLayer
from paack.helpers.plan.part_package import part_package, part_spec
from paack.helpers.rpm import (
    DIGITS,
    LAYERS_PREFIX,
    UNIT_DIRECTORY,
    Contents,
    DeviceFile,
    Spec,
    mount_point_of,
    required,
    shared_directory,
    unit_of,
)
from paack.helpers.store import LAYOUT
from paack.helpers.templates import render

_DIRECTORY = "/usr/lib/container-layers"


@dataclass(frozen=True, slots=True)
class GroupPackage:
    """The package of a group; ``spec`` has one arch."""

    group: LockedGroup
    spec: Spec

    @property
    def name(self) -> str:
        """container-layers-HASH."""
        return self.spec.package.name

    @property
    def contents(self) -> Contents:
        """What is in it."""
        return self.spec.contents[0]

    @property
    def requirement(self) -> str:
        """What a package says that needs these layers."""
        return required(self.name)

    @property
    def file(self) -> str:
        """The name of the RPM."""
        return self.spec.file(self.group.arch)


def group_package(group: LockedGroup, layers: Mapping[str, StoredLayer]) -> GroupPackage:
    """Return the package of a group; ``layers`` has its layers by ID."""
    stored = tuple(layers[each] for each in group.layers)
    nobody = _spec("0" * DIGITS, group, stored)
    parts = [
        [source.name, source.path, source.mode, (source.content or b"").decode()]
        for source in nobody.sources
    ]
    everything = json.dumps([LAYOUT, nobody.text, parts])
    digest = hashlib.sha256(everything.encode()).hexdigest()
    return GroupPackage(group, _spec(digest[:DIGITS], group, stored))


def needing(groups: Sequence[GroupPackage], name: str) -> tuple[DeviceFile, ...]:
    """Return the files that the package ``name`` has for needing groups: their list, a drop-in.

    The list is there and empty when no layer is large enough for a group.
    """
    listed = "".join(f"{each.name} {each.spec.package.path}\n" for each in groups)
    file = DeviceFile("layers", f"{shared_directory(name)}/layers", listed)
    if not groups:
        return (file,)
    names = [each.name for each in groups]
    places = {"units": map(unit_of, names), "mount_points": map(mount_point_of, names)}
    drop_in = render("device/layers.conf.j2", **{key: list(value) for key, value in places.items()})
    return (
        file,
        DeviceFile("layers.conf", f"{UNIT_DIRECTORY}/{unit_of(name)}.d/10-layers.conf", drop_in),
    )


def _spec(digits: str, group: LockedGroup, layers: tuple[StoredLayer, ...]) -> Spec:
    name = f"{LAYERS_PREFIX}{digits}"
    package = part_package(
        "group",
        name,
        [group.arch],
        license="LicenseRef-container-layers",
        summary="Layers of container images",
        description="Layers that container images of other packages are made of. "
        "Each layer has the licences of what is in it.",
        path=f"{_DIRECTORY}/{digits}",
        filesystem=group.filesystem,
    )
    listed = DeviceFile("layers.json", f"{shared_directory(name)}/layers.json", _listed(layers))
    contents = Contents(group.arch, (), None, layers=layers, files=(listed,))
    return part_spec(package, [contents])


def _listed(layers: Sequence[StoredLayer]) -> str:
    """Return what a store of these layers is made from, as JSON."""
    records = [
        {
            "id": each.id,
            "parents": list(each.parents),
            "digest": each.locked.digest,
            "size": each.locked.size,
            "diff_id": each.locked.diff_id,
        }
        for each in layers
    ]
    return json.dumps({"layers": records}, indent=1) + "\n"
