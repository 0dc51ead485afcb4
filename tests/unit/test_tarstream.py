"""The tar stream, read by GNU tar, bsdtar and Python's tarfile."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.run import feed
from paack.helpers.store import tar
from paack.helpers.store.tarstream import _SENDFILE_FROM, TarStream, _header, _record
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.support.rights import need_root
from tests.support.tree import ROOT, diff_trees, read_tree
from tests.unit.archives import (
    BSDTAR,
    GNU_TAR,
    Archive,
    archives,
    bsdtar_keeps,
    extracted,
    ids,
    members_of,
    modes,
    records_of,
    rewritten,
    tree_of,
)

TOOLS = {"gnu": GNU_TAR, "bsdtar": BSDTAR}
FILE = tar.Entry(b"", tar.REGULAR, 0o644, 0, 0, 0, 0, b"", 0, 0, {})


@given(archives())
def test_tools_extract_what_the_tree_holds(archive: Archive) -> None:
    tree = tree_of(archive.content)
    stream = rewritten(tree, archive.content)
    wanted = records_of(tree, archive.content)
    assert diff_trees(wanted, extracted(GNU_TAR, stream)) == []
    targets = [record.target for record in wanted.values() if record.target]
    if all(map(bsdtar_keeps, [*wanted, *targets])):
        assert diff_trees(wanted, extracted(BSDTAR, stream)) == []


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", ["files", "upper", "duplicates"])
def test_tools_extract_what_odd_layers_hold(name: str, tool: str) -> None:
    archive = oddities.ALL[name]()
    tree = tree_of(archive)
    stream = rewritten(tree, archive)
    assert diff_trees(records_of(tree, archive), extracted(TOOLS[tool], stream)) == []


@given(archives())
def test_writing_it_again_changes_nothing(archive: Archive) -> None:
    once = rewritten(tree_of(archive.content), archive.content)
    assert rewritten(tree_of(once), once) == once


@given(archives())
def test_nothing_is_said_twice(archive: Archive) -> None:
    """No path comes twice, no member has two pax headers, no header a record twice."""
    stream = rewritten(tree_of(archive.content), archive.content)
    kinds, keys = headers_of(stream)
    assert max(Counter(member.name for member in members_of(stream)).values(), default=1) == 1
    assert b"xx" not in b"".join(kinds)
    assert all(len(set(each)) == len(each) for each in keys)
    assert set(kinds) <= {b"x", *(bytes([kind]) for kind in b"0123456")}


def headers_of(stream: bytes) -> tuple[list[bytes], list[list[bytes]]]:
    """Return the type of each header block, and the keys of each pax header."""
    kinds, keys, position = [], [], 0
    while stream[position]:
        block = stream[position : position + 512]
        kind, size = block[156:157], int(block[124:135], 8)
        body = stream[position + 512 : position + 512 + size]
        if kind == b"x":
            keys.append(pax_keys(body))
        kinds.append(kind)
        position += 512 + -(-size // 512) * 512
    return kinds, keys


def pax_keys(body: bytes) -> list[bytes]:
    keys = []
    while body:
        length = int(body.split(b" ")[0])
        keys.append(body[:length].split(b" ", 1)[1].split(b"=")[0])
        body = body[length:]
    return keys


def read_back(header: bytes) -> tarfile.TarInfo:
    """Read one header with Python's tarfile."""
    with tarfile.open(fileobj=io.BytesIO(header), errors="surrogateescape") as opened:
        member = opened.next()
        assert member is not None
        return member


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


components = st.integers(1, 160).map(lambda length: b"n" * length)
paths = st.lists(components, min_size=1, max_size=6).map(b"/".join)


@given(
    paths,
    st.one_of(paths, st.sampled_from([b"l" * 100, b"l" * 101])),
    st.sampled_from([0, (1 << 33) - 1, 1 << 33, 1 << 40]),
    st.tuples(modes, ids, ids, st.integers(-(1 << 31), 1 << 33)),
)
def test_headers_hold_what_does_not_fit(
    path: bytes, link: bytes, size: int, attributes: tuple[int, int, int, int]
) -> None:
    mode, uid, gid, mtime = attributes
    entry = replace(FILE, mode=mode, uid=uid, gid=gid, mtime=mtime)
    file = read_back(_header(path, replace(entry, size=size)))
    assert (as_bytes(file.name), file.size, file.mode) == (path, size, mode)
    assert (file.uid, file.gid, file.mtime) == (uid, gid, mtime)
    symlink = read_back(_header(path, replace(entry, kind=tar.SYMLINK, link=link)))
    assert (as_bytes(symlink.name), as_bytes(symlink.linkname)) == (path, link)
    assert symlink.mode == 0o777


