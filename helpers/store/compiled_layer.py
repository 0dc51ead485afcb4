"""A compiled layer: its files' compressed blocks, and what a store needs to know of its files.

Who writes to a user's cache decides what is built from it; `paack verify` reads blobs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from struct import Struct
from typing import IO, Any

from paack.helpers.store.block_file import BlockFile, Ends, Form, write_end
from paack.helpers.store.blocks import BlockWriter
from paack.helpers.store.store import LayerFacts

FORMAT = 1  # raise it when the file has another form
#: Kind, length of the name, mode, uid, gid, mtime, number, links (of a directory: the number of
#: the one above), xattrs, value: of a file its content, of a directory how many entries it has, of
#: a symbolic link the length of its target, of a device its number (Linux's new_encode_dev), of a
#: further name of a file the number of that.
NODE = Struct("<2BH7I")
LINK_KIND = 0  # beside the types of squashfs inodes
_XATTR_COUNT, _XATTR = Struct("<I"), Struct("<2I")


@dataclass(frozen=True, slots=True)
class Head:
    """What a layer is. ``tar_split`` is the number of a content.

    ``unpacked`` are the bytes of its files, each once, as ``paack report`` has them.
    """

    facts: LayerFacts
    inodes: int
    tar_split: int
    unpacked: int


class CompiledLayer(BlockFile):
    """A compiled layer that is open for reading."""

    form = Form(b"paackLyr", ("contents", "words", "fragments", "xattrs", "nodes"))

    def __init__(self, ends: Ends) -> None:
        super().__init__(ends)
        self.head = _head(**ends.head)

    def xattrs(self) -> list[dict[bytes, bytes]]:
        """Return the sets of xattrs by number."""
        return list(_unpack_xattrs(self.section("xattrs")))


def write_layer_end(
    out: IO[bytes], blocks: BlockWriter, sections: Mapping[str, bytes | bytearray], head: Head
) -> None:
    """Write what follows the blocks."""
    write_end(out, blocks.sha256, blocks.size, CompiledLayer.form, sections, asdict(head))


def _head(facts: dict[str, Any], **numbers: int) -> Head:
    owners = {key: tuple(facts[key]) for key in ("uids", "gids")}
    return Head(LayerFacts(**{**facts, **owners}), **numbers)


def pack_xattrs(sets: Sequence[Mapping[bytes, bytes]]) -> bytes:
    """Return sets of xattrs as a section."""
    parts = []
    for xattrs in sets:
        parts.append(_XATTR_COUNT.pack(len(xattrs)))
        for key, value in xattrs.items():
            parts.append(_XATTR.pack(len(key), len(value)) + key + value)
    return b"".join(parts)


def _unpack_xattrs(section: bytes) -> Iterator[dict[bytes, bytes]]:
    at = 0
    while at < len(section):
        (count,) = _XATTR_COUNT.unpack_from(section, at)
        at += _XATTR_COUNT.size
        found = {}
        for _ in range(count):
            key, value = _XATTR.unpack_from(section, at)
            at += _XATTR.size
            found[section[at : at + key]] = section[at + key : at + key + value]
            at += key + value
        yield found
