"""squashfs 4.0 images: their layout, and writing them."""

from paack.helpers.squashfs.compression import Compressor, Settings
from paack.helpers.squashfs.directories import Entry
from paack.helpers.squashfs.inodes import FileData, Inode, LimitError
from paack.helpers.squashfs.layout import ALIGNMENT, BLOCK_SIZES, DATA_PLAIN, NOTHING_32
from paack.helpers.squashfs.tables import DATA_START, SquashfsTables

__all__ = [
    "ALIGNMENT",
    "BLOCK_SIZES",
    "DATA_PLAIN",
    "DATA_START",
    "NOTHING_32",
    "Compressor",
    "Entry",
    "FileData",
    "Inode",
    "LimitError",
    "Settings",
    "SquashfsTables",
]
