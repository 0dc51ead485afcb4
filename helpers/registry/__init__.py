"""Where images come from, and the cache of their blobs."""
