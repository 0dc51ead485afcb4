"""Packs in a lock: by the digest of the pack file, and how it can be made anew."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from paack.helpers.arch import OCI_ARCH
from paack.helpers.lock.fields import as_digest, as_size, as_text


@dataclass(frozen=True, slots=True)
class LockedPack:
    """A pack: ``digest`` and ``size`` (bytes) of its file, and the packages that need it.

    It was made from the layers of ``blobs`` (digests, in their order). Of their contents, each
    counted once, it has those whose bits are set in ``bits`` (the lowest bit of a byte first); all
    when that is empty. What is in an RPM says neither.
    """

    arch: str
    digest: str
    size: int
    packages: tuple[str, ...]
    blobs: tuple[str, ...] = ()
    bits: bytes = b""


def pack_document(pack: LockedPack) -> dict[str, object]:
    """Return what a lock says of a pack."""
    return {
        "arch": pack.arch,
        "digest": pack.digest,
        "size": pack.size,
        "packages": list(pack.packages),
        **({"from": list(pack.blobs)} if pack.blobs else {}),
        **({"bits": b64encode(pack.bits).decode()} if pack.bits else {}),
    }


def read_pack(item: dict[str, Any]) -> LockedPack:
    """Return a pack of a lock; raise ValueError, KeyError or TypeError for what is none."""
    packages, blobs = item["packages"], item.get("from", [])
    if not isinstance(packages, list) or not packages:
        raise ValueError("no list of the packages that need a pack")
    if not isinstance(blobs, list):
        raise ValueError("no list of the blobs that a pack is made from")
    if item["arch"] not in OCI_ARCH:
        raise ValueError(f"no architecture: {item['arch']!r}")
    try:
        bits = b64decode(as_text(item.get("bits", "")), validate=True)
    except binascii.Error as error:
        raise ValueError(f"no bits in base64: {error}") from error
    return LockedPack(
        as_text(item["arch"]),
        as_digest(item["digest"]),
        as_size(item["size"]),
        tuple(map(as_text, packages)),
        tuple(map(as_digest, blobs)),
        bits,
    )
