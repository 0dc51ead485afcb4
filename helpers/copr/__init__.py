"""Building in Copr."""
