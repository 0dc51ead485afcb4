"""Image manifests, indexes and configs: OCI image specification 1.1 and Docker schema 2.

Pure: bytes in, frozen values out. What comes from a registry is hostile: every field that is
used is checked, and the rest is ignored.
"""

from __future__ import annotations

import json
import re
import reprlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from helpers.arch import OCI_ARCH
from helpers.errors import RegistryError
from helpers.registry.blob import is_digest

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_SIZE_LIMIT = 1 << 63
_LICENSES = "org.opencontainers.image.licenses"
_NO_TIME = "1970-01-01T00:00:00Z"


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


def is_index(raw: bytes) -> bool:
    """Tell whether a manifest is an OCI index or a Docker manifest list."""
    document = _object(raw, "manifest")
    return document.get("mediaType") in (OCI_INDEX, DOCKER_LIST) or (
        "manifests" in document and "layers" not in document
    )


def choose(raw: bytes, rpm_arch: str) -> str:
    """Return the digest of the manifest for ``rpm_arch`` in an index.

    Raises RegistryError naming the platforms that are there.
    """
    name, variants = OCI_ARCH[rpm_arch]
    found: dict[str, str] = {}
    there: list[str] = []
    for item in _list(_object(raw, "index"), "manifests"):
        platform = item.get("platform") if isinstance(item, dict) else None
        if not isinstance(platform, dict) or platform.get("os") == "unknown":
            continue  # attestations
        architecture, variant = _text(platform, "architecture"), _text(platform, "variant")
        there.append("/".join(filter(None, (architecture or "?", variant))))
        if platform.get("os") == "linux" and architecture == name:
            found.setdefault(variant, _descriptor(item, "index").digest)
    for variant in variants:
        if variant in found:
            return found[variant]
    raise RegistryError(
        f"no image for {rpm_arch} ({name}); there are: {', '.join(sorted(set(there))) or 'none'}",
        hint=f"choose a tag that has {name}, or leave {rpm_arch} out of the definition",
    )


def parse_manifest(raw: bytes) -> Manifest:
    """Parse an OCI or Docker schema 2 manifest; raise RegistryError for anything else."""
    document = _object(raw, "manifest")
    if document.get("schemaVersion") != 2:
        raise RegistryError(
            "not an OCI or Docker schema 2 manifest",
            hint="push the image anew with a current tool (podman push, skopeo copy)",
        )
    config = _descriptor(document.get("config"), "manifest")
    layers = tuple(_descriptor(layer, "manifest") for layer in _list(document, "layers"))
    media_type = _text(document, "mediaType") or (
        DOCKER_MANIFEST if "docker" in config.media_type else OCI_MANIFEST
    )
    return Manifest(media_type, config, layers)


def parse_config(raw: bytes) -> Config:
    """Parse an image config; raise RegistryError when a needed field is not right."""
    document = _object(raw, "config")
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(is_digest(d) for d in diff_ids):
        raise RegistryError("the image's config has no list of diffIDs")
    return Config(
        architecture=_text(document, "architecture"),
        os=_text(document, "os"),
        created=_created(document),
        diff_ids=tuple(diff_ids),
        licenses=_text(_member(_member(document, "config"), "Labels"), _LICENSES),
    )


def parse_time(text: str) -> datetime:
    """Parse a time of RFC 3339, with up to nine digits after the dot; raise ValueError."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"not a time: {text!r}")
    head, dot, tail = text.replace("Z", "+00:00").partition(".")
    if dot:
        digits = tail[: len(tail) - 6]
        head += f".{digits[:6]:0<6}" + tail[len(digits) :]
    try:
        return datetime.fromisoformat(head).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"not a time: {text!r}") from error


def _created(config: dict[str, Any]) -> str:
    """Return when an image says that it was made; 1970 when it says nothing useful."""
    created = _text(config, "created")
    try:
        parse_time(created)
    except ValueError:
        return _NO_TIME
    return created


def _member(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"the {what} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise RegistryError(f"the {what} is not a JSON object")
    return document


def _list(document: dict[str, Any], key: str) -> list[Any]:
    value = document.get(key)
    if not isinstance(value, list):
        raise RegistryError(f"no list of {key!r} in the manifest")
    return value


def _descriptor(value: object, what: str) -> Descriptor:
    if isinstance(value, dict):
        digest, size = value.get("digest"), value.get("size")
        if is_digest(digest) and type(size) is int and 0 <= size < _SIZE_LIMIT:
            return Descriptor(str(digest), size, _text(value, "mediaType"))
    raise RegistryError(f"the {what} has a bad descriptor: {reprlib.repr(value)}")
