"""Putting the blocks of compiled layers into one image; what several layers have, once."""

from __future__ import annotations

import errno
import os
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from struct import Struct
from typing import NamedTuple, Protocol

import zstandard

from paack.helpers.squashfs import (
    DATA_PLAIN,
    DATA_START,
    NOTHING_32,
    Compressor,
    FileData,
    SquashfsTables,
)
from paack.helpers.store.block_file import CONTENT, Content
from paack.helpers.store.compiled_layer import CompiledLayer

_PREFIX = Struct(f"<Q{CONTENT.size - 8}x")
_NOT_BETWEEN_THESE = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)
_COPY_MOST = 1 << 26  # at once, so that an interrupt is seen


class Place(NamedTuple):
    """Where a content is in the image: its blocks, its fragment, its offset there."""

    start: int
    fragment: int
    offset: int


class LayerContents(Protocol):
    """Tells where the contents of a layer are in the image."""

    def data(self, number: int) -> FileData:
        """Return where a content is."""


class PlacedContents:
    """Where the contents of a layer are in the image.

    All as in the compiled layer but for the start of that, and of its fragments' numbers, apart
    from those that were ``moved``.
    """

    def __init__(
        self, layer: CompiledLayer, start: int, fragment: int, moved: dict[int, Place]
    ) -> None:
        self._contents = layer.section("contents")
        self._words = layer.section("words")
        self._start, self._fragment = start, fragment
        self._moved = moved

    def data(self, number: int) -> FileData:
        """Return where a content is."""
        at = number * CONTENT.size
        _, size, start, sparse, fragment, offset, first, count = CONTENT.unpack_from(
            self._contents, at
        )
        if number in self._moved:
            start, fragment, offset = self._moved[number]
        else:
            start += self._start
            if fragment != NOTHING_32:
                fragment += self._fragment
        blocks = self._words[4 * first : 4 * (first + count)] if count else b""
        return FileData(size, start, blocks, fragment, offset, sparse)


