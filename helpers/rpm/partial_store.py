"""Stores that have only some of the layers of their images, as RPMs describe them.

A package with shared layers says in ``layers`` where the others are, a package of layers in
``layers.json`` what it has. Both come from outside: what is not right is a ValueError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.blobs import Cache, is_digest
from paack.helpers.lock import Lock, layers_of
from paack.helpers.oci import LockedLayer, StoredLayer, stored_layers

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass
class KnownLayers:
    """What locks say: layers by ID, and the IDs in each package of layers, by its name."""

    layers: dict[str, StoredLayer] = field(default_factory=dict)
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, lock: Lock, listed: Path) -> None:
        """Learn from a package's lock and its list of packages of layers (there may be none)."""
        self.layers |= layers_of(lock.images.values())
        names = named_groups(listed)
        if len(names) != len(lock.groups):
            raise ValueError(f"names {len(names)} packages, the lock {len(lock.groups)}")
        for name, group in zip(names, lock.groups, strict=True):
            if self.packages.setdefault(name, group.layers) != group.layers:
                raise ValueError(f"{name} has other layers in another package's lock")

    def problems(
        self, name: str, layers: Sequence[StoredLayer], cache: Cache
    ) -> Iterator[tuple[str, str]]:
        """Yield (ID, what is wrong) of the layers that a package of layers says it has."""
        if self.packages.get(name) != tuple(each.id for each in layers):
            yield name, "no package that is verified with it needs these layers under this name"
        for each in layers:
            known = self.layers.get(each.id)
            if known is None:
                yield each.id, "is no layer of an image that is verified with it"
            elif (known.parents, known.locked.diff_id) != (each.parents, each.locked.diff_id):
                yield each.id, "is another layer in the image that it belongs to"
            elif not cache.has(each.locked.digest, each.locked.size):
                yield each.id, f"its blob {each.locked.digest} is not in the cache"


def named_groups(listed: Path) -> tuple[str, ...]:
    """Return the packages of layers in an RPM's list of them, which need not be there."""
    lines = listed.read_text("utf-8", "replace").splitlines() if listed.exists() else []
    return tuple(line.partition(" ")[0] for line in lines)


def own_layers(lock: Lock) -> tuple[StoredLayer, ...]:
    """Return the layers of the store that a package's lock describes, sorted by ID."""
    if not lock.groups:
        return tuple(stored_layers(list(lock.images.values())))
    elsewhere = {each for group in lock.groups for each in group.layers}
    layers = layers_of(lock.images.values())
    return tuple(each for key, each in layers.items() if key not in elsewhere)


def read_layers(file: Path) -> list[StoredLayer]:
    """Read what a package of layers says it has; raise ValueError when that is not right."""
    try:
        return [_layer(item) for item in json.loads(file.read_bytes())["layers"]]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a list of layers: {error}") from error


def _layer(item: Mapping[str, object]) -> StoredLayer:
    identifier, parents, size = item["id"], item["parents"], item["size"]
    if not isinstance(parents, list):
        raise ValueError("no list of parents")
    for each in (identifier, *parents):
        if not isinstance(each, str) or not _ID.fullmatch(each):
            raise ValueError(f"no ID of a layer: {each!r}")
    digest, diff_id = item["digest"], item["diff_id"]
    if not is_digest(digest) or not is_digest(diff_id):
        raise ValueError("no digest")
    if type(size) is not int or size < 0:
        raise ValueError("no size")
    return StoredLayer(
        str(identifier), tuple(parents), LockedLayer(str(digest), size, str(diff_id))
    )
