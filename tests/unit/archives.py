"""Archives for tests: generated ones, and what our reader and other tools make of them."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from paack.helpers.store import tar
from paack.helpers.store.layer_tree import Node, Tree
from paack.helpers.store.tarstream import TarStream
from tests.support.commands import run
from tests.support.oddities import LayerTar
from tests.support.rights import need_root
from tests.support.tree import ROOT, Record, read_tree

FORMATS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)
GNU_TAR = (
    "tar",
    "--extract",
    "--same-owner",
    "--same-permissions",
    "--numeric-owner",
    "--delay-directory-restore",
    "--xattrs",
    "--xattrs-include=*",
    "--warning=no-timestamp",
    "--file",
)
BSDTAR = ("bsdtar", "-x", "-p", "--same-owner", "--numeric-owner", "--xattrs", "-f")

_KINDS = {
    tar.REGULAR: "file",
    tar.DIRECTORY: "directory",
    tar.SYMLINK: "symlink",
    tar.FIFO: "fifo",
    tar.CHAR: "character device",
    tar.BLOCK_DEVICE: "block device",
}


class Archive:
    """An archive, and the directories that it only implies: those get the time of extraction."""

    def __init__(self, content: bytes, timeless: frozenset[bytes] = frozenset()):
        self.content = content
        self.timeless = timeless

    def __repr__(self) -> str:
        """Show the members: hypothesis would print every byte."""
        return f"<{[member.get_info() for member in members_of(self.content)]}>"


def chunked(content: bytes, sizes: Sequence[int] = (1 << 20,)) -> Iterator[bytes]:
    """Cut ``content`` into chunks of ``sizes``, over and over."""
    position, turn = 0, 0
    while position < len(content):
        size = sizes[turn % len(sizes)]
        yield content[position : position + size]
        position, turn = position + size, turn + 1


def entries_of(content: bytes, sizes: Sequence[int] = (1 << 20,)) -> list[tar.Entry]:
    """Read an archive with our reader."""
    return list(tar.Reader(chunked(content, sizes)))


def tree_of(content: bytes, sizes: Sequence[int] = (1 << 20,)) -> Tree:
    """Read an archive with our reader into a tree."""
    tree = Tree()
    entries = entries_of(content, sizes)
    for entry in entries:
        tree.add(entry)
    tree.end(entries)
    return tree


def data_of(entry: tar.Entry, archive: bytes) -> bytes:
    """Return the content of a regular file."""
    stored = archive[entry.offset : entry.offset + entry.stored]
    if entry.extents is None:
        return stored
    content, position = bytearray(entry.size), 0
    for offset, length in entry.extents:
        content[offset : offset + length] = stored[position : position + length]
        position += length
    return bytes(content)


def records_of(tree: Tree, archive: bytes) -> dict[bytes, Record]:
    """Describe a tree of ours as ``read_tree`` describes one on disk (without its root)."""
    names: dict[int, list[bytes]] = {}
    for path, node in tree.walk():
        names.setdefault(id(node), []).append(path)
    return {path: _record(node, names[id(node)], archive) for path, node in tree.walk()}


def _record(node: Node, names: list[bytes], archive: bytes) -> Record:
    entry = node.entry
    is_directory, is_file = entry.kind == tar.DIRECTORY, entry.kind == tar.REGULAR
    content = data_of(entry, archive) if is_file else b""
    special = entry.kind in (tar.CHAR, tar.BLOCK_DEVICE)
    return Record(
        kind=_KINDS[entry.kind],
        mode=0o777 if entry.kind == tar.SYMLINK else entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        mtime=entry.mtime,
        size=entry.size if is_file else None,
        sha256=hashlib.sha256(content).hexdigest() if is_file else None,
        links=None if is_directory else len(names),
        twin=None if is_directory else names[0],
        target=entry.link if entry.kind == tar.SYMLINK else None,
        device=(entry.major, entry.minor) if special else None,
        xattrs=tuple((key.decode(), entry.xattrs[key]) for key in sorted(entry.xattrs)),
    )


def extracted(command: Sequence[str], archive: bytes) -> dict[bytes, Record]:
    """Extract an archive with a tool, as root, and return what is there (without the root)."""
    need_root("files get their owners")
    with tempfile.TemporaryDirectory(prefix="paack-unit-") as scratch:
        file, target = Path(scratch) / "archive.tar", Path(scratch) / "tree"
        file.write_bytes(archive)
        target.mkdir()
        run([*command, str(file), "--directory", str(target)])
        tree = read_tree(target)
        del tree[ROOT]
        return tree


def bsdtar_keeps(path: bytes) -> bool:
    """Tell whether bsdtar extracts a path as it is.

    It takes some for absolute ones of Windows, and insists on UTF-8 in pax records without
    hdrcharset=BINARY (which our streams have none of: image makers do not know it).
    """
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return re.match(rb"[\\?]|[A-Za-z]:", path) is None


def rewritten(tree: Tree, archive: bytes) -> bytes:
    """Write a tree with our TarStream, hard links as the store writes them."""
    with tempfile.TemporaryFile() as spool, tempfile.TemporaryFile() as out:
        spool.write(archive)
        spool.flush()
        stream = TarStream(out)
        first: dict[int, bytes] = {}
        for path, node in tree.walk():
            if node.entry.kind != tar.DIRECTORY and id(node) in first:
                stream.hard_link(path, first[id(node)], node.entry)
            else:
                first[id(node)] = path
                stream.add(path, node.entry, spool.fileno())
        stream.close()
        out.seek(0)
        return out.read()


def members_of(archive: bytes) -> list[tarfile.TarInfo]:
    """Read an archive with Python's tarfile."""
    with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as opened:
        return opened.getmembers()


