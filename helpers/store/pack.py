"""Packs: contents of files, compressed as in a squashfs, in files that never change.

Stores refer to the contents by where they are (``pack_area``), so an update needs only a pack with
those that no earlier pack has. A pack has the form of a compiled layer, without nodes.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import IO

import zstandard

from paack.helpers.blobs import Cache
from paack.helpers.errors import Place, VerificationError
from paack.helpers.squashfs import ALIGNMENT, BLOCK_SIZES, DATA_PLAIN, NOTHING_32, Compressor
from paack.helpers.store.block_file import (
    CONTENT,
    FRAGMENT,
    BlockFile,
    Content,
    Damaged,
    Ends,
    Form,
    write_end,
)
from paack.helpers.store.compiled_layer import CompiledLayer

_CHUNK = 1 << 20
_HINT = "remove it; it is fetched, or made, again"
_FILE_LIMIT = 1 << 36  # bytes, as squashfs_reader has it


class Pack(BlockFile):
    """A pack that is open for reading: ``size`` in bytes, ``digest`` of the whole file.

    ``trailer_sha256`` stands in the file, 40 bytes before its end: it is compared in no time.
    ``numbers`` has, by identity, the number of each content.
    """

    form = Form(b"paackPck", ("contents", "words", "fragments"), ALIGNMENT)

    def __init__(self, ends: Ends) -> None:
        super().__init__(ends)
        self.size = os.fstat(self.fileno()).st_size
        self.digest = f"sha256:{ends.sha256}"
        self.trailer_sha256 = ends.trailer_sha256
        self.block_size = _block_size(**ends.head)
        self._contents = self.section("contents")
        self._words = self.section("words")
        self.numbers = {content.identity: number for number, content in enumerate(_checked(self))}

    def content(self, number: int) -> Content:
        """Return a content by its number."""
        return Content._make(CONTENT.unpack_from(self._contents, number * CONTENT.size))

    def blocks(self, content: Content) -> bytes:
        """Return the size fields of a content's blocks, as an inode has them."""
        return self._words[4 * content.first : 4 * (content.first + content.blocks)]


def pack_path(cache: Cache, digest: str) -> Path:
    """Return where the cache has a pack, whether it is there or not."""
    return cache.root / "packs" / digest.removeprefix("sha256:")


