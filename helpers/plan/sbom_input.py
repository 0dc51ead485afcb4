"""What the bill of materials of a package is made from, as a definition and its lock have it."""

from __future__ import annotations

from paack.helpers.oci import parse_source
from paack.helpers.registry import Registry
from paack.helpers.rpm import BillInput, Contents, Spec, Subject
from paack.helpers.store import packages_of, unread


def bill_input(registry: Registry, spec: Spec, contents: Contents) -> BillInput:
    """Return it for one arch; what the cache lacks for it is fetched."""
    cache, package = registry.cache, spec.package
    for image in contents.images:
        source = parse_source(image.source, image.names[0])
        fetched = image if unread(cache, image.layers) else image.without_layers()
        if fetched.layers or not cache.has(image.config):
            registry.fetch(fetched, source)
        registry.check(image, source)
    configs = {image.config: cache.read(image.config) for image in contents.images}
    identity = (package.name, package.version, package.release, contents.arch, spec.epoch)
    inside = packages_of(cache, contents.images)
    return Subject(*identity), contents.images, configs, inside
