"""Locks: a definition resolved to digests, and what packages hold by them."""
