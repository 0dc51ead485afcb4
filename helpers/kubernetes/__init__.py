"""Manifests and the images that they name."""
