"""Images and layers by digest: what a lock pins, and every later step takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from paack.helpers.oci.reference import Reference, Source, parse_source


@dataclass(frozen=True, slots=True)
class LockedLayer:
    """A layer: digest and size (bytes) of its blob, digest of its uncompressed tar."""

    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True, slots=True)
class LockedImage:
    """An image of one arch. ``list`` is the digest of the index that names it, if one does.

    ``filesystem`` is what holds all of its files, where a package of it leaves that to paack.
    """

    source: str
    arch: str
    names: tuple[str, ...]
    list: str | None
    manifest: str
    config: str
    created: str
    layers: tuple[LockedLayer, ...]
    filesystem: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all layer blobs."""
        return sum(layer.size for layer in self.layers)

    def without_layers(self) -> LockedImage:
        """Return what is left of it to be fetched: its index, manifest and config."""
        return replace(self, layers=())


def names_of(reference: Reference, digest: str) -> tuple[str, ...]:
    """Return the names of an image in a store: by tag and by digest, so that both are found.

    ``digest`` is that of its index, or of its manifest when it is in none.
    """
    by_digest = f"{reference.repo}@{reference.digest or digest}"
    return (f"{reference.repo}:{reference.tag}", by_digest) if reference.tag else (by_digest,)


def source_of(image: LockedImage) -> Source:
    """Return where a locked image comes from."""
    return parse_source(image.source, image.names[0])


def in_order(images: Iterable[LockedImage]) -> list[LockedImage]:
    """Return images in the order that all steps have them in, whatever a definition's is."""
    return sorted(images, key=lambda image: (image.names, image.manifest))
