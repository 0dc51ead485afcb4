"""The chain of digests of a locked image: list, manifest, config, layers, each named by the last.

A lock says all of them; only the first needs to be trusted.
"""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.blobs import Cache
from paack.helpers.errors import RegistryError
from paack.helpers.oci import LockedImage, parse_reference
from paack.helpers.oci import manifest as oci


def chain_problems(image: LockedImage, cache: Cache) -> Iterator[str]:
    """Yield each disagreement between a locked image and its manifests in ``cache``."""
    try:
        if image.list and oci.choose(cache.read(image.list), image.arch) != image.manifest:
            yield f"the list {image.list} has another manifest for {image.arch}"
        manifest = oci.parse_manifest(cache.read(image.manifest))
        config = oci.parse_config(cache.read(image.config))
    except RegistryError as error:
        yield error.message
        return
    if manifest.config.digest != image.config:
        yield f"the manifest names the config {manifest.config.digest}, not {image.config}"
    layers = [(each.digest, each.size) for each in manifest.layers]
    if layers != [(each.digest, each.size) for each in image.layers]:
        yield "its layers are not those of the manifest"
    if [each.diff_id for each in image.layers] != list(config.diff_ids):
        yield "its diffIDs are not those of the config"
    if config.created != image.created:
        yield f"it was created {config.created}, not {image.created}"
    for name in image.names:
        digest = parse_reference(name).digest
        if digest not in (None, image.list, image.manifest):
            yield f"{name} is the name of another image"
