"""Whether other groups of layers would make updates smaller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from paack.helpers.check.findings import Finding
from paack.helpers.definition import Definition
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock import Lock, group_layers, images_in, layers_of, shared_images
from paack.helpers.oci import LockedImage, StoredLayer
from paack.helpers.progress import human

#: What an update of an image's top layer may download besides that layer (bytes).
WASTE = 4 * 1024 * 1024


def group_findings(definition: Definition, lock: Lock) -> Iterator[Finding]:
    """Yield, once for each image, a warning when grouping anew would save at least WASTE bytes.

    The lock must have all images. Updates of the top layer alone are compared.
    """
    lines = {image.source.text: image.line for _, image in reversed(list(definition.images()))}
    for (arch, filesystem), packages in shared_images(definition, lock).items():
        layers = layers_of(images_in(packages))
        locked = [each.layers for each in lock.groups_of(arch, filesystem)]
        anew = group_layers(packages)
        images = {image.source: image for image in images_in(packages) if image.layers}
        for source, image in sorted(images.items()):
            top = _top(image)
            now, then = _download(top, locked, layers), _download(top, anew, layers)
            if now - then >= WASTE:
                message = (
                    f"{source} ({arch}): an update of its top layer ({human(top.locked.size)}) "
                    f"downloads {human(now)}; with new groups {human(then)}"
                )
                hint = (
                    f"{command('lock', def_=definition.file, regroup=True)}   "
                    "(once, the next update then downloads all that is in new groups)"
                )
                place = Place(definition.file, lines.get(source, 0))
                yield Finding("groups", LockError(message, place=place, hint=hint), warning=True)


def _top(image: LockedImage) -> StoredLayer:
    return max(layers_of([image]).values(), key=lambda each: len(each.parents))


def _download(
    top: StoredLayer, groups: Sequence[tuple[str, ...]], layers: Mapping[str, StoredLayer]
) -> int:
    """Return the bytes of the group of a layer, or of the layer where it is in none."""
    group = next((ids for ids in groups if top.id in ids), (top.id,))
    return sum(layers[each].locked.size for each in group)
