"""Groups of layers: which layers of shared packages share an RPM (docs/layers.md).

An update should download what changed, and little else; but each group is a store of its own,
which costs podman some milliseconds, an RPM header and an entry in every configuration. What
several images share is one group, and so is the rest of each image, cut where an update of its
upper layers alone would save most. Groups that a lock already has stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from paack.helpers.definition import Definition
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock.lock import Lock, LockedGroup, lock_path
from paack.helpers.oci import LockedImage, StoredLayer, stored_layers

#: Stores of an arch that a definition should not exceed.
LIMIT = 12
#: Smaller ones (bytes of blobs) are kept beside the records of the images: the header and the
#: device's files of a package of their own would be as large, and a store more to look through.
SMALL = 64 * 1024
#: What a cut has to save (bytes, when an update begins at any layer alike) to be worth a store.
WORTH = 1024 * 1024

Ids = tuple[str, ...]
_User = tuple[int, str]  # number of the package, ID of an image's top layer


@dataclass(frozen=True, slots=True)
class _Run:
    """Layers, each the parent of the next unless runs were joined; ``packages`` use them."""

    layers: tuple[StoredLayer, ...]
    packages: frozenset[int]

    @property
    def size(self) -> int:
        return _size(self.layers)


def layers_of(
    images: Iterable[LockedImage], chosen: Mapping[str, str] | None = None
) -> dict[str, StoredLayer]:
    """Return each layer of the images by ID, the parents first.

    Of several blobs of a layer the one in ``chosen`` (digests by ID) counts, else the one with the
    least digest: the order of the images does not.
    """
    before = chosen or {}

    def rank(layer: StoredLayer) -> tuple[bool, str]:
        digest = layer.locked.digest
        return before.get(layer.id) != digest, digest

    found: dict[str, StoredLayer] = {}
    for image in images:
        for layer in stored_layers([image]):
            known = found.setdefault(layer.id, layer)
            if rank(layer) < rank(known):
                found[layer.id] = replace(known, locked=layer.locked)
    return {each.id: each for each in sorted(found.values(), key=_place)}


def group_layers(
    packages: Sequence[Sequence[LockedImage]], previous: Iterable[Ids] = ()
) -> list[Ids]:
    """Return the groups (IDs of layers, parents first) of the packages' images.

    The packages are of one arch and one filesystem. Groups in ``previous`` whose layers all
    remain are kept. No layer is in two groups; those in none are small, and belong beside the
    records of the images. Grouping again, with these as ``previous``, changes nothing.
    """
    groups = list(previous)
    while (new := _group(packages, groups)) != groups:
        groups = new
    return groups


def with_groups(definition: Definition, lock: Lock, previous: Iterable[LockedGroup] = ()) -> Lock:
    """Return ``lock`` with the groups of the packages whose layers are shared.

    Those of ``previous``, the groups of the lock before, are kept where they can be. So are the
    blobs that layers are made from, which another image may have compressed otherwise: its coming
    and going changes no package.
    """
    before = Lock(groups=tuple(previous))
    found = []
    for (arch, filesystem), packages in shared_images(definition, lock).items():
        old = [each.layers for each in before.groups_of(arch, filesystem)]
        layers = layers_of(images_in(packages), before.blobs(arch, filesystem))
        for ids in group_layers(packages, old):
            blobs = tuple(layers[each].locked.digest for each in ids)
            found.append(LockedGroup(arch, filesystem, ids, blobs))
    return replace(lock, groups=tuple(found))


def shared_images(
    definition: Definition, lock: Lock
) -> dict[tuple[str, str], list[list[LockedImage]]]:
    """Return, by arch and filesystem, the locked images of each package with shared layers."""
    found: dict[tuple[str, str], list[list[LockedImage]]] = {}
    for package in definition.packages:
        for arch in package.arches:
            if package.shares_layers and arch.images:
                images = [lock.of(image.source, arch.name) for image in arch.images]
                found.setdefault((arch.name, package.filesystem), []).append(images)
    return dict(sorted(found.items()))


def check_groups(definition: Definition, lock: Lock) -> None:
    """Raise LockError when the groups of a lock are not those of its images."""
    wanted = {
        key: layers_of(images_in(packages), lock.blobs(*key))
        for key, packages in shared_images(definition, lock).items()
    }
    grouped: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for group in lock.groups:
        grouped[group.arch, group.filesystem] += group.layers
    for key in sorted(wanted.keys() | grouped.keys()):
        layers, ids = wanted.get(key, {}), grouped[key]
        left = [each for each in layers.values() if each.id not in ids]
        twice = len(set(ids)) != len(ids)
        blobs = lock.blobs(*key).items()
        gone = any(each in layers and layers[each].locked.digest != blob for each, blob in blobs)
        large = any(each.locked.size >= SMALL for each in left)
        if twice or gone or set(ids) - layers.keys() or large:
            raise LockError(
                f"the groups of layers ({' '.join(key)}) are not those of its images",
                place=Place(lock_path(definition.file)),
                hint=f"{command('lock', def_=definition.file)}   (keeps every digest and group)",
            )


def images_in(packages: Iterable[Sequence[LockedImage]]) -> Iterator[LockedImage]:
    """Yield the images of all packages."""
    return (image for images in packages for image in images)


def _group(packages: Sequence[Sequence[LockedImage]], previous: Sequence[Ids]) -> list[Ids]:
    layers = layers_of(images_in(packages))
    taken: set[str] = set()
    kept: list[Ids] = []
    for ids in previous:
        if ids and layers.keys() >= set(ids) and not taken & set(ids):
            taken |= set(ids)
            kept.append(tuple(each for each in layers if each in set(ids)))
    old = {each: number for number, ids in enumerate(previous) for each in ids}
    left = [each for key, each in layers.items() if key not in taken]
    runs = _cut(_runs(left, _users(packages), old), LIMIT - len(kept))
    full = len(kept) >= LIMIT  # then only what has to be a store is one more
    runs = _joined([run for run in runs if _makes_store(run, full=full)], LIMIT - len(kept))
    made = [tuple(each.id for each in run.layers) for run in runs]
    return sorted(kept + made, key=lambda ids: _place(layers[ids[0]]))


def _makes_store(run: _Run, *, full: bool) -> bool:
    large = any(layer.locked.size >= SMALL for layer in run.layers)
    return large or (run.size >= SMALL and not full)


def _users(packages: Sequence[Sequence[LockedImage]]) -> dict[str, frozenset[_User]]:
    """Return the images that have each layer."""
    users: defaultdict[str, set[_User]] = defaultdict(set)
    for number, images in enumerate(packages):
        for image in images:
            stack = sorted(stored_layers([image]), key=_place)
            for layer in stack:
                users[layer.id].add((number, stack[-1].id))
    return {key: frozenset(value) for key, value in users.items()}


def _runs(
    layers: Sequence[StoredLayer], users: dict[str, frozenset[_User]], old: dict[str, int]
) -> list[_Run]:
    """Return the longest runs of layers that the same images have, in the same old group."""
    runs: dict[str, list[StoredLayer]] = {}  # by the layer that may go on
    for layer in layers:  # parents first
        parent = layer.parents[0] if layer.parents else ""
        alike = users.get(parent) == users[layer.id] and old.get(parent) == old.get(layer.id)
        run = runs.pop(parent) if alike and parent in runs else []
        runs[layer.id] = [*run, layer]
    return [
        _Run(tuple(run), frozenset(number for number, _ in users[run[0].id]))
        for run in runs.values()
    ]


def _cut(runs: list[_Run], limit: int) -> list[_Run]:
    """Cut runs in two, always where it saves most, while there may be more of them.

    When an update begins at any of n layers alike, a cut below the last m of them saves the bytes
    under it in m of n updates. An upper part that is small makes no store.
    """
    while places := list(_places(runs, limit)):
        _, number, at = max(places, key=lambda each: (each[0], -each[1], each[2]))
        run = runs[number]
        parts = [replace(run, layers=part) for part in (run.layers[:at], run.layers[at:])]
        runs = [*runs[:number], *parts, *runs[number + 1 :]]
    return runs


def _places(runs: Sequence[_Run], limit: int) -> Iterator[tuple[int, int, int]]:
    """Yield where a cut is worth it: what it saves (bytes), number of the run, layers below."""
    full = sum(run.size >= SMALL for run in runs) >= limit
    for number, run in enumerate(runs):
        for at in range(1, len(run.layers)):
            lower, upper = _size(run.layers[:at]), _size(run.layers[at:])
            saved = lower * (len(run.layers) - at) // len(run.layers)
            if lower >= SMALL and (upper < SMALL or (saved >= WORTH and not full)):
                yield saved, number, at


def _joined(runs: list[_Run], limit: int) -> list[_Run]:
    """Join the smallest runs that the same packages use, while there are too many."""
    while len(runs) > max(limit, 1):
        ordered = sorted(runs, key=lambda run: (run.size, _place(run.layers[0])))
        alike: defaultdict[frozenset[int], list[_Run]] = defaultdict(list)
        for run in ordered:
            alike[run.packages].append(run)
        pairs = [(same[0], same[1]) for same in alike.values() if len(same) > 1]
        if not pairs:
            break
        one, other = min(pairs, key=lambda pair: (pair[0].size + pair[1].size, _place_of(pair)))
        layers = tuple(sorted([*one.layers, *other.layers], key=_place))
        runs = [run for run in runs if run not in (one, other)]
        runs.append(replace(one, layers=layers))
    return runs


def _place(layer: StoredLayer) -> tuple[int, str]:
    """Parents first."""
    return len(layer.parents), layer.id


def _place_of(pair: tuple[_Run, _Run]) -> tuple[int, str]:
    return _place(pair[0].layers[0])


def _size(layers: Iterable[StoredLayer]) -> int:
    return sum(layer.locked.size for layer in layers)
