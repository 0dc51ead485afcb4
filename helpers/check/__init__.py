"""Checking definitions, manifests and locks together."""
