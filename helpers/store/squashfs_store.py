"""The store as a squashfs: its layers compiled, then linked."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from paack.helpers.blobs.cache import Cache
from paack.helpers.errors import BuildError
from paack.helpers.jobs import stopped
from paack.helpers.oci.chain import StoredLayer, stored_layers
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.progress import Meter, Reporter, count, human
from paack.helpers.squashfs.compression import Compressor, Settings
from paack.helpers.squashfs.inodes import LimitError
from paack.helpers.store.compiled_layer import CompiledLayer
from paack.helpers.store.compiler import Compiler, compile_layers
from paack.helpers.store.linker import link
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
        layers: Sequence[StoredLayer] | None = None,
    ) -> None:
        """Write the store of ``images``, with ``layers`` (default: all of theirs), to ``target``.

        Raises BuildError for what squashfs cannot hold.
        """
        # Whichever image comes first names the blob of a layer that they share.
        images = sorted(images, key=lambda image: (image.names, image.manifest))
        wanted = stored_layers(images) if layers is None else sorted(layers, key=lambda one: one.id)
        # A layer may be in several places, upon others each time.
        places = Counter(stored.locked for stored in wanted)
        with self.reporter.step(label_of(images), sum(one.locked.size for one in wanted)) as meter:
            by_layer = self._compiled(places, meter)
            try:
                ordered = [by_layer[stored.locked] for stored in wanted]
                with target.open("wb") as image:
                    link(image, _COMPRESSOR, BLOCK_SIZE, images, wanted, ordered, self.cache)
            except LimitError as error:
                raise BuildError(f"squashfs cannot hold {error}", hint=_HINT) from error
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
