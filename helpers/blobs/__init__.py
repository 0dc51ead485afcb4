"""Blobs: compressed or not, by digest, and the cache that keeps them."""
