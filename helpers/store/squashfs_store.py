"""The store as a squashfs: its layers compiled, then linked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from paack.helpers.blobs import Cache
from paack.helpers.errors import BuildError
from paack.helpers.jobs import stopped
from paack.helpers.oci import LockedImage, LockedLayer, StoredLayer, in_order, stored_layers
from paack.helpers.progress import Meter, Reporter, count, human
from paack.helpers.squashfs import Compressor, LimitError, Settings
from paack.helpers.store.compiled_layer import CompiledLayer
from paack.helpers.store.compiler import Compiler, compile_layers
from paack.helpers.store.linker import link
from paack.helpers.store.pack import Pack, select, selected, weights, write_pack
from paack.helpers.store.store import label_of

#: Measured, see docs/bench.md: level 5 of zstd, but for matches of 4 bytes, and more of them tried.
BLOCK_SIZE = 1 << 18
SETTINGS = Settings(
    level=5,
    window_log=18,
    chain_log=17,
    hash_log=18,
    search_log=4,
    min_match=4,
    target_length=8,
    strategy=3,
)
_COMPRESSOR = Compressor(SETTINGS)
_HINT = "filesystem: erofs"


def zstd_version() -> str:
    """Return the version of zstd in the pinned Python package, which decides the bytes."""
    return _COMPRESSOR.version


@dataclass(frozen=True, slots=True)
class SquashfsStore:
    """Makes stores; ``recipe`` is that of compiled layers."""

    cache: Cache
    reporter: Reporter
    recipe: str

    def make(
        self,
        target: Path,
        images: Sequence[LockedImage],
        layers: Sequence[StoredLayer],
        packs: Sequence[Pack] = (),
    ) -> None:
        """Write the store of ``images``, with ``layers`` in it, to ``target``.

        With ``packs``, ``target`` becomes an index; see ``pack_area``. Raises BuildError for what
        squashfs cannot hold.
        """
        images = in_order(images)
        wanted = sorted(layers, key=lambda one: one.id)
        with self._opened(label_of(images), [one.locked for one in wanted]) as ordered:
            try:
                with target.open("wb") as out:
                    link(out, _COMPRESSOR, BLOCK_SIZE, images, wanted, ordered, self.cache, packs)
            except LimitError as error:
                raise BuildError(f"squashfs cannot hold {error}", hint=_HINT) from error

    def weights(self, images: Sequence[LockedImage]) -> dict[bytes, int]:
        """Return the compressed size of each content of ``images``, in the order of a pack."""
        found: dict[bytes, int] = {}
        layers = [stored.locked for stored in stored_layers(images)]
        with self._opened(label_of(images), layers) as ordered:
            for layer in ordered:
                for identity, weight in weights(layer, BLOCK_SIZE).items():
                    found.setdefault(identity, weight)
        return found

    def pack(
        self, target: Path, images: Sequence[LockedImage], wanted: Set[bytes]
    ) -> tuple[tuple[str, ...], bytes]:
        """Write a pack of those contents of ``images`` whose identities are ``wanted``.

        Return the blobs that it was made from, and which of their contents it has: ``pack_again``.
        """
        layers = [stored.locked for stored in stored_layers(images)]
        with self._opened(label_of(images), layers) as ordered:
            named = dict(zip((each.digest for each in layers), ordered, strict=True))
            blobs, bits = select(named, wanted)
            self._write_pack(target, named.values(), wanted)
        return tuple(blobs), bits

    def pack_again(self, target: Path, layers: Sequence[LockedLayer], bits: bytes) -> None:
        """Write the pack of which ``pack`` said that it is made from ``layers``."""
        with self._opened(f"pack    {count(len(layers), 'layer')}", layers) as ordered:
            self._write_pack(target, ordered, selected(ordered, bits))

    def _write_pack(
        self, target: Path, layers: Iterable[CompiledLayer], wanted: Set[bytes]
    ) -> None:
        with target.open("wb") as out:
            write_pack(out, _COMPRESSOR, BLOCK_SIZE, layers, wanted)

    @contextmanager
    def _opened(self, label: str, wanted: Sequence[LockedLayer]) -> Iterator[list[CompiledLayer]]:
        """Yield the layers ``wanted``, compiled."""
        # A layer may be in several places, upon others each time.
        places = Counter(wanted)
        with self.reporter.step(label, sum(one.size for one in wanted)) as meter:
            by_layer = self._compiled(places, meter)
            ordered = [by_layer[locked] for locked in wanted]
            try:
                yield ordered
            finally:
                for layer in by_layer.values():
                    layer.close()
            unpacked = sum(layer.head.unpacked for layer in ordered)
            meter.note(f"{count(len(wanted), 'layer')}, {human(unpacked)} unpacked")

    def _compiled(
        self, places: Counter[LockedLayer], meter: Meter
    ) -> dict[LockedLayer, CompiledLayer]:
        locked, ended, size, turn = list(places), 0, 0, Lock()

        def done(layer: LockedLayer) -> None:
            nonlocal ended, size
            with turn:
                ended, size = ended + places[layer], size + places[layer] * layer.size
                meter.update(size, f"{ended}/{count(places.total(), 'layer')}")

        compiler = Compiler(self.cache, _COMPRESSOR, BLOCK_SIZE, self.recipe, stopped())
        compiled = compile_layers(compiler, locked, os.cpu_count() or 1, done)
        return dict(zip(locked, compiled, strict=True))
