"""Reading store images without mounting them, and so without root."""

from __future__ import annotations

import os
from pathlib import Path

from paack.helpers.store import erofs_reader, squashfs_table
from paack.helpers.store.table import Table

_SUPERBLOCK = 96
_BYTES_USED = slice(40, 48)
_ALIGNMENT = 4096


def read_image(image: Path, filesystem: str) -> Table:
    """Return all that a filesystem image holds; raise ValueError when it is damaged."""
    if filesystem == "erofs":
        return erofs_reader.read_table(image)
    _check_squashfs_size(image)
    return squashfs_table.read_table(image)


def _check_squashfs_size(image: Path) -> None:
    """Nothing but zeros may follow the filesystem, to the next whole 4 KiB."""
    with image.open("rb") as file:
        head = file.read(_SUPERBLOCK)
        if len(head) < _SUPERBLOCK or head[:4] != b"hsqs":
            raise ValueError("no squashfs")
        used = int.from_bytes(head[_BYTES_USED], "little")
        size = file.seek(0, os.SEEK_END)
        if not used <= size <= used + _ALIGNMENT:
            raise ValueError(f"{size} bytes, of which {used} are used")
        file.seek(used)
        if file.read().strip(b"\0"):
            raise ValueError("there is something behind the filesystem")
