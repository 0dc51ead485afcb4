"""Contents of files as squashfs has them: whole blocks, and tails together in fragment blocks.

Each different content is stored once. Tails are packed in the order in which they come, that of
paths; where one fragment block ends and the next begins is told by the tails' contents, so that
another file in one of them does not move all that follow.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from struct import Struct
from typing import IO

from paack.helpers.squashfs import NOTHING_32, Compressor
from paack.helpers.store.block_file import CONTENT, FRAGMENT
from paack.helpers.store.spool import Read

#: Told where a block is, and its size field.
Placed = Callable[[int, int], None]
_NUMBER = _START = _SPARSE = Struct("<Q")
_START_AT, _SPARSE_AT = 40, 48  # in CONTENT
_AHEAD = 6  # blocks that are compressed before the first of them is written
_HASHES = 1 << 32


class BlockWriter:
    """Writes blocks to ``out`` in the order in which they come, compressed by ``pool``.

    ``size`` and ``sha256`` are those of the blocks that are written.
    """

    def __init__(self, out: IO[bytes], compressor: Compressor, pool: Executor) -> None:
        self._out = out
        self._compressor = compressor
        self._pool = pool
        self._waiting: deque[tuple[Future[tuple[bytes, int]], Placed]] = deque()
        self.size = 0
        self.sha256 = hashlib.sha256()

    def add(self, content: bytes, placed: Placed) -> None:
        """Add a block; ``placed`` is called once it is written."""
        self._waiting.append((self._pool.submit(self._compressor.data, content), placed))
        if len(self._waiting) > _AHEAD:
            self._write()

    def close(self) -> None:
        """Write what is left."""
        while self._waiting:
            self._write()

    def _write(self) -> None:
        future, placed = self._waiting.popleft()
        packed, size = future.result()
        self.sha256.update(packed)
        self._out.write(packed)
        placed(self.size, size)
        self.size += len(packed)


def identity_of(size: int, blocks: Iterable[tuple[int, bytes]], tail: bytes) -> bytes:
    """Return what contents of ``size`` bytes are told apart by.

    ``blocks`` are (number, bytes) of those that are not zeros alone. Blocks of zeros do not count,
    so that a file of 64 GiB with little in it is read quickly.
    """
    sha256 = hashlib.sha256(_NUMBER.pack(size))
    for number, data in blocks:
        sha256.update(_NUMBER.pack(number))
        sha256.update(data)
    sha256.update(tail)
    return sha256.digest()


class ContentWriter:
    """Takes contents of files; ``contents``, ``words`` and ``fragments`` tell where they are."""

    def __init__(self, blocks: BlockWriter, block_size: int) -> None:
        self.contents = bytearray()
        self.words = array("I")
        self.fragments = bytearray()
        self._blocks = blocks
        self._block_size = block_size
        self._zeros = bytes(block_size)
        self._numbers: dict[bytes, int] = {}
        self._pending = bytearray()

    def add(self, size: int, read: Read) -> int:
        """Add the content of a file and return its number; an equal one has the same."""
        count, tail = divmod(size, self._block_size)
        last = (read(size - tail, tail) or bytes(tail)) if tail else b""
        identity = identity_of(size, self._stored(count, read), last)
        number = self._numbers.setdefault(identity, len(self._numbers))
        if number == len(self.contents) // CONTENT.size:
            first, at = len(self.words), len(self.contents)
            fragment, offset = self._tail(identity, last) if last else (NOTHING_32, 0)
            self.contents += CONTENT.pack(identity, size, 0, 0, fragment, offset, first, count)
            if count:
                self._add_blocks(count, read, first, at)
        return number

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._blocks.close()

    def _stored(self, count: int, read: Read) -> Iterator[tuple[int, bytes]]:
        for number in range(count):
            data = self._block(number, read)
            if data is not None:
                yield number, data

    def _block(self, number: int, read: Read) -> bytes | None:
        data = read(number * self._block_size, self._block_size)
        return None if data == self._zeros else data

    def _add_blocks(self, count: int, read: Read, first: int, at: int) -> None:
        self.words.frombytes(bytes(4 * count))
        stored = 0
        for block in range(count):
            data = self._block(block, read)
            if data is not None:
                self._blocks.add(data, self._placer(first + block, at if not stored else None))
                stored += 1
        sparse = (count - stored) * self._block_size
        _SPARSE.pack_into(self.contents, at + _SPARSE_AT, sparse)

    def _placer(self, word: int, content: int | None) -> Placed:
        def placed(start: int, size: int) -> None:
            self.words[word] = size
            if content is not None:
                _START.pack_into(self.contents, content + _START_AT, start)

        return placed

    def _tail(self, identity: bytes, tail: bytes) -> tuple[int, int]:
        """Put a tail into a fragment block; return the number of that, and the offset there."""
        if len(self._pending) + len(tail) > self._block_size:
            self._flush()
        number, offset = len(self.fragments) // FRAGMENT.size, len(self._pending)
        self._pending += tail
        # On average once in a block.
        if int.from_bytes(identity[:4], "big") * self._block_size < len(tail) * _HASHES:
            self._flush()
        return number, offset

    def _flush(self) -> None:
        if not self._pending:
            return
        at = len(self.fragments)
        self.fragments += bytes(FRAGMENT.size)

        def placed(start: int, size: int) -> None:
            FRAGMENT.pack_into(self.fragments, at, start, size)

        self._blocks.add(bytes(self._pending), placed)
        self._pending.clear()
