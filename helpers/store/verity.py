"""The hash tree of dm-verity over a store image, as veritysetup(8) formats it.

Format 1 with SHA-256 and blocks of 4 KiB (cryptsetup's wiki, "DMVerity"; the kernel's
admin-guide/device-mapper/verity.rst): a superblock, then the levels of hashes, the top one first.
The kernel checks each block of the image against it when it is read, from the root hash on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from uuid import NAMESPACE_URL, UUID, uuid5

BLOCK = 4096
_SUPERBLOCK = Struct("<8s2I16s32s2IQH6x256s168x")
_MAGIC, _VERSION, _HASH_TYPE = b"verity\0\0", 1, 1
_ALGORITHM = b"sha256"
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class HashTree:
    """A hash tree: the file beside the image, and the root hash (hexadecimal digits)."""

    content: bytes
    root: str


def hash_tree(image: Path, name: str) -> HashTree:
    """Return the tree of a store image; ``name`` (of its package) decides salt and UUID.

    Nothing else does: the same image of the same package has the same tree. Raises ValueError for
    an image that is not made of whole blocks.
    """
    salt = hashlib.sha256(f"paack verity {name}".encode()).digest()
    salted = hashlib.sha256(salt)
    level, blocks = bytearray(), 0
    with image.open("rb") as file:
        while chunk := file.read(_READ):
            if len(chunk) % BLOCK:
                raise ValueError(f"{image.name}: its size is not a multiple of {BLOCK} bytes")
            blocks += len(chunk) // BLOCK
            level += _hashes(chunk, salted)
    if not blocks:
        raise ValueError(f"{image.name} is empty")
    levels: list[bytes] = []
    while len(level) > salted.digest_size:
        levels.append(bytes(level) + bytes(-len(level) % BLOCK))
        level = _hashes(levels[-1], salted)
    content = _superblock(salt, blocks, uuid5(NAMESPACE_URL, f"paack verity {name}"))
    return HashTree(content + b"".join(reversed(levels)), bytes(level).hex())


def _hashes(data: bytes, salted: hashlib._Hash) -> bytearray:
    """Return the hashes of the blocks of ``data``, one after the other."""
    found, view = bytearray(), memoryview(data)
    for at in range(0, len(data), BLOCK):
        each = salted.copy()
        each.update(view[at : at + BLOCK])
        found += each.digest()
    return found


def _superblock(salt: bytes, blocks: int, uuid: UUID) -> bytes:
    fields = (_MAGIC, _VERSION, _HASH_TYPE, uuid.bytes, _ALGORITHM, BLOCK, BLOCK, blocks)
    return _SUPERBLOCK.pack(*fields, len(salt), salt).ljust(BLOCK, b"\0")
