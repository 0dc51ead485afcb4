"""The images of a store fetched several at a time, each layer once.

Images share layers, and skopeo copies one image at a time: an image whose layer an earlier one
brings waits for that one, and then finds the layer in the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

from paack.helpers.blobs import Cache
from paack.helpers.oci import LockedImage, Source, StoredLayer
from paack.helpers.registry.skopeo import Registry

_PARALLEL = 4  # skopeo fetches up to six layers of each at once


def fetch_images(registry: Registry, images: Iterable[tuple[LockedImage, Source]]) -> None:
    """Bring every blob that the cache lacks, of images from their sources.

    Raises what ``Registry.fetch`` raises, for the first image that fails.
    """
    bringing: dict[str, Future[None]] = {}
    fetches = []
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for image, source in images:
            layers = {layer.digest for layer in image.layers}
            earlier = {bringing[digest] for digest in layers if digest in bringing}
            fetch = pool.submit(_fetch_after, earlier, registry, image, source)
            bringing |= {digest: fetch for digest in layers if digest not in bringing}
            fetches.append(fetch)
        try:
            for fetch in fetches:
                fetch.result()
        finally:
            pool.shutdown(cancel_futures=True)


def fetch_layers(
    registry: Registry,
    images: Sequence[tuple[LockedImage, Source]],
    layers: Sequence[StoredLayer],
    *,
    arch: str,
    records: bool,
) -> None:
    """Bring these layers of images of ``arch`` from their sources.

    With ``records`` also the manifests and configs of images whose layers are there. Progress is
    told of all as one.
    """
    asked = to_fetch([image for image, _ in images], layers, registry.cache)
    sources = (source for _, source in images)
    pairs = [
        (image, source)
        for image, source in zip(asked, sources, strict=True)
        if image.layers or records
    ]
    lacking = {
        layer.digest: layer.size
        for image, _ in pairs
        for layer in image.layers
        if not registry.cache.has(layer.digest, layer.size)
    }
    whole = (f"fetch   {arch}", sum(lacking.values()), len(pairs), "image")
    with registry.reporter.whole(*whole) as reporter:
        fetch_images(replace(registry, reporter=reporter), pairs)


def to_fetch(
    images: Iterable[LockedImage], layers: Sequence[StoredLayer], cache: Cache
) -> list[LockedImage]:
    """Return of ``images`` what is to be fetched for a store with these layers.

    An image of which layers are in other stores, and none of the others has to be fetched, comes
    without any.
    """
    held = {each.locked.diff_id for each in layers}
    wanted = {each.locked.digest: each.locked.size for each in layers}
    lacking = {digest for digest, size in wanted.items() if not cache.has(digest, size)}
    found = []
    for image in images:
        brings = {layer.digest for layer in image.layers} & lacking
        is_whole = {layer.diff_id for layer in image.layers} <= held
        found.append(image if brings or is_whole else image.without_layers())
        lacking -= brings
    return found


def _fetch_after(
    earlier: set[Future[None]], registry: Registry, image: LockedImage, source: Source
) -> None:
    # The pool starts in order, so that what is waited for has started.
    wait(earlier)
    if not any(fetch.exception() for fetch in earlier):
        registry.fetch(image, source)
