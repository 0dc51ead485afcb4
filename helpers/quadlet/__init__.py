"""Quadlet units (podman-systemd.unit(5)): what they say, and what podman makes of them."""
