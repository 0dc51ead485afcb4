"""tar-split: what is needed to give back a layer's exact tar archive from its extracted files.

The format is that of github.com/vbatts/tar-split, as containers/storage keeps it beside each
layer: JSON lines, gzipped, of raw *segments* (headers, padding) and *files* (name, size,
CRC-64/ISO). Data that no extracted file can give back is kept in segments: that of sparse files
and of members that a later member replaces. (podman cannot push the former, nor pull the latter.)
"""

from __future__ import annotations

import json
import os
import zlib
from base64 import b64encode
from collections.abc import Iterable
from struct import pack
from typing import IO

from paack.helpers.store import tar
from paack.helpers.store.layer_tree import Tree

_SEGMENT_LIMIT = 1 << 20
_JSON = json.JSONEncoder(ensure_ascii=False)
_STORED_BLOCK = 0xFFFF


def write(out: IO[bytes], spool: int, size: int, entries: Iterable[tar.Entry], tree: Tree) -> None:
    """Write the tar-split of an archive to ``out``.

    ``spool`` is a descriptor of the archive (uncompressed, ``size`` bytes), ``entries`` its
    members in order, ``tree`` what they made.
    """
    lines = _Lines(StoredGzip(out), spool)
    _name_by_tree(tree)
    empty: set[bytes] = set()
    cursor = 0
    for entry in entries:
        if entry.kept:
            lines.segment(cursor, entry.offset)
            lines.file(entry.name, entry.size, entry.crc)
            cursor = entry.offset + entry.stored
        elif not entry.stored:
            # podman lists every member; a name must not come twice.
            name = os.path.normpath(entry.name)
            if name not in empty and not _names_data(tree, name):
                empty.add(name)
                lines.segment(cursor, entry.offset)
                lines.file(name, 0, None)
                cursor = entry.offset
    lines.segment(cursor, size)
    lines.out.close()


class _Lines:
    def __init__(self, out: StoredGzip, spool: int):
        self.out = out
        self._spool = spool
        self._position = 0

    def segment(self, start: int, end: int) -> None:
        while start < end:
            raw = os.pread(self._spool, min(end - start, _SEGMENT_LIMIT), start)
            self._line(b'{"type":2,"payload":"%b"' % b64encode(raw))
            start += len(raw)

    def file(self, path: bytes, size: int, crc: int | None) -> None:
        try:
            name = b'"name":%b' % _JSON.encode(path.decode()).encode()
        except UnicodeDecodeError:
            name = b'"name_raw":"%b"' % b64encode(path)
        payload = b"null" if crc is None else b'"%b"' % b64encode(crc.to_bytes(8, "big"))
        length = b',"size":%d' % size if size else b""
        self._line(b'{"type":1,%b%b,"payload":%b' % (name, length, payload))

    def _line(self, text: bytes) -> None:
        self.out.write(b'%b,"position":%d}\n' % (text, self._position))
        self._position += 1


class StoredGzip:
    """A gzip stream (RFC 1952) of stored deflate blocks (RFC 1951, 3.2.4).

    The same bytes whatever the version of zlib; the filesystem compresses them anyway.
    """

    def __init__(self, out: IO[bytes]):
        self._out = out
        self._pending = bytearray()
        self._crc = 0
        self._size = 0
        out.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        self._pending += data
        while len(self._pending) > _STORED_BLOCK:
            self._block(self._pending[:_STORED_BLOCK], final=False)
            del self._pending[:_STORED_BLOCK]

    def close(self) -> None:
        """Write the last block and the trailer; ``out`` stays open."""
        self._block(self._pending, final=True)
        self._out.write(pack("<LL", self._crc, self._size & 0xFFFFFFFF))

    def _block(self, data: bytearray, *, final: bool) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._out.write(pack("<BHH", final, len(data), len(data) ^ 0xFFFF) + data)


def _name_by_tree(tree: Tree) -> None:
    """Mark every member whose data a file of the tree gives back, and name it as that file."""
    for path, node in tree.walk():
        entry = node.entry
        data = entry.kind == tar.REGULAR and entry.stored and entry.extents is None
        if data and not entry.kept:
            entry.kept, entry.name = True, path


def _names_data(tree: Tree, name: bytes) -> bool:
    node = tree.get(name)
    return node is not None and node.entry.kept and node.entry.name == name
