"""Tests on real parts: registry, podman, rpm."""
