"""Compiling layers: each is unpacked and compressed once, and kept in the cache.

A store image is then put together from compiled layers (``linker``), without the layers' blobs.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from paack.helpers.blobs import Cache
from paack.helpers.errors import BuildError
from paack.helpers.oci import LockedLayer
from paack.helpers.squashfs import Compressor, layout
from paack.helpers.store import inventory, tar
from paack.helpers.store import layer as layers
from paack.helpers.store.block_file import Damaged
from paack.helpers.store.blocks import BlockWriter, ContentWriter
from paack.helpers.store.compiled_layer import (
    FORMAT,
    LINK_KIND,
    NODE,
    CompiledLayer,
    Head,
    pack_xattrs,
    write_layer_end,
)
from paack.helpers.store.layer import Layer
from paack.helpers.store.layer_tree import Node, Tree
from paack.helpers.store.limits import Unfit
from paack.helpers.store.spool import plain, reader
from paack.helpers.workspace import workspace

_KINDS = {
    tar.REGULAR: layout.FILE,
    tar.SYMLINK: layout.SYMLINK,
    tar.CHAR: layout.CHAR_DEVICE,
    tar.BLOCK_DEVICE: layout.BLOCK_DEVICE,
    tar.DIRECTORY: layout.DIRECTORY,
    tar.FIFO: layout.FIFO,
}


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles layers of ``cache``; ``recipe`` is what besides a layer decides the bytes.

    Once ``stop`` is set, it raises BuildError.
    """

    cache: Cache
    compressor: Compressor
    block_size: int
    recipe: str
    stop: Event

    def layer(self, locked: LockedLayer, pool: Executor) -> CompiledLayer | Unfit:
        """Return a layer, compiled now if need be, or what squashfs cannot hold of it.

        ``pool`` compresses. Raises as ``layer.read`` does.
        """
        target = self._path(locked)
        with suppress(FileNotFoundError, Damaged):
            found = CompiledLayer.open(target)
            self.cache.use(target)
            return found
        with workspace(self.cache.scratch()) as work:
            blob = self.cache.path(locked.digest)
            layer = layers.read(blob, locked.digest, locked.diff_id, work)
            try:
                unfit = Unfit("squashfs")
                unfit.look(layer.digest, layer.tree)
                if unfit:
                    return unfit
                file = work / "layer"
                self._compile(layer, file, pool)
                inventory.record(self.cache, layer, work)
            finally:
                layer.close()
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
        return CompiledLayer.open(target)

    def _path(self, locked: LockedLayer) -> Path:
        """Each blob is proved to have what its diffID names, so its digest counts, too."""
        key = f"{FORMAT}\n{self.recipe}\n{locked.diff_id}\n{locked.digest}"
        return self.cache.root / "layers" / hashlib.sha256(key.encode()).hexdigest()

    def _compile(self, layer: Layer, target: Path, pool: Executor) -> None:
        with target.open("wb") as out:
            blocks = BlockWriter(out, self.compressor, pool)
            contents = ContentWriter(blocks, self.block_size)
            nodes = _Nodes(layer, contents, self.stop)
            nodes.add(layer.tree)
            tar_split = contents.add(layer.tar_split_size, plain(layer.tar_split.fileno(), 0))
            contents.close()
            # Not copied: of a layer of 100,000 files, they are tens of megabytes.
            sections: dict[str, bytes | bytearray] = {
                "contents": contents.contents,
                "words": contents.words.tobytes(),
                "fragments": contents.fragments,
                "xattrs": pack_xattrs(nodes.xattrs),
                "nodes": nodes.records,
            }
            head = Head(layer.facts, nodes.count, tar_split, nodes.unpacked)
            write_layer_end(out, blocks, sections, head)


