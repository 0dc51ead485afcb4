"""Definitions: which images and manifests become which packages."""
