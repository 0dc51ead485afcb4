"""What an image is locked to: the digests of its manifest, config and layers, which must fit.

Pure, but for the cache that is read.
"""

from __future__ import annotations

from paack.helpers.arch import oci_arch
from paack.helpers.blobs import BROKEN_IMAGE, Cache, digest_of
from paack.helpers.errors import RegistryError, WrongArch
from paack.helpers.oci import LockedImage, LockedLayer, Source, names_of
from paack.helpers.oci import manifest as oci

MOST_LAYERS = 500  # that containers/storage and the kernel's overlayfs put on one another


def locked_image(
    source: Source, arch: str, index: str | None, raw: bytes, raw_config: bytes
) -> LockedImage:
    """Return the locked image of a manifest and a config; ``index`` is the digest of its index.

    Raises RegistryError for what is no image for ``arch``, or what podman and CRI-O cannot read.
    """
    manifest = oci.parse_manifest(raw)
    config = oci.parse_config(raw_config)
    _check_fit(manifest, config, raw_config, arch)
    _check_depth(len(manifest.layers))
    layers = tuple(
        LockedLayer(layer.digest, layer.size, diff_id)
        for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True)
    )
    digest = digest_of(raw)
    return LockedImage(
        source=source.text,
        arch=arch,
        names=names_of(source.reference, index or digest),
        list=index,
        manifest=digest,
        config=digest_of(raw_config),
        created=config.created,
        layers=layers,
    )


def check_image(image: LockedImage, cache: Cache) -> None:
    """Raise RegistryError for a locked image that podman or CRI-O cannot read.

    What ``cache`` has of its manifest and config is looked at: an older paack locked more.
    """
    _check_depth(len(image.layers))
    if cache.has(image.manifest):
        oci.parse_manifest(cache.read(image.manifest))
    if cache.has(image.config):
        oci.parse_config(cache.read(image.config))


def _check_fit(manifest: oci.Manifest, config: oci.Config, raw_config: bytes, arch: str) -> None:
    """Raise RegistryError for a config that is another manifest's, or not for ``arch``."""
    if len(raw_config) != manifest.config.size:
        raise RegistryError(
            f"its manifest gives its config {manifest.config.size} bytes, but it has "
            f"{len(raw_config)}",
            hint=BROKEN_IMAGE,
        )
    if not config.architecture or not config.os:
        raise RegistryError(
            f"its config does not say for which {'architecture' if config.os else 'system'} it is",
            hint="build it anew for one: podman build --platform linux/ARCH",
        )
    if config.architecture != oci_arch(arch) or config.os != "linux":
        raise WrongArch(
            f"is for {config.os}/{config.architecture}, not for {arch}",
            hint=f"name an image for {arch}, or one that has several architectures",
        )
    if len(config.diff_ids) != len(manifest.layers):
        raise RegistryError(
            f"has {len(manifest.layers)} layers but {len(config.diff_ids)} diffIDs",
            hint=BROKEN_IMAGE,
        )


def _check_depth(layers: int) -> None:
    if layers > MOST_LAYERS:
        raise RegistryError(
            f"has {layers} layers: no podman or CRI-O starts more than {MOST_LAYERS}",
            hint="build it anew with fewer: podman build --squash-all, or several steps in one RUN",
        )
