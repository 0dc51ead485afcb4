"""The store as one tar stream: what mkfs.erofs reads, and what `paack verify` compares with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from paack.helpers.blobs import Cache
from paack.helpers.oci import LockedImage, StoredLayer, in_order
from paack.helpers.progress import Meter, Reporter, count, human
from paack.helpers.store import layer as layers
from paack.helpers.store import tar
from paack.helpers.store.layer import Layer
from paack.helpers.store.limits import Unfit
from paack.helpers.store.store import (
    begin_store,
    label_of,
    layer_record,
    write_home,
    write_metadata,
)
from paack.helpers.store.tarstream import TarStream


def write_store(
    out: IO[bytes],
    images: Sequence[LockedImage],
    layers: Sequence[StoredLayer],
    cache: Cache,
    scratch: Path,
    reporter: Reporter,
    filesystem: str | None,
    look: Callable[[Layer], None] = lambda _: None,
) -> None:
    """Write the store of ``images``, with ``layers`` in it, to ``out`` as one tar stream.

    Their blobs are read from ``cache`` and checked; ``scratch`` is a directory for spools. Raises
    BuildError with all files that ``filesystem`` (None: any) cannot hold. Each layer that was
    written is given to ``look``.
    """
    images = in_order(images)
    wanted = sorted(layers, key=lambda each: each.id)
    with reporter.step(label_of(images), sum(stored.locked.size for stored in wanted)) as meter:
        progress = _Progress(meter, len(wanted))
        stream = TarStream(out, progress.copied)
        begin_store(stream)
        records, unpacked, unfit = [], 0, Unfit(filesystem)
        for stored, layer in _read_ahead(wanted, cache, scratch):
            progress.start(layer)
            unfit.look(stored.locked.digest, layer.tree)
            if not unfit:  # otherwise the layers that follow are only looked at
                unpacked += _write_layer(stream, stored, layer)
                look(layer)
            progress.end()
            records.append(layer_record(stored, layer.facts))
            layer.close()
        unfit.check()
        write_metadata(stream, records, images, cache)
        stream.close()
        meter.note(f"{count(len(wanted), 'layer')}, {human(unpacked)} unpacked")


class _Progress:
    """Shows how many layers, and which share of the bytes of their blobs, are written."""

    def __init__(self, meter: Meter, layers: int):
        self._meter = meter
        self._layers = layers
        self._ended = 0
        self._before = 0
        self._layer: Layer | None = None
        self._bytes = 0

    def start(self, layer: Layer) -> None:
        self._layer = layer
        self._bytes = 0
        self._show(0)

    def copied(self, size: int) -> None:
        if self._layer is not None:
            self._bytes += size
            share = min(self._bytes / max(self._layer.diff_size, 1), 1)
            self._show(int(share * self._layer.size))

    def end(self) -> None:
        if self._layer is not None:
            self._ended += 1
            self._before += self._layer.size
            self._layer = None
            self._show(0)

    def _show(self, more: int) -> None:
        self._meter.update(self._before + more, f"{self._ended}/{count(self._layers, 'layer')}")


def _read_ahead(
    wanted: Sequence[StoredLayer], cache: Cache, scratch: Path
) -> Iterator[tuple[StoredLayer, Layer]]:
    """Read each layer while the one before it is written: decompression has a core of its own."""

    def read(stored: StoredLayer) -> Layer:
        locked = stored.locked
        return layers.read(cache.path(locked.digest), locked.digest, locked.diff_id, scratch)

    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(read, wanted[0]) if wanted else None
        for number, stored in enumerate(wanted):
            assert ahead is not None
            layer = ahead.result()
            if number + 1 < len(wanted):
                ahead = pool.submit(read, wanted[number + 1])
            yield stored, layer


def _write_layer(stream: TarStream, stored: StoredLayer, layer: Layer) -> int:
    """Write a layer; return the bytes of its files, each once, as ``paack report`` has them."""
    write_home(stream, stored)
    unpacked = _write_diff(stream, f"overlay/{stored.id}/diff".encode(), layer)
    split = f"overlay-layers/{stored.id}.tar-split.gz".encode()
    stream.file_from(split, layer.tar_split.fileno(), layer.tar_split_size)
    return unpacked


def _write_diff(stream: TarStream, diff: bytes, layer: Layer) -> int:
    stream.add(diff, layer.tree.root.entry)
    archive = layer.archive.fileno()
    names, unpacked = dict[int, bytes](), 0
    for path, node in layer.tree.walk():
        entry = node.entry
        full = diff + b"/" + path
        first = names.setdefault(id(node), full) if node.linked else full
        if first is not full:
            stream.hard_link(full, first, entry)
            continue
        stream.add(full, entry, archive)
        unpacked += entry.size if entry.kind == tar.REGULAR else 0
    return unpacked
