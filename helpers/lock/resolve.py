"""A lock made anew: every image resolved, what its store needs, and the groups of its layers."""

from __future__ import annotations

from functools import partial

from paack.helpers.definition import Definition
from paack.helpers.lock.filesystem import chosen, with_filesystems
from paack.helpers.lock.group import with_groups
from paack.helpers.lock.lock import Lock, make_lock
from paack.helpers.lock.packing import OpenPack, with_packs
from paack.helpers.registry import Registry
from paack.helpers.store import filesystems_of


def resolve_lock(
    definition: Definition, kept: Lock, registry: Registry, open_pack: OpenPack
) -> Lock:
    """Return the lock of a definition; what is in ``kept`` stays as it is.

    Raises RegistryError for an image that cannot be had, and for one that devices cannot use, and
    LockError for a pack of ``kept`` that cannot be had.
    """
    with registry.reporter.showing():
        new = make_lock(definition, kept, registry.resolve)
        for arch, image in definition.images():
            registry.check(new.of(image.source, arch), image.source)
        new = with_filesystems(definition, new, partial(filesystems_of, registry))
        new = with_packs(definition, new, kept, registry, open_pack)
    return with_groups(chosen(definition, new), new, kept.groups)
