"""Asking the origins of images whether what was locked is still there, and is the same.

A digest that is gone is a problem, since the lock cannot be built from again. A tag may move; that
is only reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from paack.helpers.blobs import digest_of
from paack.helpers.errors import NoSuchImage, RegistryError, VerificationError
from paack.helpers.oci import LockedImage, Reference, Source, source_of
from paack.helpers.registry.skopeo import Registry

_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What its origin says of an image: ``problems`` of its digests, and ``notes`` on its tag."""

    image: LockedImage
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def ask_origins(images: Sequence[LockedImage], registry: Registry) -> list[Answer]:
    """Ask for every image by its digests and its tag; answers are in the images' order.

    Layers are not asked for. Raises RegistryError when an origin cannot be asked.
    """
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(lambda image: _ask(image, registry), images))


def check_cached(images: Sequence[LockedImage], registry: Registry) -> None:
    """Raise RegistryError when the cache lacks a blob of an image."""
    for image in images:
        blobs: dict[str, int | None] = {layer.digest: layer.size for layer in image.layers}
        blobs |= dict.fromkeys(filter(None, (image.list, image.manifest, image.config)))
        for digest, size in blobs.items():
            if not registry.cache.has(digest, size):
                raise RegistryError(
                    f"{image.source} ({image.arch}): the cache lacks {digest}",
                    hint="without --against cache it is fetched",
                )


def _ask(image: LockedImage, registry: Registry) -> Answer:
    source = source_of(image)
    if source.origin is None:
        return _ask_local(image, source, registry)
    problems = []
    for digest in filter(None, (image.list, image.manifest)):
        try:
            registry.manifest(source, digest)
        except NoSuchImage:
            problems.append(f"{digest} is no longer in {source.origin.repo}")
        except VerificationError as error:
            problems.append(error.message)
    return Answer(image, tuple(problems), _moved(image, source, source.origin, registry))


def _moved(
    image: LockedImage, source: Source, origin: Reference, registry: Registry
) -> tuple[str, ...]:
    if origin.tag is None:
        return ()
    try:
        now = digest_of(registry.manifest(source, origin.tag))
    except NoSuchImage:
        return (f"the tag {origin.tag} is gone",)
    if now in (image.list, image.manifest):
        return ()
    return (f"the tag {origin.tag} has moved: it is now {now}, locked is {_locked(image)}",)


def _ask_local(image: LockedImage, source: Source, registry: Registry) -> Answer:
    """What is on this machine has no digest to ask for, only a name."""
    try:
        (found,) = registry.resolve([(source, image.arch)])
    except NoSuchImage:
        return Answer(image, ("it is gone",))
    if found.manifest != image.manifest:
        return Answer(image, (f"it is now {found.manifest}, locked is {image.manifest}",))
    return Answer(image)


def _locked(image: LockedImage) -> str:
    return image.list or image.manifest
