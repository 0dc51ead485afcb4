"""Blobs: compressed or not, by digest, and the cache that keeps them."""

from paack.helpers.blobs.blob import BROKEN_IMAGE, BlobReader, Compression, digest_of, is_digest
from paack.helpers.blobs.cache import Cache, default_cache
from paack.helpers.blobs.prune import remove, unused

__all__ = [
    "BROKEN_IMAGE",
    "BlobReader",
    "Cache",
    "Compression",
    "default_cache",
    "digest_of",
    "is_digest",
    "remove",
    "unused",
]
