"""Stores of images (containers/storage, driver overlay), written and read as files."""
