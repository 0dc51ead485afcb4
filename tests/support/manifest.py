"""Manifests as skopeo gets them from a registry of the tests."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.commands import run
from tests.support.image_directory import Digests
from tests.support.registry import Registry


def raw_manifest(registry: Registry, name: str, reference: str) -> str:
    """Return the manifest (or list) of `registry.host/name`, by `@sha256:...` or `:tag`."""
    source = f"docker://{registry.host}/{name}{reference}"
    return run(["skopeo", "inspect", "--raw", "--tls-verify=false", source]).stdout


def manifest(registry: Registry, name: str, digest: str) -> dict[str, Any]:
    """Return the parsed manifest with `digest`."""
    document: dict[str, Any] = json.loads(raw_manifest(registry, name, f"@{digest}"))
    return document


def layer_digests(registry: Registry, name: str, digest: str) -> list[str]:
    """Return the digests of the layer blobs of one manifest, the base first."""
    return [layer["digest"] for layer in manifest(registry, name, digest)["layers"]]


def all_layers(registry: Registry, images: Mapping[str, Digests]) -> set[str]:
    """Return the digests of the layer blobs of all arches of the images."""
    return {
        layer
        for name, digests in images.items()
        for digest in digests.per_arch.values()
        for layer in layer_digests(registry, name, digest)
    }
