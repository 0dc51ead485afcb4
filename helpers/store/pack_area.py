"""Stores over packs: the data area of an index, and the one squashfs that index and packs are.

The squashfs is: the first 4096 bytes of the index (superblock, zeros), the packs in their order,
the rest of the index (contents that no pack has, the store's own files, tables). A device is told
so by a table of the pieces, which specs/device/join/join.sh reads.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from paack.helpers.errors import BuildError
from paack.helpers.hint import command
from paack.helpers.squashfs import ALIGNMENT, NOTHING_32, Compressor, FileData, SquashfsTables
from paack.helpers.store.block_file import CONTENT
from paack.helpers.store.compiled_layer import CompiledLayer
from paack.helpers.store.pack import Pack, weights
from paack.helpers.store.placing import DataArea, LayerContents, Place
from paack.helpers.store.squashfs_reader import open_squashfs

HEAD_SIZE = ALIGNMENT
_SECTOR = 512


class PackArea(DataArea):
    """The blocks of an image that ``packs`` do not have, written to the descriptor ``index``.

    What several packs have is taken from the first.
    """

    def __init__(
        self,
        index: int,
        tables: SquashfsTables,
        compressor: Compressor,
        repeated: set[int],
        packs: Sequence[Pack],
    ) -> None:
        super().__init__(index, tables, compressor, repeated)
        self.position = HEAD_SIZE
        #: By identity: the pack, where it is, its first fragment block, the number in it.
        self._packed: dict[bytes, tuple[Pack, int, int, int]] = {}
        for pack in packs:
            if pack.block_size != tables.block_size:
                raise BuildError(
                    f"the pack {pack.digest} has blocks of {pack.block_size} bytes",
                    hint="another version of paack made it; make packs anew: "
                    f"{command('lock', def_='FILE', repack=True)}",
                )
            start, fragment = self.position, tables.fragments
            for place, size in pack.fragments():
                tables.place_fragment(tables.fragment(), start + place, size)
            for identity, number in pack.numbers.items():
                self._packed.setdefault(identity, (pack, start, fragment, number))
            self.position += pack.size
            self.skipped += pack.size

    def add_layer(self, layer: CompiledLayer) -> LayerContents:
        """Copy the blocks of a layer that are not there yet; return where its contents are."""
        return _PackedContents(self, layer.section("contents"), super().add_layer(layer))

    def find(self, identity: bytes) -> FileData | None:
        """Return where a content is in the packs, if it is there."""
        found = self._packed.get(identity)
        if found is None:
            return None
        pack, start, first, number = found
        content = pack.content(number)
        fragment = content.fragment
        if fragment != NOTHING_32:
            fragment += first
        place = content.start + start
        return FileData(
            content.size, place, pack.blocks(content), fragment, content.offset, content.sparse
        )

    def _known(self, layer: CompiledLayer) -> Iterator[tuple[int, Place]]:
        yield from super()._known(layer)
        for number, content in enumerate(layer.contents()):
            found = self.find(content.identity)
            if found:
                yield number, Place(found.start, found.fragment, found.offset)


class _PackedContents:
    """Packs tell the sizes of blocks, too: another version of zstd may have made them."""

    def __init__(self, area: PackArea, contents: bytes, rest: LayerContents) -> None:
        self._area, self._contents, self._rest = area, contents, rest

    def data(self, number: int) -> FileData:
        """Return where a content is."""
        identity = CONTENT.unpack_from(self._contents, number * CONTENT.size)[0]
        return self._area.find(identity) or self._rest.data(number)


def join(target: Path, index: Path, packs: Sequence[Pack]) -> None:
    """Write the squashfs that an index and its packs, in their order, are."""
    with target.open("wb") as out, index.open("rb") as file:
        out.write(file.read(HEAD_SIZE))
        for pack in packs:
            with open(pack.fileno(), "rb", closefd=False) as data:
                data.seek(0)
                shutil.copyfileobj(data, out)
        shutil.copyfileobj(file, out)


def piece_table(index: Path, name: str, packs: Sequence[tuple[str, Pack]]) -> bytes:
    """Return the table of the pieces of a store: its index, on devices ``name``, over packs.

    Of each pack its path on devices is given. A line is FILE START COUNT, in sectors of 512 bytes,
    and where a file comes first what it is known by, in hexadecimal: the SHA-256 of all of an
    index, the SHA-256 in the trailer of a pack.
    """
    with index.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    head, rest = HEAD_SIZE // _SECTOR, (index.stat().st_size - HEAD_SIZE) // _SECTOR
    lines = [f"{name} 0 {head} {digest}"]
    lines += [f"{path} 0 {pack.size // _SECTOR} {pack.trailer_sha256}" for path, pack in packs]
    lines.append(f"{name} {head} {rest}")
    return "".join(f"{line}\n" for line in lines).encode()


def pack_uses(image: Path, packs: Sequence[Pack]) -> list[tuple[int, int]]:
    """Return of each pack the bytes that the joined squashfs ``image`` uses, and the others.

    They are as ``pack.weights`` has them. Raises ValueError when the image is damaged.
    """
    blocks, tails = set[int](), set[tuple[int | None, int]]()
    with open_squashfs(image) as squashfs:
        for file in squashfs.files():
            blocks.update(block.start for block in file.blocks if block)
            if file.tail:
                tails.add((file.fragment, file.offset))
    found, start, fragment = [], HEAD_SIZE, 0
    for pack in packs:
        used = dict.fromkeys((True, False), 0)
        sizes = weights(pack, pack.block_size)
        for content in pack.contents():
            is_used = (content.fragment + fragment, content.offset) in tails
            is_used |= content.blocks > 0 and content.start + start in blocks
            used[is_used] += sizes[content.identity]
        found.append((used[True], used[False]))
        start += pack.size
        fragment += len(pack.fragments())
    return found
