"""Which filesystem the files of images need: their layers are read for that alone."""

from __future__ import annotations

from collections.abc import Sequence

from paack.helpers.oci import LockedImage, LockedLayer, Source
from paack.helpers.progress import count
from paack.helpers.registry import Registry, fetch_images
from paack.helpers.store import layer as layers
from paack.helpers.store.limits import Unfit
from paack.helpers.workspace import workspace


def filesystems_of(registry: Registry, wanted: Sequence[tuple[LockedImage, Source]]) -> list[str]:
    """Fetch images; return for each squashfs, or erofs where a file needs it, and say which file.

    Raises RegistryError, and VerificationError for a layer that cannot be read.
    """
    fetch_images(registry, wanted)
    locked = {layer.digest: layer for image, _ in wanted for layer in image.layers}
    unfit = _look(registry, locked)
    found = []
    for image, _ in wanted:
        needs = [unfit[layer.digest] for layer in image.layers if unfit[layer.digest]]
        found.append("erofs" if needs else "squashfs")
        if needs:
            files = count(sum(each.count for each in needs), "file")
            what = f"{image.source} ({image.arch}): {files}, {needs[0].lines[0]}"
            registry.reporter.say(f"erofs   {what}")
    return found


def _look(registry: Registry, locked: dict[str, LockedLayer]) -> dict[str, Unfit]:
    """Read layers, which are in the cache."""
    unfit: dict[str, Unfit] = {}
    label = f"look    {count(len(locked), 'layer')}"
    whole, done = sum(layer.size for layer in locked.values()), 0
    with registry.reporter.step(label, whole) as meter, workspace(registry.cache.scratch()) as work:
        for digest, blob in locked.items():
            layer = layers.read(registry.cache.path(digest), digest, blob.diff_id, work)
            unfit[digest] = Unfit("squashfs")
            unfit[digest].look(digest, layer.tree)
            layer.close()
            done += blob.size
            meter.update(done, "")
    return unfit
