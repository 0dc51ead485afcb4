"""Repositories: made, published, proved."""
