"""Image manifests, indexes and configs: OCI image specification 1.1 and Docker schema 2.

Pure: bytes in, frozen values out. What comes from a registry is hostile: every field that podman
or CRI-O would decode is decoded as they do it, and the rest is ignored. For one image that they
cannot decode makes them list none of a host, once it is in a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paack.helpers.arch import OCI_ARCH
from paack.helpers.blobs import BROKEN_IMAGE, digest_of, is_digest
from paack.helpers.errors import RegistryError, WrongArch
from paack.helpers.oci import go_types
from paack.helpers.oci.go_json import JSONProblem, Struct, decode

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_INDEXES = (OCI_INDEX, DOCKER_LIST)
_DOCKER_LAYERS = frozenset(
    f"application/vnd.docker.image.rootfs.{kind}.tar{packing}"
    for kind in ("diff", "foreign.diff")
    for packing in ("", ".gzip")
)

READING = 1  # raise it when images are refused that were taken before
_LARGEST = 4 << 20  # bytes that containers/image reads of a manifest or config
_LICENSES = "org.opencontainers.image.licenses"
_NO_TIME = "1970-01-01T00:00:00Z"  # of a config that has none
_UNREADABLE = (
    "podman and CRI-O cannot read it, and with such an image in a store they list no image at all: "
    "build it anew with a current tool, or ask who made it"
)
_ANEW = "push the image anew with a current tool (podman push, skopeo copy)"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to a blob: digest, size in bytes and media type."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest: its config and its layers, the base first."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """The parts of an image config that matter here; ``created`` is RFC 3339.

    ``licenses`` is what the label org.opencontainers.image.licenses says: any text.
    """

    architecture: str
    os: str
    created: str
    diff_ids: tuple[str, ...]
    licenses: str = ""


def media_type(raw: bytes) -> str:
    """Return the media type of a manifest or index, told as containers/image tells it in a store.

    Raises RegistryError for what is neither.
    """
    head = _decoded(raw, go_types.HEAD, "manifest")
    named = str(head.get("mediaType", ""))
    if named in (OCI_MANIFEST, DOCKER_MANIFEST, *_INDEXES):
        return named
    if head.get("schemaVersion") != 2:
        raise RegistryError("not an OCI or Docker schema 2 manifest", hint=_ANEW)
    # OCI image specification 1.0 reserved the property mediaType.
    config = head.get("config", {}).get("mediaType", "")
    if config == DOCKER_CONFIG:
        return DOCKER_MANIFEST
    return OCI_INDEX if head.get("manifests") and not config else OCI_MANIFEST


def is_index(raw: bytes) -> bool:
    """Tell whether a manifest is an OCI index or a Docker manifest list; raise RegistryError."""
    return media_type(raw) in _INDEXES


def choose(raw: bytes, rpm_arch: str) -> str:
    """Return the digest of the manifest for ``rpm_arch`` in an index.

    As containers/image does, it is the first entry without a platform where none is for the
    architecture. Raises WrongArch naming the platforms that are there.
    """
    name, variants = OCI_ARCH[rpm_arch]
    is_oci = media_type(raw) == OCI_INDEX
    document = _decoded(raw, go_types.OCI_INDEX if is_oci else go_types.DOCKER_LIST, "index")
    _check_unambiguous(document, ("config", "layers"), "index")
    by_variant: dict[str, dict[str, Any]] = {}
    unnamed: dict[str, Any] | None = None
    platforms: set[str] = set()
    for item in document.get("manifests") or ():
        item = item or {}
        platform = item.get("platform")
        if platform is None and is_oci:
            unnamed = item if unnamed is None else unnamed
            continue
        platform = platform or {}
        if platform.get("os") == "unknown":
            continue  # attestations
        architecture, variant = platform.get("architecture", ""), platform.get("variant", "")
        platforms.add("/".join(filter(None, (architecture or "?", variant))))
        if platform.get("os") == "linux" and architecture == name:
            by_variant.setdefault(variant, item)
    chosen = next((by_variant[each] for each in variants if each in by_variant), unnamed)
    if chosen is None:
        raise WrongArch(
            f"no image for {rpm_arch} ({name}); "
            f"there are: {', '.join(sorted(platforms)) or 'none'}",
            hint=f"choose a tag that has {name}, or leave {rpm_arch} out of the definition",
        )
    return _descriptor(chosen, "index").digest


def parse_manifest(raw: bytes) -> Manifest:
    """Parse an OCI or Docker schema 2 manifest of an image; raise RegistryError for all else."""
    kind = media_type(raw)
    if kind in _INDEXES:
        raise RegistryError(
            "what should be the image is an index of images, in an index: podman takes no such",
            hint=f"name the inner index itself: REPOSITORY@{digest_of(raw)}",
        )
    is_oci = kind == OCI_MANIFEST
    types = go_types.OCI_MANIFEST if is_oci else go_types.DOCKER_MANIFEST
    document = _decoded(raw, types, "manifest")
    if document.get("schemaVersion") != 2:
        raise RegistryError("not an OCI or Docker schema 2 manifest", hint=_ANEW)
    _check_unambiguous(document, ("manifests",), "manifest")
    if not is_oci and document.get("mediaType") != DOCKER_MANIFEST:
        raise RegistryError("its manifest is of Docker's type and does not say so", hint=_ANEW)
    if is_oci:
        _check_image(document)
    config = _descriptor(document.get("config"), "manifest's config")
    layers = tuple(
        _descriptor(layer, f"manifest's layer {number}")
        for number, layer in enumerate(document.get("layers") or (), 1)
    )
    for number, layer in enumerate(layers, 1):
        _check_layer(layer, number, is_oci)
    return Manifest(kind, config, layers)


def parse_config(raw: bytes) -> Config:
    """Parse an image config; raise RegistryError for what podman or CRI-O cannot decode."""
    document = _decoded(raw, go_types.IMAGE, "config")
    diff_ids = document.get("rootfs", {}).get("diff_ids")
    if diff_ids is None or not all(map(is_digest, diff_ids)):
        raise RegistryError("its config has no list of diffIDs (sha256:…)", hint=BROKEN_IMAGE)
    labels = document.get("config", {}).get("Labels") or {}
    return Config(
        architecture=document.get("architecture", ""),
        os=document.get("os", ""),
        created=document.get("created", _NO_TIME),
        diff_ids=tuple(diff_ids),
        licenses=labels.get(_LICENSES) or "",
    )


def _decoded(raw: bytes, struct: Struct, what: str) -> dict[str, Any]:
    if len(raw) > _LARGEST:
        message = f"its {what} has {len(raw)} bytes; podman and CRI-O read at most {_LARGEST}"
        raise RegistryError(message, hint=_UNREADABLE)
    try:
        return decode(raw, struct)
    except JSONProblem as error:
        raise RegistryError(f"its {what} cannot be used: {error}", hint=_UNREADABLE) from error


def _check_unambiguous(document: dict[str, Any], others: tuple[str, ...], what: str) -> None:
    """Raise RegistryError for what could be read as something else, too (CVE-2021-41190)."""
    for name in (*others, "fsLayers", "history"):
        if document.get(name) is not None:
            raise RegistryError(f"its {what} has {name!r}, as another kind has", hint=_ANEW)


def _check_image(document: dict[str, Any]) -> None:
    """Raise RegistryError for an OCI manifest of what is no image."""
    config = document.get("config", {}).get("mediaType", "")
    if config == DOCKER_CONFIG:
        raise RegistryError("its manifest is OCI's, its config is of Docker's type", hint=_ANEW)
    if config != OCI_CONFIG:
        kind = document.get("artifactType") or config or "none"
        raise RegistryError(
            f"it is no image but an artifact (type {kind}), which no container can be made from",
            hint="a chart, a signature, a model: leave it out of the images, or name the image",
        )


def _check_layer(layer: Descriptor, number: int, is_oci: bool) -> None:
    """Raise RegistryError for a layer that devices cannot use."""
    if "+encrypted" in layer.media_type:
        raise RegistryError(
            f"layer {number} is encrypted ({layer.media_type}): no device could start the image",
            hint="copy it decrypted, and name the copy: skopeo copy --decryption-key KEY "
            "docker://IMAGE docker://COPY",
        )
    if not is_oci and layer.media_type not in _DOCKER_LAYERS:
        raise RegistryError(
            f"layer {number} is of the type {layer.media_type!r}, which Docker's manifests lack",
            hint="push it as OCI: podman push --format oci, docker buildx build --output "
            "type=registry,oci-mediatypes=true",
        )


def _descriptor(value: dict[str, Any] | None, what: str) -> Descriptor:
    value = value or {}
    digest, size = value.get("digest"), value.get("size", -1)
    if not is_digest(digest):
        raise RegistryError(f"the {what} has no digest (sha256:…): {digest!r}", hint=BROKEN_IMAGE)
    if size < 0:
        raise RegistryError(f"the {what} has no size", hint=BROKEN_IMAGE)
    return Descriptor(str(digest), size, value.get("mediaType", ""))
