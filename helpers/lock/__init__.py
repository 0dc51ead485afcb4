"""Locks: a definition resolved to digests, and what packages hold by them."""

from paack.helpers.lock.changes import changes
from paack.helpers.lock.filesystem import chosen, unknown_filesystems
from paack.helpers.lock.group import check_groups, group_layers, images_in, layers_of, shared_images
from paack.helpers.lock.lock import (
    Lock,
    LockedGroup,
    dump,
    lock_path,
    lock_scratch,
    missing_lock,
    newest,
    read_lock,
    wanted,
    write_lock,
)
from paack.helpers.lock.locked_pack import LockedPack
from paack.helpers.lock.mismatch import check_lock, mismatches
from paack.helpers.lock.packing import check_packs
from paack.helpers.lock.packs import MOST_DEAD, MOST_PACKS
from paack.helpers.lock.resolve import resolve_lock

__all__ = [
    "MOST_DEAD",
    "MOST_PACKS",
    "Lock",
    "LockedGroup",
    "LockedPack",
    "changes",
    "check_groups",
    "check_lock",
    "check_packs",
    "chosen",
    "dump",
    "group_layers",
    "images_in",
    "layers_of",
    "lock_path",
    "lock_scratch",
    "mismatches",
    "missing_lock",
    "newest",
    "read_lock",
    "resolve_lock",
    "shared_images",
    "unknown_filesystems",
    "wanted",
    "write_lock",
]