_REFUSED_IN_NAMES = b"/\0"
_short = st.binary(min_size=1, max_size=9).map(
    lambda raw: bytes(byte for byte in raw if byte not in _REFUSED_IN_NAMES) or b"x"
)
_text = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=6
).map(str.encode)
_long = st.integers(90, 255).map(lambda length: b"n" * length)
names = st.one_of(_short, _text, _long).filter(
    lambda name: name not in (b".", b"..") and not name.startswith(b".wh.")
)
modes = st.integers(0, 0o7777)
ids = st.one_of(st.integers(0, 0o7777777), st.sampled_from([0o10000000, (1 << 32) - 2]))
# What is before 1970, podman does not keep, other than these tools
whole_times = st.integers(0, 1 << 33)
times = st.one_of(whole_times, st.sampled_from([0.5, 1.999]))
xattrs = st.dictionaries(
    st.sampled_from(["user.a", "user.long-name", "trusted.b"]), st.binary(max_size=40), max_size=2
)
contents = st.one_of(
    st.binary(max_size=40), st.sampled_from([511, 512, 513, 1024, 70_000]).map(lambda n: b"z" * n)
)
chunk_sizes = st.lists(st.integers(1, 1500), min_size=1, max_size=4)


@dataclass
class _Maker:
    tar: LayerTar
    format: int
    times: st.SearchStrategy[float]
    paths: list[bytes] = field(default_factory=list)
    files: list[tuple[bytes, dict[str, object]]] = field(default_factory=list)
    timeless: set[bytes] = field(default_factory=set)


@st.composite
def archives(
    draw: st.DrawFn,
    formats: Sequence[int] = FORMATS,
    times: st.SearchStrategy[float] = times,
) -> Archive:
    """Any archive without a path that comes twice, as Python's tarfile writes it.

    Some directories have no member of their own; links are to files that came before.
    """
    chosen = draw(st.sampled_from(formats))
    maker = _Maker(LayerTar(chosen), chosen, times)
    directories = [b""]
    taken: set[bytes] = set()
    for _ in range(draw(st.integers(0, 8))):
        parent = draw(st.sampled_from(directories))
        path = parent + draw(names)
        if path in taken:
            continue
        taken.add(path)
        kind = draw(st.sampled_from("dddffffshpcb"))
        if kind == "d":
            directories.append(path + b"/")
        _add(draw, maker, path, kind)
    return Archive(maker.tar.close(), frozenset(maker.timeless))


def _add(draw: st.DrawFn, maker: _Maker, path: bytes, kind: str) -> None:
    attributes: dict[str, object] = {
        "mode": draw(modes),
        "owner": (draw(ids), draw(ids)),
        "mtime": draw(maker.times),
    }
    if kind in "df" and maker.format == tarfile.PAX_FORMAT:
        attributes["xattrs"] = draw(xattrs)
    if kind == "d" and draw(st.booleans()):
        maker.timeless.add(path)
        return
    try:
        _write(draw, maker, path, kind, attributes)
    except ValueError:  # the format has no room for it
        if kind == "d":
            maker.timeless.add(path)


def _write(
    draw: st.DrawFn, maker: _Maker, path: bytes, kind: str, attributes: dict[str, object]
) -> None:
    add = maker.tar.add
    if kind == "d":
        add(path, kind=tarfile.DIRTYPE, **attributes)  # type: ignore[arg-type]
    elif kind == "s":
        target = draw(st.one_of(names, st.just(b"../x/" * 25)))
        attributes["link"] = target.decode("utf-8", "surrogateescape")
        add(path, kind=tarfile.SYMTYPE, **attributes)  # type: ignore[arg-type]
    elif kind == "h" and maker.files:
        target, same = draw(st.sampled_from(maker.files))
        link = target.decode("utf-8", "surrogateescape")
        add(path, kind=tarfile.LNKTYPE, link=link, **same)  # type: ignore[arg-type]
    elif kind == "p":
        add(path, kind=tarfile.FIFOTYPE, **attributes)  # type: ignore[arg-type]
    elif kind in "cb":
        attributes["device"] = (draw(st.integers(0, 0xFFF)), draw(st.integers(1, 0xFFFFF)))
        device = tarfile.CHRTYPE if kind == "c" else tarfile.BLKTYPE
        add(path, kind=device, **attributes)  # type: ignore[arg-type]
    else:
        add(path, draw(contents), **attributes)  # type: ignore[arg-type]
        maker.files.append((path, attributes))
