"""``filesystem: auto``: EROFS for the packages with a file that squashfs cannot hold.

What is in layers is not known before they are fetched. ``lock`` does that for the images of such
packages, and writes down what each needs: what follows from a lock needs no blob to be known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from paack.helpers.definition import Definition, Package
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock.lock import Lock, lock_path
from paack.helpers.lock.lock import wanted as wanted_images
from paack.helpers.oci import LockedImage, Source

AUTO = "auto"
#: Tells, of each of some images and their sources, the filesystem that holds all of its files.
Look = Callable[[Sequence[tuple[LockedImage, Source]]], Iterable[str]]


def with_filesystems(definition: Definition, lock: Lock, look: Look) -> Lock:
    """Return ``lock`` with what each image of a package with ``filesystem: auto`` needs.

    What the lock says is kept; ``look`` tells the rest. Other images say nothing.
    """
    asked = _asked(definition)
    images = {
        key: image if key in asked else replace(image, filesystem=None)
        for key, image in lock.images.items()
    }
    unknown = [key for key in images if key in asked and not images[key].filesystem]
    found = look([(images[key], asked[key]) for key in unknown]) if unknown else ()
    for key, filesystem in zip(unknown, found, strict=True):
        images[key] = replace(images[key], filesystem=filesystem)
    return replace(lock, images=images)


def chosen(definition: Definition, lock: Lock) -> Definition:
    """Return ``definition`` with the filesystem of each package that leaves it to paack.

    All arches of a package have the same. Packages that share layers have the same, too: layers
    in two filesystems would be stored twice. Raises LockError when the lock does not say.
    """
    automatic = [each for each in definition.packages if each.filesystem == AUTO]
    shared = _needed([each for each in automatic if each.shares_layers], definition, lock)
    packages = tuple(
        each
        if each not in automatic
        else replace(each, filesystem=shared)
        if each.shares_layers
        else replace(each, filesystem=_needed([each], definition, lock))
        for each in definition.packages
    )
    return replace(definition, packages=packages)


def unknown_filesystems(definition: Definition, lock: Lock) -> list[tuple[str, str]]:
    """Return (source, arch) of the locked images of which the lock should say what they need."""
    asked = _asked(definition)
    return [key for key, image in lock.images.items() if key in asked and not image.filesystem]


def _asked(definition: Definition) -> dict[tuple[str, str], Source]:
    packages = tuple(each for each in definition.packages if each.filesystem == AUTO)
    return wanted_images(replace(definition, packages=packages))


def _needed(packages: Sequence[Package], definition: Definition, lock: Lock) -> str:
    needs = set()
    for package in packages:
        for arch in package.arches:
            for image in arch.images:
                filesystem = lock.of(image.source, arch.name).filesystem
                if filesystem is None:
                    raise LockError(
                        f"the lock does not say which filesystem {image.source.text} "
                        f"({arch.name}) needs",
                        place=Place(lock_path(definition.file)),
                        hint=f"{command('lock', def_=definition.file)}   (keeps every digest)",
                    )
                needs.add(filesystem)
    return "erofs" if "erofs" in needs else "squashfs"
