"""Where the bytes of a store image are: files by layer, the store's records, tables.

The parts add up to the size of the image, to the byte.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.blobs import digest_of
from paack.helpers.store import erofs_reader
from paack.helpers.store.squashfs_reader import Block, Squashfs, open_squashfs

_BIG_DATA = b"overlay-images"
_BIG_DATA_LIMIT = 8 << 20  # containers/storage and registries take no manifest of half of it
_SPLIT = b".tar-split.gz"


#: Whose bytes they are: the IDs of all layers that have them, sorted; none: the store's own.
Owners = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LayerFiles:
    """The regular files of a layer: how many, and the sum of their sizes in bytes."""

    count: int = 0
    unpacked: int = 0


@dataclass(frozen=True, slots=True)
class StoreUsage:
    """The parts of a store image of ``size`` bytes; all of them add up to it.

    ``pieces`` are the bytes of files (and of tar-splits, from which podman gives back a layer bit
    by bit) by the layers that have them: what several layers have is stored once. ``records`` are
    manifests, configs and lists of the store; ``tables`` the filesystem's own (names, owners,
    modes, xattrs, padding); ``unused`` belongs to nothing.
    """

    size: int
    layers: Mapping[str, LayerFiles]
    pieces: Mapping[Owners, int]
    records: int
    tables: int
    unused: int


@dataclass(frozen=True, slots=True)
class StoreContents:
    """A store image: where its bytes are, and its manifests and configs by digest."""

    usage: StoreUsage
    big_data: Mapping[str, bytes]


def read_store(image: Path, filesystem: str) -> StoreContents:
    """Read a store image; raise ValueError when it is damaged."""
    if filesystem == "erofs":
        found = erofs_reader.read_files(image, _BIG_DATA, _BIG_DATA_LIMIT)
        return StoreContents(_erofs_usage(image), {digest_of(each): each for each in found})
    with open_squashfs(image) as squashfs:
        return _squashfs_contents(squashfs, image.stat().st_size)


def apportion(total: int, weights: Mapping[Owners, int]) -> dict[Owners, int]:
    """Split ``total`` by weight into whole numbers that add up (largest remainders)."""
    whole = sum(weights.values())
    shares = {owners: total * weight // whole for owners, weight in weights.items()}
    missing = total - sum(shares.values())
    order = sorted(weights, key=lambda owners: (-(total * weights[owners] % whole), owners))
    for owners in order[:missing]:
        shares[owners] += 1
    return shares


class _Ledger:
    """Adds up files by layer, and stored bytes by owners."""

    def __init__(self) -> None:
        self._files: defaultdict[str, int] = defaultdict(int)
        self._unpacked: defaultdict[str, int] = defaultdict(int)
        self._stored: defaultdict[Owners, int] = defaultdict(int)

    def count(self, path: bytes, size: int) -> Owners:
        """Count a file, and return its owners: one layer, or none."""
        layer, is_file = _layer_of(path)
        if layer is None:
            return ()
        self._files[layer] += is_file
        self._unpacked[layer] += size if is_file else 0
        return (layer,)

    def store(self, shares: Mapping[Owners, int]) -> None:
        for owners, size in shares.items():
            self._stored[owners] += size

    def usage(self, size: int, *, tables: int | None = None) -> StoreUsage:
        """Return the usage; without ``tables``, these are all that is left."""
        left = size - sum(self._stored.values())
        tables, unused = (left, 0) if tables is None else (tables, left - tables)
        if left < 0 or unused < 0:
            raise ValueError("files lie on each other")
        layers = {
            name: LayerFiles(self._files[name], self._unpacked[name])
            for name in sorted(self._files)
        }
        pieces = {owners: self._stored[owners] for owners in sorted(self._stored) if owners}
        return StoreUsage(size, layers, pieces, self._stored[()], tables, unused)


def _squashfs_contents(squashfs: Squashfs, size: int) -> StoreContents:
    ledger = _Ledger()
    blocks: dict[Block, Owners] = {}
    tails: dict[tuple[int, int, int], Owners] = {}
    big_data = {}
    seen = set()
    for file in squashfs.files():
        if file.reference in seen:
            continue
        seen.add(file.reference)
        owners = ledger.count(file.path, file.size)
        for block in filter(None, file.blocks):
            blocks[block] = _with(blocks.get(block, ()), owners)
        if file.fragment is not None and file.tail:
            key = (file.fragment, file.offset, file.tail)
            tails[key] = _with(tails.get(key, ()), owners)
        if file.path.startswith(_BIG_DATA + b"/") and file.size <= _BIG_DATA_LIMIT:
            content = b"".join(squashfs.content(file))
            big_data[digest_of(content)] = content
    weights: defaultdict[int, defaultdict[Owners, int]] = defaultdict(lambda: defaultdict(int))
    for (fragment, _, tail), owners in tails.items():
        weights[fragment][owners] += tail
    _check_apart([*blocks, *(squashfs.fragments[number] for number in weights)])
    for block, owners in blocks.items():
        ledger.store({owners: block.size})
    for number, shared in weights.items():
        ledger.store(apportion(squashfs.fragments[number].size, shared))
    tables = size - squashfs.tables + squashfs.start
    return StoreContents(ledger.usage(size, tables=tables), big_data)


def _erofs_usage(image: Path) -> StoreUsage:
    """Files are not compressed in EROFS: they take their size, and the rest is tables."""
    ledger = _Ledger()
    for path, row in erofs_reader.read_table(image).rows.items():
        if row.kind == "file":
            ledger.store({ledger.count(path, row.size): row.size})
    return ledger.usage(image.stat().st_size)


def _layer_of(path: bytes) -> tuple[str | None, bool]:
    """Return the ID of the layer that a file of the store belongs to, and if it is a file of it."""
    parts = path.split(b"/", 3)
    if parts[0] == b"overlay" and parts[2:3] == [b"diff"]:
        return parts[1].decode("ascii", "backslashreplace"), True
    if parts[0] == b"overlay-layers" and path.endswith(_SPLIT):
        return parts[1].removesuffix(_SPLIT).decode("ascii", "backslashreplace"), False
    return None, False


def _with(before: Owners, owners: Owners) -> Owners:
    return owners if before in ((), owners) else tuple(sorted({*before, *owners}))


def _check_apart(blocks: Iterable[Block]) -> None:
    end = 0
    for block in sorted(blocks, key=lambda each: each.start):
        if block.start < end:
            raise ValueError("blocks lie on each other")
        end = block.start + block.size