class DataArea:
    """The blocks of an image, written to the descriptor ``image`` from DATA_START.

    ``repeated`` tells contents that more than one layer may have: the others need not be kept.
    ``position`` is where the next block is in the image, ``skipped`` how many bytes before it the
    descriptor does not have.
    """

    def __init__(
        self, image: int, tables: SquashfsTables, compressor: Compressor, repeated: set[int]
    ) -> None:
        self.position = DATA_START
        self.skipped = 0
        self._image = image
        self._tables = tables
        self._compressor = compressor
        self._zstd = zstandard.ZstdDecompressor()
        self._repeated = repeated
        self._placed: dict[bytes, Place] = {}
        self._small = bytearray()
        self._small_fragment = NOTHING_32

    def add(self, content: bytes) -> FileData:
        """Add a file of the store itself."""
        block_size = self._tables.block_size
        whole = len(content) // block_size * block_size
        start, words = self.position, array("I")
        for at in range(0, whole, block_size):
            words.append(self._write(content[at : at + block_size]))
        tail = content[whole:]
        if not tail:
            return FileData(len(content), start, words.tobytes())
        if len(self._small) + len(tail) > block_size:
            self.flush()
        if not self._small:
            self._small_fragment = self._tables.fragment()
        offset = len(self._small)
        self._small += tail
        return FileData(len(content), start, words.tobytes(), self._small_fragment, offset)

    def flush(self) -> None:
        """Write the small files of the store itself."""
        if self._small:
            self._write_fragment(self._small_fragment, bytes(self._small))
            self._small.clear()

    def add_layer(self, layer: CompiledLayer) -> LayerContents:
        """Copy the blocks of a layer that are not there yet; return where its contents are."""
        known = dict(self._known(layer))
        start, fragment = self.position, self._tables.fragments
        moved = {}
        if known:
            moved = self._add_some(layer, known)
        else:
            for place, size in layer.fragments():
                self._tables.place_fragment(self._tables.fragment(), start + place, size)
            self._copy(layer, 0, layer.data_size)
        placed = PlacedContents(layer, start, fragment, moved)
        for number, identity in self._candidates(layer):
            _, begin, _, number_of_fragment, offset, _ = placed.data(number)
            self._placed.setdefault(identity, Place(begin, number_of_fragment, offset))
        return placed

    def _candidates(self, layer: CompiledLayer) -> Iterator[tuple[int, bytes]]:
        """Yield (number, identity) of contents that another layer may have, too."""
        if self._repeated:
            section = layer.section("contents")
            for number, (prefix,) in enumerate(_PREFIX.iter_unpack(section)):
                if prefix in self._repeated:
                    yield number, CONTENT.unpack_from(section, number * CONTENT.size)[0]

    def _known(self, layer: CompiledLayer) -> Iterator[tuple[int, Place]]:
        for number, identity in self._candidates(layer):
            if identity in self._placed:
                yield number, self._placed[identity]

    def _add_some(self, layer: CompiledLayer, known: dict[int, Place]) -> dict[int, Place]:
        """Copy all but the ``known`` contents; return where all are."""
        contents, fragments = list(layer.contents()), layer.fragments()
        words = layer.words()
        tails = defaultdict(list)
        pieces: list[tuple[int, int, int, int]] = []
        for number, content in enumerate(contents):
            if content.fragment != NOTHING_32:
                tails[content.fragment].append(number)
            sizes = words[content.first : content.first + content.blocks]
            if number not in known and any(sizes):
                length = sum(size & ~DATA_PLAIN for size in sizes)
                pieces.append((content.start, length, number, NOTHING_32))
        for number, (start, size) in enumerate(fragments):
            pieces.append((start, size, NOTHING_32, number))
        starts: dict[int, int] = {}
        places: dict[int, tuple[int, int]] = {}
        for start, size, number, fragment in sorted(pieces):
            if number != NOTHING_32:
                starts[number] = self.position
                self._copy(layer, start, size)
                continue
            kept = [tail for tail in tails[fragment] if tail not in known]
            if len(kept) == len(tails[fragment]):
                places |= {tail: (self._tables.fragments, contents[tail].offset) for tail in kept}
                self._tables.place_fragment(self._tables.fragment(), self.position, size)
                self._copy(layer, start, size & ~DATA_PLAIN)
            elif kept:
                places |= self._add_tails(layer, (start, size), kept, contents)
        nowhere = (NOTHING_32, 0)
        return known | {
            number: Place(starts.get(number, 0), *places.get(number, nowhere))
            for number in range(len(contents))
            if number not in known
        }

    def _add_tails(
        self,
        layer: CompiledLayer,
        block: tuple[int, int],
        kept: Sequence[int],
        contents: Sequence[Content],
    ) -> dict[int, tuple[int, int]]:
        """Write a fragment block anew, with some of its tails; return where these are."""
        start, size = block
        raw = layer.read(start, size & ~DATA_PLAIN)
        limit = self._tables.block_size
        old = raw if size & DATA_PLAIN else self._zstd.decompress(raw, max_output_size=limit)
        places, new, fragment = {}, bytearray(), self._tables.fragment()
        for number in kept:
            content = contents[number]
            places[number] = fragment, len(new)
            tail = content.size % self._tables.block_size
            new += old[content.offset : content.offset + tail]
        self._write_fragment(fragment, bytes(new))
        return places

    def _write_fragment(self, number: int, content: bytes) -> None:
        start = self.position
        self._tables.place_fragment(number, start, self._write(content))

    def _write(self, content: bytes) -> int:
        packed, size = self._compressor.data(content)
        self.position += os.pwrite(self._image, packed, self.position - self.skipped)
        return size

    def _copy(self, layer: CompiledLayer, start: int, size: int) -> None:
        while size:
            place = self.position - self.skipped
            copied = _copy(layer.fileno(), self._image, start, place, size)
            start += copied
            size -= copied
            self.position += copied


def repeated_contents(layers: Iterable[CompiledLayer]) -> set[int]:
    """Return the first 8 bytes (as a number) of the identities that more than one layer has.

    These are few, where all identities of all layers would take more memory than a layer does.
    """
    prefixes = array("Q")
    for layer in layers:
        prefixes.extend(chain.from_iterable(_PREFIX.iter_unpack(layer.section("contents"))))
    ordered = sorted(prefixes)
    return {one for one, other in pairwise(ordered) if one == other}


def _copy(source: int, target: int, start: int, position: int, size: int) -> int:
    """Copy some bytes between files; return how many."""
    most = min(size, _COPY_MOST)
    try:
        copied = os.copy_file_range(source, target, most, start, position)
    except OSError as error:
        if error.errno not in _NOT_BETWEEN_THESE:
            raise
        copied = os.pwrite(target, os.pread(source, min(most, 1 << 20), start), position)
    if not copied:
        raise OSError("a compiled layer ended early")
    return copied
