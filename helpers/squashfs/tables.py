"""The tables of an image, put together, and the superblock that tells where they are.

From the start: superblock, options of the compressor, blocks of files and fragments, then the
tables of inodes, names, fragments, owners and xattrs.
"""

from __future__ import annotations

from struct import Struct

from paack.helpers.squashfs.compression import Compressor
from paack.helpers.squashfs.directories import DirectoryTable, Entry
from paack.helpers.squashfs.inodes import FileData, Inode, InodeTable
from paack.helpers.squashfs.layout import (
    ALIGNMENT,
    DIRECTORY,
    FILE,
    FLAG_DUPLICATES,
    FLAG_NO_XATTRS,
    FLAG_OPTIONS,
    FRAGMENT,
    MAGIC,
    METADATA_PLAIN,
    NOTHING_64,
    SUPERBLOCK,
    SYMLINK,
    VERSION,
    ZSTD,
    ZSTD_OPTIONS,
)
from paack.helpers.squashfs.metadata import lookup_table
from paack.helpers.squashfs.xattrs import XattrTable

_OPTIONS_HEADER = Struct("<H")
#: Where the blocks of files begin.
DATA_START = SUPERBLOCK.size + _OPTIONS_HEADER.size + ZSTD_OPTIONS.size


class SquashfsTables:
    """The tables of an image whose files' blocks are written by someone else, from DATA_START.

    Inodes may be added in any order, directories after what they hold.
    """

    def __init__(self, compressor: Compressor, block_size: int) -> None:
        self.block_size = block_size
        self.inodes = InodeTable(compressor)
        self.xattrs = XattrTable(compressor)
        self._compressor = compressor
        self._directories = DirectoryTable(compressor)
        self._fragments: list[tuple[int, int]] = []
        self._count = 0

    def number(self, count: int = 1) -> int:
        """Return the first of ``count`` new inode numbers, which follow one another."""
        first = self._count + 1
        self._count += count
        return first

    @property
    def fragments(self) -> int:
        """How many fragment blocks there are."""
        return len(self._fragments)

    def fragment(self) -> int:
        """Return the number of a new fragment block; see ``place_fragment``."""
        self._fragments.append((0, 0))
        return len(self._fragments) - 1

    def place_fragment(self, number: int, start: int, size: int) -> None:
        """Say where a fragment block is, and its size field."""
        self._fragments[number] = start, size

    def file(self, name: bytes, inode: Inode, data: FileData) -> Entry:
        """Add a regular file, and return its entry in a directory."""
        return Entry(name, self.inodes.file(inode, data), inode.number, FILE)

    def symlink(self, name: bytes, inode: Inode, target: bytes) -> Entry:
        """Add a symbolic link, and return its entry in a directory."""
        return Entry(name, self.inodes.symlink(inode, target), inode.number, SYMLINK)

    def special(self, name: bytes, inode: Inode, kind: int, device: int) -> Entry:
        """Add a FIFO or a device, and return its entry in a directory."""
        return Entry(name, self.inodes.special(inode, kind, device), inode.number, kind)

    def directory(
        self, name: bytes, inode: Inode, parent: int | None, entries: list[Entry]
    ) -> Entry:
        """Add a directory, with its ``entries`` in any order, and return its own entry.

        ``parent`` is the number of the inode above; the root, which comes last, has None.
        """
        entries.sort()
        directories = sum(entry.kind == DIRECTORY for entry in entries)
        listing = self._directories.add(entries)
        inode = inode._replace(links=2 + directories)
        # As mksquashfs has it: 0 is no number, and ".." would not be listed.
        above = self._count + 1 if parent is None else parent
        return Entry(name, self.inodes.directory(inode, above, listing), inode.number, DIRECTORY)

    def close(self, start: int, root: Entry) -> tuple[bytes, bytes]:
        """Return (what is in front of the files' blocks, what follows them at ``start``)."""
        compressor = self._compressor
        inodes, owners = self.inodes.close()
        names = self._directories.close()
        parts = [inodes, names]
        at = start + len(inodes) + len(names)

        def add(*more: bytes) -> int:
            """Add parts and return where the last one is."""
            nonlocal at
            parts.extend(more)
            at += sum(map(len, more))
            return at - len(more[-1])

        records = b"".join(FRAGMENT.pack(*fragment) for fragment in self._fragments)
        fragments = add(*lookup_table(compressor, records, at)) if records else NOTHING_64
        ids = add(*lookup_table(compressor, owners, at))
        xattrs, head = self.xattrs.close(at)
        add(xattrs)
        superblock = SUPERBLOCK.pack(
            MAGIC, self._count, 0, self.block_size, len(self._fragments), ZSTD,
            self.block_size.bit_length() - 1,
            FLAG_DUPLICATES | FLAG_OPTIONS | (FLAG_NO_XATTRS if head is None else 0),
            len(owners) // 4, *VERSION, root.reference, at, ids,
            NOTHING_64 if head is None else head, start, start + len(inodes), fragments,
            NOTHING_64,
        )  # fmt: skip
        parts.append(bytes(-at % ALIGNMENT))
        return superblock + _options(compressor.settings.level), b"".join(parts)


def _options(level: int) -> bytes:
    options = ZSTD_OPTIONS.pack(level)
    return _OPTIONS_HEADER.pack(len(options) | METADATA_PLAIN) + options
