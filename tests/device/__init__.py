"""What paack puts on a device: its shell code and what real tools make of its results."""
