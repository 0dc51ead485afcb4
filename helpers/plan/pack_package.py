"""Packages of packs: ``container-pack-HASH`` is one file, and its name the digest of that.

There is nothing else in it, so that no change of paack gives the same pack another package.
"""

from __future__ import annotations

from collections.abc import Sequence

from paack.helpers.lock import LockedPack
from paack.helpers.plan.part_package import part_package, part_spec
from paack.helpers.rpm import (
    PACK_DIRECTORY,
    Contents,
    Spec,
    pack_name,
    required,
)


def pack_packages(packs: Sequence[LockedPack]) -> list[Spec]:
    """Return the specs of the packages of packs; the same pack of several arches is one."""
    digests = dict.fromkeys(each.digest for each in packs)
    return [_spec([each for each in packs if each.digest == digest]) for digest in digests]


def needed_packs(packs: Sequence[LockedPack]) -> tuple[str, ...]:
    """Return what a package requires that has an index over packs."""
    return ("device-mapper", *(required(pack_name(each.digest)) for each in packs))


def _spec(packs: Sequence[LockedPack]) -> Spec:
    package = part_package(
        "pack",
        pack_name(packs[0].digest),
        [each.arch for each in packs],
        license="LicenseRef-container-layers",
        summary="Contents of container images",
        description="Contents of files in container images of other packages. "
        "Each file has the licence of what is in it.",
        path=PACK_DIRECTORY,
    )
    contents = [Contents(each.arch, (), None, packs=(each,)) for each in packs]
    return part_spec(package, sorted(contents, key=lambda each: each.arch))
