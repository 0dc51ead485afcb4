"""Layers that several packages share, in packages of their own."""
