"""What bills of materials are made from; what the cache lacks for them is fetched."""

from __future__ import annotations

from collections.abc import Sequence

from paack.helpers.oci import LockedImage, source_of
from paack.helpers.registry import Registry
from paack.helpers.rpm import BillInput, Contents, Spec, Subject
from paack.helpers.store import packages_of, unread


def bill_input(registry: Registry, spec: Spec, contents: Contents) -> BillInput:
    """Return what the bill of a package is made from, for one arch."""
    package = spec.package
    identity = (package.name, package.version, package.release, contents.arch, spec.epoch)
    return images_bill_input(registry, contents.images, Subject(*identity))


def images_bill_input(
    registry: Registry, images: Sequence[LockedImage], subject: Subject | None = None
) -> BillInput:
    """Return what the bill of images is made from, which are in an RPM or alone."""
    cache = registry.cache
    for image in images:
        source = source_of(image)
        fetched = image if unread(cache, image.layers) else image.without_layers()
        if fetched.layers or not cache.has(image.config):
            registry.fetch(fetched, source)
        registry.check(image, source)
    configs = {image.config: cache.read(image.config) for image in images}
    return subject, images, configs, packages_of(cache, images)
