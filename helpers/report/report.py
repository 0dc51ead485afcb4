"""Reports: what is in built RPMs, where their bytes are, and where they come from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from paack.helpers.kubernetes import full_name
from paack.helpers.oci import ImageFacts, LockedImage, StoredLayer, stored_layers
from paack.helpers.rpm import ListedPackage, RpmFacts
from paack.helpers.store import LayerFiles, StoreUsage


@dataclass(frozen=True, slots=True)
class ReportedLayer:
    """A layer of a store, once, and the images (their numbers) that have it.

    ``own`` are the bytes in the store that only this layer has; ``common`` those that other layers
    have, too (the same files), which are stored once.
    """

    stored: StoredLayer
    files: LayerFiles
    images: tuple[int, ...]
    made_by: str
    own: int
    common: int

    @property
    def size(self) -> int:
        """Bytes in the store of all its files."""
        return self.own + self.common


@dataclass(frozen=True, slots=True)
class ReportedImage:
    """An image: ``own`` are the bytes in the store that no other image has, ``shared`` others.

    ``packages`` are those that the RPM's bill of materials lists.
    """

    locked: LockedImage
    facts: ImageFacts
    own: int
    shared: int
    packages: tuple[ListedPackage, ...] = ()

    @property
    def kinds(self) -> str:
        """How many packages there are, by kind."""
        counts = Counter(each.kind for each in self.packages)
        return ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts))

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.locked.names[0]

    @property
    def size(self) -> int:
        """Bytes in the store of all its layers."""
        return self.own + self.shared


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an RPM: what, and how many bytes of the file it takes."""

    what: str
    size: int


@dataclass(frozen=True, slots=True)
class ReportedManifest:
    """A manifest with its objects, or a unit with its service, and the images that they name."""

    path: str
    size: int
    objects: tuple[str, ...]
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """What a build says that it was made with: rpm's and libzstd's versions, the store's recipe."""

    rpm: str
    libzstd: str
    recipes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LayerPackage:
    """A package of layers that an RPM needs: their IDs, and the bytes of their blobs."""

    name: str
    layers: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class ReportedPack:
    """A pack that an RPM needs: its package, the size of its file (bytes).

    ``live`` are the bytes of contents in it that the store uses, ``dead`` of those that it does
    not: an older version did, or another package does.
    """

    name: str
    size: int
    live: int
    dead: int


@dataclass(frozen=True, slots=True)
class ReportedRpm:
    """An RPM: ``usage`` is None without images; ``record`` is that of its build, if it is there.

    ``parts`` add up to the size of the file. Layers in ``layer_packages`` are not in it, nor are
    ``packs``, over which its store is an index.
    """

    facts: RpmFacts
    filesystem: str
    usage: StoreUsage | None
    images: tuple[ReportedImage, ...]
    layers: tuple[ReportedLayer, ...]
    parts: tuple[Part, ...]
    manifests: tuple[ReportedManifest, ...]
    lock_sha256: str
    record: BuildRecord | None
    layer_packages: tuple[LayerPackage, ...] = ()
    packs: tuple[ReportedPack, ...] = ()

    def update_of(self, image: ReportedImage) -> int:
        """Return about how many bytes an update downloads that changes the image's top layer."""
        tops = {each.id for each in stored_layers([image.locked])}
        tops -= {parent for each in stored_layers([image.locked]) for parent in each.parents}
        packages = [each.size for each in self.layer_packages if tops & set(each.layers)]
        # Nothing says what of a layer will change: all that no other layer has, at the most.
        new = [each.own for each in self.layers if self.packs and each.stored.id in tops]
        return self.facts.size + sum(packages) + sum(new)

    @property
    def uncompressed(self) -> int:
        """Bytes of all parts, without RPM's own compression, and of packs."""
        parts = sum(part.size for part in self.parts if part.size > 0)
        return parts + sum(pack.size for pack in self.packs)

    @property
    def on_disk(self) -> int:
        """Bytes of the store image."""
        return self.usage.size if self.usage else 0

    @property
    def layer_bytes(self) -> int:
        """Bytes of all layers in the store image, what they have in common once."""
        return sum(self.usage.pieces.values()) if self.usage else 0

    @property
    def unpacked(self) -> int:
        """Bytes of all files of all layers, each layer once."""
        return sum(layer.files.unpacked for layer in self.layers)

    @property
    def registry(self) -> int:
        """Bytes of the layers' blobs in a registry, each blob once."""
        return sum(
            {each.stored.locked.digest: each.stored.locked.size for each in self.layers}.values()
        )

    def image_number(self, name: str) -> int | None:
        """Return which of its images a manifest means by ``name``."""
        reference = full_name(name)
        wanted = {name, str(reference)} if reference else {name}
        numbers = range(len(self.images))
        return next((n for n in numbers if wanted & set(self.images[n].locked.names)), None)


@dataclass(frozen=True, slots=True)
class Report:
    """The RPMs of one NAME-VERSION-RELEASE, sorted by arch."""

    rpms: tuple[ReportedRpm, ...]

    @property
    def facts(self) -> RpmFacts:
        """What the RPMs have in common, read from the first."""
        return self.rpms[0].facts