@pytest.mark.parametrize("length", [*range(95, 106), *range(150, 160), *range(250, 262)])
def test_headers_at_the_borders_of_ustar(length: int) -> None:
    for slash in range(1, length - 1):
        path = bytearray(b"n" * length)
        path[slash : slash + 1] = b"/"
        header = _header(bytes(path), FILE)
        assert as_bytes(read_back(header).name) == bytes(path)
        fits = length <= 100 or (slash <= 155 and length - slash - 1 <= 100)
        assert len(header) == (512 if fits else 3 * 512)


def test_pax_records_count_their_own_length() -> None:
    for size in (*range(120), *range(960, 1020), *range(9960, 10020)):
        record = _record(b"path", b"x" * size)
        length, rest = record.split(b" ", 1)
        assert int(length) == len(record)
        assert rest == b"path=" + b"x" * size + b"\n"


@pytest.mark.parametrize("value", [b"", b"\n", b"=", b"\0\xff", b"9 a=b\n", b"x" * 5000])
def test_xattrs_of_any_bytes(value: bytes) -> None:
    layer = LayerTar()
    layer.add("a", b"content")
    tree = tree_of(layer.close())
    (_, node), *_ = tree.walk()
    node.entry.xattrs = {b"user.a": value[:3000]}
    stream = rewritten(tree, layer.close())
    member = read_back(stream)
    assert as_bytes(member.pax_headers["SCHILY.xattr.user.a"]) == value[:3000]
    assert tree_of(stream).root.children is not None
    assert extracted(GNU_TAR, stream)[b"a"].xattrs == (("user.a", value[:3000]),)


@pytest.mark.parametrize(
    "size", [0, 1, 511, 512, 513, _SENDFILE_FROM - 1, _SENDFILE_FROM, _SENDFILE_FROM + 1, 3 << 20]
)
def test_sizes_at_borders_through_a_pipe(tmp_path: Path, size: int) -> None:
    need_root("files get their owners")
    content = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    with tempfile.TemporaryFile() as spool:
        spool.write(b"before" + content + b"after")
        spool.flush()

        def write(out: object) -> None:
            stream = TarStream(out)  # type: ignore[arg-type]
            stream.directory(b"d")
            stream.file(b"d/file", content)
            stream.add(b"d/added", replace(FILE, size=size, offset=6), spool.fileno())
            with tempfile.TemporaryFile() as whole:
                whole.write(content)
                whole.flush()
                stream.file_from(b"d/from", whole.fileno(), size)
            stream.symlink(b"d/link", b"file")
            stream.close()

        result = feed([*GNU_TAR, "-", "--directory", tmp_path], write)
    assert (result.status, result.stderr) == (0, "")
    tree = read_tree(tmp_path)
    assert set(tree) == {ROOT, b"d", b"d/file", b"d/added", b"d/from", b"d/link"}
    for name in ("file", "added", "from"):
        assert (tmp_path / "d" / name).read_bytes() == content
    assert (tree[b"d"].mode, tree[b"d"].mtime) == (0o700, 0)
    assert (tree[b"d/from"].mode, tree[b"d/from"].mtime, tree[b"d/from"].uid) == (0o600, 0, 0)
    assert (tree[b"d/link"].target, tree[b"d/link"].mtime) == (b"file", 0)


def test_a_spool_that_is_too_short_is_an_error() -> None:
    with tempfile.TemporaryFile() as spool, tempfile.TemporaryFile() as out:
        spool.write(b"short")
        spool.flush()
        for size in (6, _SENDFILE_FROM):
            with pytest.raises(OSError, match="ended"):
                TarStream(out).add(b"f", replace(FILE, size=size), spool.fileno())
