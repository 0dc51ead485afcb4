"""What differs between two locks, told for people."""

from __future__ import annotations

from dataclasses import replace

from paack.helpers.lock.lock import Lock, LockedGroup
from paack.helpers.lock.locked_pack import LockedPack
from paack.helpers.oci import LockedImage
from paack.helpers.progress import count


def changes(old: Lock, new: Lock) -> list[str]:
    """Describe what differs between two locks, a line each, for people."""
    lines = []
    for key in sorted(old.images.keys() | new.images.keys()):
        before, after = old.images.get(key), new.images.get(key)
        what = f"{key[0]} ({key[1]})"
        if before is None and after is not None:
            lines.append(f"+ {what}: {_short(after.manifest)}, {count(len(after.layers), 'layer')}")
        elif before is not None and after is None:
            lines.append(f"- {what}")
        elif before is not None and after is not None and _said(before) != _said(after):
            known = {layer.digest for layer in before.layers}
            fresh = [layer for layer in after.layers if layer.digest not in known]
            total, size = count(len(after.layers), "layer"), sum(layer.size for layer in fresh)
            lines.append(
                f"~ {what}: {_short(before.manifest)} of {before.created[:10]} -> "
                f"{_short(after.manifest)} of {after.created[:10]}, {len(fresh)} of {total} new "
                f"({size} bytes)"
            )
        filesystem = after.filesystem if after else None
        if filesystem and filesystem != (before.filesystem if before else None):
            lines.append(f"~ {what}: {filesystem} holds all of its files")
    return [*lines, *_group_changes(old.groups, new.groups), *_pack_changes(old.packs, new.packs)]


def _group_changes(old: tuple[LockedGroup, ...], new: tuple[LockedGroup, ...]) -> list[str]:
    lines = []
    for arch in sorted({each.arch for each in (*old, *new)}):
        before = {each for each in old if each.arch == arch}
        after = {each for each in new if each.arch == arch}
        if before != after:
            lines.append(
                f"~ packages of layers ({arch}): {len(before & after)} kept, "
                f"{len(after - before)} new, {len(before - after)} gone"
            )
    return lines


def _pack_changes(old: tuple[LockedPack, ...], new: tuple[LockedPack, ...]) -> list[str]:
    lines = []
    for arch in sorted({each.arch for each in (*old, *new)}):
        before = {each.digest: each for each in old if each.arch == arch}
        after = {each.digest: each for each in new if each.arch == arch}
        if before != after:
            size = sum(after[digest].size for digest in after.keys() - before.keys())
            lines.append(
                f"~ packs ({arch}): {len(before.keys() & after.keys())} kept, "
                f"{len(after.keys() - before.keys())} new ({size} bytes), "
                f"{len(before.keys() - after.keys())} gone"
            )
    return lines


def _said(image: LockedImage) -> LockedImage:
    """Return what the image is, whatever holds its files."""
    return replace(image, filesystem=None)


def _short(digest: str) -> str:
    return digest[7:19]
