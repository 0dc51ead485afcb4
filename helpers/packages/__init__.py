"""Packages inside images: their databases and metadata files, read without running anything."""
