"""The parts of a build: what of compiling a layer only one core can do, and linking."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from paack.helpers.blobs.cache import Cache
from paack.helpers.lock.lock import read_lock
from paack.helpers.oci.locked import LockedLayer
from paack.helpers.squashfs.compression import Compressor
from paack.helpers.store.compiled_layer import CompiledLayer
from paack.helpers.store.compiler import Compiler
from paack.helpers.store.squashfs_store import BLOCK_SIZE, SETTINGS


@dataclass(frozen=True)
class Part:
    """Seconds of CPU that compiling one layer took, and those of its own thread alone.

    The thread unpacks, checks and hashes; compressing its blocks is spread over all cores.
    """

    size: int
    cpu: float
    thread: float


def parts(cache: Path, lock: Path) -> list[Part]:
    """Compile each layer of a lock anew, one after the other, from the blobs in ``cache``."""
    found = read_lock(lock)
    images = found.images.values() if found else ()
    layers = {layer.diff_id: layer for image in images for layer in image.layers}
    # A recipe of its own: nothing in the cache is taken, nothing is put in a build's way.
    compiler = Compiler(
        Cache(cache), Compressor(SETTINGS), BLOCK_SIZE, f"bench {time.time_ns()}", Event()
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [_part(compiler, layer, pool) for layer in layers.values()]


def _part(compiler: Compiler, layer: LockedLayer, pool: ThreadPoolExecutor) -> Part:
    cpu, thread = time.process_time(), time.thread_time()
    made = compiler.layer(layer, pool)
    if isinstance(made, CompiledLayer):
        made.close()
    return Part(layer.size, time.process_time() - cpu, time.thread_time() - thread)


def seconds(cores: int, compiled: Sequence[Part], cold: float, linked: float) -> float:
    """Return how long a build takes at least on ``cores``.

    ``cold`` is the CPU of one with nothing there, ``linked`` that from compiled layers, of
    which no part is taken to be spread. No layer is compiled faster than its own thread runs.
    """
    chain = max(part.thread for part in compiled)
    return linked + max(chain, (cold - linked) / cores)