class _Nodes:
    """Writes a record for each node of a tree: a directory follows what it holds."""

    def __init__(self, layer: Layer, contents: ContentWriter, stop: Event) -> None:
        self.records = bytearray()
        self.xattrs: list[dict[bytes, bytes]] = []
        self.count = 0
        self.unpacked = 0
        self._archive = layer.archive.fileno()
        self._contents = contents
        self._stop = stop
        self._sets: dict[tuple[tuple[bytes, bytes], ...], int] = {}
        self._names: Counter[int] = Counter()
        self._numbers: dict[int, int] = {}

    def add(self, tree: Tree) -> None:
        """Write the records of a tree; its root comes last."""
        self._names.update(id(node) for _, node in tree.walk() if node.linked)
        for path, node, number, above in self._visits(tree):
            name = path[path.rfind(b"/") + 1 :]
            if number is None:
                self._record(LINK_KIND, name, node, 0, 0, self._numbers[id(node)])
                continue
            if self._stop.is_set():
                raise BuildError("stopped")
            kind = _KINDS[node.entry.kind]
            self._record(kind, name, node, number, above, self._value(node))
            if node.entry.kind == tar.SYMLINK:
                self.records += node.entry.link

    def _visits(self, tree: Tree) -> Iterator[tuple[bytes, Node, int | None, int]]:
        """Yield (path, node, number, parent's number): children sorted, before their directory.

        Numbers are given on the way down. Further names of a file have none.
        """
        stack: list[tuple[bytes, Node, int | None, int]] = [(b"", tree.root, None, 0)]
        while stack:
            path, node, number, above = stack.pop()
            if number is None and not (node.linked and id(node) in self._numbers):
                number, self.count = self.count, self.count + 1
                if node.linked:
                    self._numbers[id(node)] = number
                if node.children is not None:
                    stack.append((path, node, number, above))
                    prefix = path + b"/" if path else b""
                    for name in sorted(node.children, reverse=True):
                        stack.append((prefix + name, node.children[name], None, number))
                    continue
            yield path, node, number, above

    def _record(
        self, kind: int, name: bytes, node: Node, number: int, above: int, value: int
    ) -> None:
        entry = node.entry
        # The kernel shows every symbolic link as 0777, whatever its archive said.
        mode = 0o777 if entry.kind == tar.SYMLINK else entry.mode
        links = self._names[id(node)] if node.linked else 1
        if kind == layout.DIRECTORY:
            links = above
        xattrs = self._xattrs(node) if entry.xattrs else layout.NOTHING_32
        self.records += NODE.pack(
            kind, len(name), mode, entry.uid, entry.gid, entry.mtime, number, links, xattrs, value
        )
        self.records += name

    def _value(self, node: Node) -> int:
        entry = node.entry
        if entry.kind == tar.REGULAR:
            self.unpacked += entry.size
            return self._contents.add(entry.size, reader(self._archive, entry))
        if node.children is not None:
            return len(node.children)
        if entry.kind == tar.SYMLINK:
            return len(entry.link)
        return os.makedev(entry.major, entry.minor)

    def _xattrs(self, node: Node) -> int:
        key = tuple(sorted(node.entry.xattrs.items()))
        number = self._sets.setdefault(key, len(self._sets))
        if number == len(self.xattrs):
            self.xattrs.append(dict(key))
        return number


def compile_layers(
    compiler: Compiler,
    wanted: Sequence[LockedLayer],
    cores: int,
    done: Callable[[LockedLayer], None],
) -> list[CompiledLayer]:
    """Return ``wanted`` layers, compiled side by side; ``done`` is called after each.

    Raises what the first (in order) that fails raised, and BuildError with all files that
    squashfs cannot hold.
    """
    with ThreadPoolExecutor(cores) as blocks, ThreadPoolExecutor(cores) as pool:

        def one(locked: LockedLayer) -> CompiledLayer | Unfit:
            made = compiler.layer(locked, blocks)
            done(locked)
            return made

        # The largest first, so that none is left alone at the end.
        order = sorted(range(len(wanted)), key=lambda number: -wanted[number].size)
        futures = {number: pool.submit(one, wanted[number]) for number in order}
        try:
            made = [futures[number].result() for number in range(len(wanted))]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    unfit = Unfit("squashfs")
    for layer in made:
        if isinstance(layer, Unfit):
            unfit.add(layer)
    unfit.check()
    return [layer for layer in made if isinstance(layer, CompiledLayer)]
