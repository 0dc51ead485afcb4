"""Writing one canonical tar stream: ustar headers, pax records only where ustar has no room.

Nothing depends on the clock or the host. Directories come before what they hold; no path comes
twice; the caller sees to both.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from struct import Struct
from typing import IO

from paack.helpers.store import tar
from paack.helpers.store.tarheader import byte_sum

_HEADER = Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
_PAD = bytes(tar.BLOCK)
_OCTAL_7 = 0o7777777
_OCTAL_11 = 0o77777777777
_NAME, _PREFIX, _LINK = 100, 155, 100
_SENDFILE_FROM = 1 << 18  # smaller files are cheaper through a buffer
_SENDFILE_MOST = 1 << 24  # at once, so that progress shows
_PIPE_SIZE = 1 << 20
_ZEROS = bytes(1 << 20)


class TarStream:
    """Writes entries to ``out``, a buffered binary file (often a pipe).

    ``copied`` is called with the number of bytes each time that some of a file were written.
    """

    def __init__(self, out: IO[bytes], copied: Callable[[int], None] = lambda _: None):
        self._out = out
        self._copied = copied
        with suppress(OSError):  # not a pipe, or the user's quota of pipe memory is used up
            fcntl.fcntl(out.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)

    def directory(
        self, path: bytes, mode: int = 0o700, xattrs: Mapping[bytes, bytes] = tar.NO_XATTRS
    ) -> None:
        """Add a directory of the store itself: root's, of time 0."""
        self.add(path, tar.Entry(b"", tar.DIRECTORY, mode, 0, 0, 0, 0, b"", 0, 0, xattrs))

    def file(self, path: bytes, content: bytes, mode: int = 0o600) -> None:
        """Add a file of the store itself: root's, of time 0."""
        self._store_file(path, mode, len(content))
        self._out.write(content)
        self._pad(len(content))

    def file_from(self, path: bytes, descriptor: int, size: int, mode: int = 0o600) -> None:
        """Add a file of the store itself, whose content is all of ``descriptor``."""
        self._store_file(path, mode, size)
        self._copy(descriptor, 0, size)
        self._pad(size)

    def symlink(self, path: bytes, target: bytes) -> None:
        """Add a symbolic link of the store itself."""
        self.add(path, tar.Entry(b"", tar.SYMLINK, 0o777, 0, 0, 0, 0, target, 0, 0, tar.NO_XATTRS))

    def add(self, path: bytes, entry: tar.Entry, archive: int = -1) -> None:
        """Add ``entry`` as ``path``; its data are at entry.offset in the descriptor ``archive``."""
        self._out.write(_header(path, entry))
        if entry.kind == tar.REGULAR and entry.size:
            if entry.extents is None:
                self._copy(archive, entry.offset, entry.size)
            else:
                self._expand(entry, archive)
            self._pad(entry.size)

    def hard_link(self, path: bytes, target: bytes, entry: tar.Entry) -> None:
        """Add ``path`` as a further name of the file ``target``, whose attributes are entry's."""
        link = tar.Entry(
            b"", tar.LINK, entry.mode, entry.uid, entry.gid, 0, entry.mtime, target, 0, 0, {}
        )
        self._out.write(_header(path, link))

    def close(self) -> None:
        """Write the end mark; ``out`` stays open."""
        self._out.write(_PAD * 2)
        self._out.flush()

    def _store_file(self, path: bytes, mode: int, size: int) -> None:
        self._out.write(
            _header(
                path, tar.Entry(b"", tar.REGULAR, mode, 0, 0, size, 0, b"", 0, 0, tar.NO_XATTRS)
            )
        )

    def _copy(self, source: int, offset: int, size: int) -> None:
        if size >= _SENDFILE_FROM:
            self._out.flush()
        while size:
            if size >= _SENDFILE_FROM:
                most = min(size, _SENDFILE_MOST)
                sent = os.sendfile(self._out.fileno(), source, offset, most)
            else:
                sent = self._out.write(os.pread(source, size, offset))
            if not sent:
                raise OSError(f"the spool ended {size} bytes early")
            offset += sent
            size -= sent
            self._copied(sent)

    def _expand(self, entry: tar.Entry, archive: int) -> None:
        position, stored = 0, entry.offset
        for offset, length in entry.extents or ():
            self._zeros(offset - position)
            self._copy(archive, stored, length)
            position, stored = offset + length, stored + length
        self._zeros(entry.size - position)

    def _zeros(self, size: int) -> None:
        while size:
            size -= self._out.write(_ZEROS[: min(size, len(_ZEROS))])

    def _pad(self, size: int) -> None:
        self._out.write(_PAD[: -size % tar.BLOCK])


def _header(path: bytes, entry: tar.Entry) -> bytes:
    records = [(b"SCHILY.xattr." + key, entry.xattrs[key]) for key in sorted(entry.xattrs)]
    prefix, name = _split(path)
    link = entry.link
    if not name:
        records.append((b"path", path))
        name = path[:_NAME]
    if len(link) > _LINK:
        records.append((b"linkpath", link))
        link = link[:_LINK]
    uid = _fitting(b"uid", entry.uid, _OCTAL_7, records)
    gid = _fitting(b"gid", entry.gid, _OCTAL_7, records)
    size = _fitting(b"size", entry.size, _OCTAL_11, records)
    mtime = _fitting(b"mtime", entry.mtime, _OCTAL_11, records)
    # The kernel shows every symbolic link as 0777, whatever its archive said.
    mode = 0o777 if entry.kind == tar.SYMLINK else entry.mode
    device = (entry.major, entry.minor)
    block = _block(name, prefix, entry.kind, link, (mode, uid, gid, size, mtime), device)
    return _pax(records) + block if records else block


def _pax(records: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(_record(key, value) for key, value in records)
    head = _block(b"paxhdr", b"", b"x", b"", (0o644, 0, 0, len(body), 0), (0, 0))
    return head + body + _PAD[: -len(body) % tar.BLOCK]


def _record(key: bytes, value: bytes) -> bytes:
    """Return ``LENGTH KEY=VALUE\\n``, whose LENGTH counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length += 1
    return b"%d %b=%b\n" % (length, key, value)


def _fitting(key: bytes, value: int, limit: int, records: list[tuple[bytes, bytes]]) -> int:
    if 0 <= value <= limit:
        return value
    records.append((key, b"%d" % value))
    return 0


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Split a path into ustar's prefix and name; the name is empty when it does not fit."""
    if len(path) <= _NAME:
        return b"", path
    slash = path.find(b"/", len(path) - _NAME - 1, _PREFIX + 1)
    return (path[:slash], path[slash + 1 :]) if slash > 0 else (b"", b"")


def _block(
    name: bytes,
    prefix: bytes,
    kind: bytes,
    link: bytes,
    numbers: tuple[int, int, int, int, int],
    device: tuple[int, int],
) -> bytes:
    mode, uid, gid, size, mtime = numbers
    fields = (
        name,
        b"%07o\0" % mode,
        b"%07o\0" % uid,
        b"%07o\0" % gid,
        b"%011o\0" % size,
        b"%011o\0" % mtime,
        b" " * 8,
        kind,
        link,
        b"ustar\x0000",
        b"",
        b"",
        b"%07o\0" % device[0],
        b"%07o\0" % device[1],
        prefix,
    )
    block = _HEADER.pack(*fields)
    return b"%b%06o\0 %b" % (block[:148], byte_sum(block), block[156:])