def keep_pack(cache: Cache, file: Path, digest: str) -> None:
    """Move a pack into the cache; raise VerificationError unless it has ``digest``."""
    open_pack(file, digest).close()
    target = pack_path(cache, digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    file.chmod(0o644)
    file.rename(target)


def open_pack(path: Path, digest: str) -> Pack:
    """Open a pack, which must have ``digest``; raise VerificationError, or FileNotFoundError."""
    try:
        pack = Pack.open(path)
    except Damaged as error:
        raise VerificationError(f"a pack cannot be used: {error}", hint=_HINT) from error
    if pack.digest != digest:
        pack.close()
        raise VerificationError(
            f"is another pack: {pack.digest}, not {digest}", place=Place(path), hint=_HINT
        )
    return pack


def write_pack(
    out: IO[bytes],
    compressor: Compressor,
    block_size: int,
    layers: Iterable[CompiledLayer],
    wanted: Set[bytes],
) -> None:
    """Write a pack of the contents of ``layers`` whose identities are ``wanted``, to ``out``.

    They come layer by layer, by path; so do the tails in fragment blocks, which are cut anew: what
    is not wanted has no part in a block. ``block_size`` is that of the layers.
    """
    writer = _PackWriter(out, compressor, block_size)
    for layer in layers:
        writer.add(layer, wanted)
    writer.close()


def select(layers: Mapping[str, CompiledLayer], wanted: Set[bytes]) -> tuple[list[str], bytes]:
    """Return which of ``layers`` (by any name) have contents that are ``wanted``, and which.

    Of a content that several layers have, the first counts. Contents of these layers, each counted
    once, are wanted where a bit is set, the lowest of a byte first; all, when there is none.
    """
    names, seen = [], set[bytes]()
    for name, layer in layers.items():
        found = {each.identity for each in layer.contents()} & wanted
        if not found <= seen:
            seen |= found
            names.append(name)
    known = _known_by_number(layers[name] for name in names)
    if len(known) == len(seen):
        return names, b""
    bits = bytearray(-(-len(known) // 8))
    for number, identity in enumerate(known):
        if identity in wanted:
            bits[number // 8] |= 1 << number % 8
    return names, bytes(bits)


def selected(layers: Iterable[CompiledLayer], bits: bytes) -> set[bytes]:
    """Return the contents that were wanted; see ``select``. Bits too few or too many do not count.

    Who writes them into a lock decides what is in a pack; its digest proves that it is right.
    """
    known = _known_by_number(layers)
    if not bits:
        return set(known)
    return {one for one, bit in zip(known, _bits(bits), strict=False) if bit}


def weights(file: BlockFile, block_size: int) -> dict[bytes, int]:
    """Return the compressed size of each content by identity, in the order of the file.

    A tail has its share of a fragment block.
    """
    words, fragments, contents = file.words(), file.fragments(), list(file.contents())
    tails: Counter[int] = Counter()
    for content in contents:
        if content.fragment != NOTHING_32:
            tails[content.fragment] += content.size % block_size
    found = {}
    for content in contents:
        weight = _stored(words[content.first : content.first + content.blocks])
        if content.fragment != NOTHING_32:
            block = fragments[content.fragment][1] & ~DATA_PLAIN
            weight += block * (content.size % block_size) // tails[content.fragment]
        found[content.identity] = weight
    return found


class _PackWriter:
    def __init__(self, out: IO[bytes], compressor: Compressor, block_size: int) -> None:
        self._out = out
        self._compressor = compressor
        self._block_size = block_size
        self._zstd = zstandard.ZstdDecompressor()
        self._sha256 = hashlib.sha256()
        self._position = 0
        self._contents: dict[bytes, bytes] = {}
        self._words = array("I")
        self._fragments = bytearray()
        self._tails = bytearray()

    def add(self, layer: CompiledLayer, wanted: Set[bytes]) -> None:
        """Add the wanted contents of a layer that are not there yet."""
        words, fragments = layer.words(), layer.fragments()
        block, tails = NOTHING_32, b""
        for content in layer.contents():
            identity, size, start, sparse, fragment, offset, first, count = content
            if identity not in wanted or identity in self._contents:
                continue
            sizes, at = words[first : first + count], self._position
            self._copy(layer, start, _stored(sizes))
            tail = NOTHING_32, 0
            if fragment != NOTHING_32:
                if fragment != block:
                    block, tails = fragment, self._unpacked(layer, *fragments[fragment])
                tail = self._add_tail(tails[offset : offset + size % self._block_size])
            record = (identity, size, at, sparse, *tail, len(self._words), count)
            self._contents[identity] = CONTENT.pack(*record)
            self._words += sizes

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        sections = {
            "contents": b"".join(self._contents.values()),
            "words": self._words.tobytes(),
            "fragments": bytes(self._fragments),
        }
        head = {"block_size": self._block_size}
        write_end(self._out, self._sha256, self._position, Pack.form, sections, head)

    def _unpacked(self, layer: CompiledLayer, start: int, size: int) -> bytes:
        raw = layer.read(start, size & ~DATA_PLAIN)
        if size & DATA_PLAIN:
            return raw
        return self._zstd.decompress(raw, max_output_size=self._block_size)

    def _add_tail(self, tail: bytes) -> tuple[int, int]:
        """Add a tail; return the number of its fragment block, and its offset there."""
        if len(self._tails) + len(tail) > self._block_size:
            self._flush()
        offset = len(self._tails)
        self._tails += tail
        return len(self._fragments) // FRAGMENT.size, offset

    def _flush(self) -> None:
        if self._tails:
            packed, size = self._compressor.data(bytes(self._tails))
            self._fragments += FRAGMENT.pack(self._position, size)
            self._write(packed)
            self._tails.clear()

    def _copy(self, layer: CompiledLayer, start: int, size: int) -> None:
        while size:
            chunk = layer.read(start, min(size, _CHUNK))
            if not chunk:
                raise OSError("a compiled layer ended early")
            self._write(chunk)
            start += len(chunk)
            size -= len(chunk)

    def _write(self, data: bytes) -> None:
        self._sha256.update(data)
        self._out.write(data)
        self._position += len(data)


def _known_by_number(layers: Iterable[CompiledLayer]) -> dict[bytes, None]:
    return dict.fromkeys(each.identity for layer in layers for each in layer.contents())


def _bits(bits: bytes) -> Iterator[int]:
    return (byte >> number & 1 for byte in bits for number in range(8))


def _block_size(block_size: object) -> int:
    if type(block_size) is not int or block_size not in BLOCK_SIZES or block_size.bit_count() > 1:
        raise Damaged(f"block size {block_size!r}")
    return block_size


def _checked(pack: Pack) -> Iterable[Content]:
    """Yield the contents; raise Damaged unless each is where it can be, and there once."""
    limit, fragments, words = pack.block_size, pack.fragments(), pack.words()
    for start, size in fragments:
        if not 0 < size & ~DATA_PLAIN <= limit or start + (size & ~DATA_PLAIN) > pack.data_size:
            raise Damaged("a fragment block is not in the file")
    seen, first = set(), 0
    for content in pack.contents():
        count, tail = divmod(content.size, limit)
        sizes = words[first : first + count]
        if content.identity in seen:
            raise Damaged("a content comes twice")
        if content.size > _FILE_LIMIT or (first, count) != (content.first, content.blocks):
            raise Damaged("a content has other blocks than its size tells")
        if len(sizes) != count or any(size & ~DATA_PLAIN > limit for size in sizes):
            raise Damaged("a block has no size")
        if content.start + _stored(sizes) > pack.data_size:
            raise Damaged("a block is not in the file")
        if content.sparse != sizes.count(0) * limit:
            raise Damaged("a content has other holes than its blocks tell")
        place = (content.fragment, content.offset) if tail else (NOTHING_32, 0)
        if place != (content.fragment, content.offset) or (
            tail and (content.fragment >= len(fragments) or content.offset + tail > limit)
        ):
            raise Damaged("a tail is in no fragment block")
        seen.add(content.identity)
        first += count
        yield content
    if first != len(words):
        raise Damaged("there are more blocks than contents have")


def _stored(sizes: array[int]) -> int:
    """Return the bytes that blocks take, by their size fields."""
    return sum(size & ~DATA_PLAIN for size in sizes)
