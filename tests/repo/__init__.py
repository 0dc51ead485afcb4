"""Signed repositories: made, published, read by dnf, verified."""
