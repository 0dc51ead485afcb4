"""squashfs 4.0 images: their layout, and writing them."""
