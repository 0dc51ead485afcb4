"""Chain IDs (OCI image config) and the salted IDs that layers have in a store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from paack.helpers.oci.locked import LockedImage, LockedLayer, in_order

SALT = "paack:"


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """A layer in its place: its ID, those of its parents (nearest first), and its blob."""

    id: str
    parents: tuple[str, ...]
    locked: LockedLayer


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return the chain IDs of a stack of layers, the base first (OCI image config, ChainID)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        link = f"{chain[-1]} {diff_id}" if chain else None
        chain.append(
            f"sha256:{hashlib.sha256(link.encode()).hexdigest()}" if link is not None else diff_id
        )
    return chain


def layer_id(chain_id: str) -> str:
    """Return the ID (64 hexadecimal digits) of a layer in a store."""
    return hashlib.sha256(f"{SALT}{chain_id}".encode()).hexdigest()


def stored_layers(images: Sequence[LockedImage]) -> list[StoredLayer]:
    """Return each layer of the images once, sorted by ID.

    Of several blobs of a layer the first image's counts, in the order of names and manifests.
    """
    found: dict[str, StoredLayer] = {}
    for image in in_order(images):
        ids = [layer_id(chain) for chain in chain_ids([each.diff_id for each in image.layers])]
        for depth, locked in enumerate(image.layers):
            parents = tuple(reversed(ids[:depth]))
            found.setdefault(ids[depth], StoredLayer(ids[depth], parents, locked))
    return [found[identifier] for identifier in sorted(found)]
