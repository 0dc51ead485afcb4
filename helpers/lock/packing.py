"""The packs of a lock: what packages need is looked at, old packs are opened, new ones made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from paack.helpers.blobs import digest_of
from paack.helpers.definition import Definition
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock.lock import Lock, lock_path
from paack.helpers.lock.locked_pack import LockedPack
from paack.helpers.lock.packs import KnownPack, NewPack, Weights, distribute
from paack.helpers.oci import LockedImage, source_of, stored_layers
from paack.helpers.registry import Registry, fetch_images
from paack.helpers.store import Pack, check_size, keep_pack, pack_weights, squashfs_store
from paack.helpers.workspace import workspace

#: Opens a pack of a lock, wherever it is.
OpenPack = Callable[[LockedPack], Pack]


@dataclass(frozen=True, slots=True)
class Needs:
    """What packages need: contents (identities) of each, by its name, and sizes of all."""

    wanted: Mapping[str, frozenset[bytes]]
    sizes: Weights


def packed_images(
    definition: Definition, lock: Lock
) -> dict[str, dict[str, tuple[LockedImage, ...]]]:
    """Return, by arch and name, the locked images of each package with packs."""
    found: dict[str, dict[str, tuple[LockedImage, ...]]] = {}
    for package in definition.packages:
        for arch in package.arches:
            if package.is_packed and arch.images:
                images = tuple(lock.of(image.source, arch.name) for image in arch.images)
                found.setdefault(arch.name, {})[package.name] = images
    return {arch: dict(sorted(packages.items())) for arch, packages in sorted(found.items())}


def with_packs(
    definition: Definition, lock: Lock, before: Lock, registry: Registry, open_pack: OpenPack
) -> Lock:
    """Return ``lock`` with the packs of its packages, those of ``before`` kept while in use.

    What they have is not looked at when nothing of it changed. New packs are put into the cache.
    Raises BuildError for what squashfs or an RPM cannot hold, and what ``open_pack`` raises.
    """
    packages = packed_images(definition, lock)
    if packed_digest(packages, before.packs) == before.packed:
        return replace(lock, packs=before.packs, packed=before.packed)
    found: list[LockedPack] = []
    for arch, images in packages.items():
        fetch_images(registry, [(one, source_of(one)) for one in _all(images)])
        needs = needs_of(images, registry)
        old = [
            each for each in before.packs if each.arch == arch and images.keys() & {*each.packages}
        ]
        packing = distribute(
            needs.wanted, needs.sizes, [known_pack(each, open_pack) for each in old]
        )
        kept = {each.digest: each.packages for each in packing.kept}
        found += [replace(each, packages=kept[each.digest]) for each in old if each.digest in kept]
        found += [_made(arch, each, images, registry) for each in packing.new]
    return replace(lock, packs=tuple(found), packed=packed_digest(packages, found))


def needs_of(packages: Mapping[str, Sequence[LockedImage]], registry: Registry) -> Needs:
    """Return what packages of one arch need, whose blobs are in the cache."""
    store = squashfs_store(registry.cache, registry.reporter)
    wanted, sizes = {}, dict[bytes, int]()
    for name, images in packages.items():
        weights = store.weights(images)
        wanted[name] = frozenset(weights)
        sizes = weights | sizes
    return Needs(wanted, sizes)


def known_pack(locked: LockedPack, open_pack: OpenPack) -> KnownPack:
    """Return what is in a pack of a lock."""
    with closing(open_pack(locked)) as pack:
        return KnownPack(locked.digest, locked.packages, pack_weights(pack, pack.block_size))


def packed_digest(
    packages: Mapping[str, Mapping[str, Sequence[LockedImage]]], packs: Sequence[LockedPack]
) -> str:
    """Return a digest of the layers of packages, and of who needs which packs; "" without any.

    So a pack that was lost in a merge is missed: its contents would silently be in the index.
    """
    layers = {
        arch: {
            name: [one.locked.digest for one in stored_layers(images)]
            for name, images in each.items()
        }
        for arch, each in packages.items()
    }
    needed = [(each.arch, each.digest, each.packages) for each in packs]
    if not layers and not needed:
        return ""
    return digest_of(json.dumps([layers, needed], sort_keys=True).encode())


def check_packs(definition: Definition, lock: Lock) -> None:
    """Raise LockError when the packs of a lock are not those of its packages and images."""
    if lock.packed != packed_digest(packed_images(definition, lock), lock.packs):
        raise LockError(
            "the packs are not those of its images and packages",
            place=Place(lock_path(definition.file)),
            hint=f"{command('lock', def_=definition.file)}   (keeps every digest, and packs)",
        )


def _made(
    arch: str, new: NewPack, packages: Mapping[str, Sequence[LockedImage]], registry: Registry
) -> LockedPack:
    store, cache = squashfs_store(registry.cache, registry.reporter), registry.cache
    with workspace(cache.scratch()) as work:
        file = work / "pack"
        # All packages that need it have all of it.
        blobs, bits = store.pack(file, packages[new.packages[0]], new.contents)
        check_size(f"the new pack of {', '.join(new.packages)}", file)
        with file.open("rb") as content:
            digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        size = file.stat().st_size
        keep_pack(cache, file, digest)
        return LockedPack(arch, digest, size, new.packages, blobs, bits)


def _all(packages: Mapping[str, Iterable[LockedImage]]) -> list[LockedImage]:
    return list(dict.fromkeys(one for images in packages.values() for one in images))
