"""Linking a store image (squashfs): the blocks of compiled layers are copied, tables written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from paack.helpers.blobs import Cache
from paack.helpers.oci import LockedImage, StoredLayer
from paack.helpers.squashfs import Compressor, Entry, Inode, SquashfsTables, layout
from paack.helpers.store.compiled_layer import LINK_KIND, NODE, CompiledLayer
from paack.helpers.store.pack import Pack
from paack.helpers.store.pack_area import PackArea
from paack.helpers.store.placing import DataArea, LayerContents, repeated_contents
from paack.helpers.store.store import begin_store, layer_record, write_home, write_metadata
from paack.helpers.store.tar import NO_XATTRS

_ROOT = b"."


@dataclass
class _Directory:
    """A directory of the store itself."""

    inode: Inode
    parent: int | None
    entries: list[Entry] = field(default_factory=list)


class StoreTree:
    """The store's own files, and layers among them; it is written as TarStream writes a tar."""

    def __init__(self, tables: SquashfsTables, data: DataArea) -> None:
        self._tables = tables
        self._data = data
        self._directories: dict[bytes, _Directory] = {}

    def directory(
        self, path: bytes, mode: int = 0o700, xattrs: Mapping[bytes, bytes] = NO_XATTRS
    ) -> None:
        """Add a directory: root's, of time 0."""
        number = self._tables.xattrs.number(xattrs)
        inode = Inode(mode, 0, 0, 0, self._tables.number(), xattrs=number)
        path = path.rstrip(b"/")
        parent = None
        if path != _ROOT:
            parent = self._above(path)[0].inode.number
        self._directories[path] = _Directory(inode, parent)

    def file(self, path: bytes, content: bytes, mode: int = 0o600) -> None:
        """Add a file: root's, of time 0."""
        above, name = self._above(path)
        inode = Inode(mode, 0, 0, 0, self._tables.number())
        above.entries.append(self._tables.file(name, inode, self._data.add(content)))

    def symlink(self, path: bytes, target: bytes) -> None:
        """Add a symbolic link."""
        above, name = self._above(path)
        inode = Inode(0o777, 0, 0, 0, self._tables.number())
        above.entries.append(self._tables.symlink(name, inode, target))

    def layer(self, diff: bytes, split: bytes, layer: CompiledLayer) -> None:
        """Add the files of a layer as the directory ``diff``, its tar-split as ``split``."""
        contents = self._data.add_layer(layer)
        above, name = self._above(diff)
        above.entries.append(_Nodes(self._tables, layer, contents).add(name, above.inode.number))
        above, name = self._above(split)
        inode = Inode(0o600, 0, 0, 0, self._tables.number())
        data = contents.data(layer.head.tar_split)
        above.entries.append(self._tables.file(name, inode, data))

    def close(self) -> Entry:
        """Write all directories, and return the root's entry."""
        # Those below come after those above.
        for path in reversed(list(self._directories)):
            directory = self._directories[path]
            name = path.rpartition(b"/")[2]
            entry = self._tables.directory(
                name, directory.inode, directory.parent, directory.entries
            )
            if path == _ROOT:
                return entry
            self._above(path)[0].entries.append(entry)
        raise ValueError("a store without a root")

    def _above(self, path: bytes) -> tuple[_Directory, bytes]:
        parent, slash, name = path.rpartition(b"/")
        return self._directories[parent if slash else _ROOT], name


class _Nodes:
    """Adds the nodes of one layer, whose records come children first."""

    def __init__(
        self, tables: SquashfsTables, layer: CompiledLayer, contents: LayerContents
    ) -> None:
        self._tables = tables
        self._contents = contents
        self._records = layer.section("nodes")
        self._xattrs = [tables.xattrs.number(xattrs) for xattrs in layer.xattrs()]
        self._first = tables.number(layer.head.inodes)

    def add(self, name: bytes, parent: int) -> Entry:
        """Add all nodes; return the entry of the root, whose name and parent are given."""
        records, unpack, size = self._records, NODE.unpack_from, NODE.size
        done: list[Entry] = []
        linked: dict[int, Entry] = {}
        at, first = 0, self._first
        while at < len(records):
            kind, length, mode, uid, gid, mtime, number, links, xattrs, value = unpack(records, at)
            at += size
            file = records[at : at + length]
            at += length
            if kind == LINK_KIND:
                done.append(linked[value]._replace(name=file))
                continue
            if xattrs != layout.NOTHING_32:
                xattrs = self._xattrs[xattrs]
            inode = Inode(mode, uid, gid, mtime, first + number, links, xattrs)
            if kind == layout.FILE:
                entry = self._tables.file(file, inode, self._contents.data(value))
            elif kind == layout.DIRECTORY:
                start = len(done) - value
                entries = done[start:]
                del done[start:]
                above = first + links if file else parent
                entry = self._tables.directory(file or name, inode, above, entries)
                links = 1
            elif kind == layout.SYMLINK:
                entry = self._tables.symlink(file, inode, records[at : at + value])
                at += value
            else:
                entry = self._tables.special(file, inode, kind, value)
            if links > 1:  # of a file
                linked[number] = entry
            done.append(entry)
        (root,) = done
        return root


def write_tree(
    tables: SquashfsTables,
    data: DataArea,
    images: Sequence[LockedImage],
    wanted: Sequence[StoredLayer],
    compiled: Sequence[CompiledLayer],
    cache: Cache,
) -> Entry:
    """Write the store of ``images`` with the layers ``wanted``; return the root's entry."""
    tree = StoreTree(tables, data)
    begin_store(tree)
    records = []
    for stored, layer in zip(wanted, compiled, strict=True):
        write_home(tree, stored)
        home = stored.id.encode()
        split = b"overlay-layers/%b.tar-split.gz" % home
        tree.layer(b"overlay/%b/diff" % home, split, layer)
        records.append(layer_record(stored, layer.head.facts))
    write_metadata(tree, records, images, cache)
    data.flush()
    return tree.close()


def link(
    image: IO[bytes],
    compressor: Compressor,
    block_size: int,
    images: Sequence[LockedImage],
    wanted: Sequence[StoredLayer],
    compiled: Sequence[CompiledLayer],
    cache: Cache,
    packs: Sequence[Pack] = (),
) -> None:
    """Write the store of ``images`` to the empty file ``image``; see ``store.write_store``.

    ``compiled`` are the layers ``wanted``. With ``packs``, the file is an index; see ``pack_area``.
    Raises LimitError for what squashfs cannot hold.
    """
    tables = SquashfsTables(compressor, block_size)
    repeated = repeated_contents(compiled)
    if packs:
        data: DataArea = PackArea(image.fileno(), tables, compressor, repeated, packs)
    else:
        data = DataArea(image.fileno(), tables, compressor, repeated)
    root = write_tree(tables, data, images, wanted, compiled, cache)
    head, tail = tables.close(data.position, root)
    image.seek(data.position - data.skipped)
    image.write(tail)
    image.seek(0)
    image.write(head)
    image.flush()
