"""The on-disk layout of squashfs 4.0: structures, inode types, limits.

After Linux, fs/squashfs/squashfs_fs.h and Documentation/filesystems/squashfs.rst. All numbers are
little-endian.
"""

from __future__ import annotations

from struct import Struct

MAGIC, VERSION, ZSTD = b"hsqs", (4, 0), 6
#: magic, inodes, time, block size, fragments, compressor, log2 of the block size, flags, IDs,
#: version; then the root inode, bytes used, and where the tables are.
SUPERBLOCK = Struct("<4s4I6H8Q")
FLAG_DUPLICATES, FLAG_NO_XATTRS, FLAG_OPTIONS = 1 << 6, 1 << 9, 1 << 10
ZSTD_OPTIONS = Struct("<I")  # the level
ZSTD_DEFAULT_LEVEL = 15

METADATA_SIZE = 8192
METADATA_PLAIN = 1 << 15  # in the header of a metadata block: it is not compressed
DATA_PLAIN = 1 << 24  # in the size of a data block
NOTHING_32, NOTHING_64 = (1 << 32) - 1, (1 << 64) - 1
BLOCK_SIZES = range(1 << 12, (1 << 20) + 1)
ALIGNMENT = 4096  # of the whole image: a loop device has no half sectors

DIRECTORY, FILE, SYMLINK, BLOCK_DEVICE, CHAR_DEVICE, FIFO = range(1, 7)
#: An extended inode's type, less that of the basic one.
EXTENDED = 7

#: type, mode, indices of uid and gid, mtime, number
INODE = Struct("<4H2I")
#: start, links, size, offset, parent
DIRECTORY_INODE = Struct("<2I2HI")
#: links, size, start, parent, count of the index, offset, xattrs
DIRECTORY_EXTENDED = Struct("<4I2HI")
#: start, fragment, offset, size
FILE_INODE = Struct("<4I")
#: start, size, sparse, links, fragment, offset, xattrs
FILE_EXTENDED = Struct("<3Q4I")
#: links, size of the target
SYMLINK_INODE = Struct("<2I")
#: links, device
DEVICE_INODE = Struct("<2I")
#: links
FIFO_INODE = Struct("<I")
#: the last field of extended inodes of symbolic links, devices and FIFOs
XATTRS = Struct("<I")

#: count less one, block of the inodes, number to which the entries' are relative
LISTING = Struct("<3I")
#: offset of the inode, its number, type, length of the name less one
LISTING_ENTRY = Struct("<HhHH")
LISTING_COUNT = 256
#: offset in the listing, block of the directory table, length of the name less one
INDEX_ENTRY = Struct("<3I")
INDEX_COUNT = (1 << 16) - 1
DOTS = 3  # a directory's size counts "." and "..", which are not stored

#: start, size
FRAGMENT = Struct("<QI4x")
ID = Struct("<I")
ID_COUNT = (1 << 16) - 1
POINTER = Struct("<Q")

XATTR_PREFIXES = (b"user.", b"trusted.", b"security.")
#: prefix, length of the rest of the key
XATTR_KEY = Struct("<2H")
XATTR_ELSEWHERE = 1 << 8  # in the prefix: the value is the place of one that others have, too
XATTR_VALUE = Struct("<I")
#: reference, count, size
XATTR_SET = Struct("<Q2I")
#: start of keys and values, count of sets
XATTR_TABLE = Struct("<QI4x")
