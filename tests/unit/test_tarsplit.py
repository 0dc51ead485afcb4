"""tar-split: put together again, the archive must be the same byte for byte."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tempfile
from base64 import b64decode
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.store import tar, tarsplit
from paack.helpers.store.layer_tree import Tree
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.unit.archives import Archive, archives, chunked, data_of

CRC_64_ISO = 0xD800000000000000  # ISO 3309, bits reversed


@cache
def crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (CRC_64_ISO if byte & 1 else 0)
        table.append(byte)
    return table


def crc_64(content: bytes) -> int:
    """Go's hash/crc64 with the table ISO."""
    table, crc = crc_table(), (1 << 64) - 1
    for byte in content:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ (1 << 64) - 1


def split(archive: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the tar-split of an archive and the files that it is extracted to."""
    tree = Tree()
    entries = []
    for entry in tar.Reader(chunked(archive)):
        entries.append(entry)
        tree.add(entry)
    with tempfile.TemporaryFile() as spool, tempfile.TemporaryFile() as out:
        spool.write(archive)
        spool.flush()
        tarsplit.write(out, spool.fileno(), len(archive), entries, tree)
        out.seek(0)
        found = out.read()
    files = {
        path: data_of(node.entry, archive)
        for path, node in tree.walk()
        if node.entry.kind == tar.REGULAR
    }
    return found, files


def lines_of(tar_split: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.decompress(tar_split).splitlines()]


def name_of(line: dict[str, object]) -> bytes:
    raw = line.get("name_raw")
    return b64decode(str(raw)) if raw is not None else str(line["name"]).encode()


def assembled(tar_split: bytes, files: dict[bytes, bytes], *, check_crc: bool = True) -> bytes:
    """Do what tar-split's assembler does with the files of a layer."""
    out = io.BytesIO()
    for position, line in enumerate(lines_of(tar_split)):
        assert line["position"] == position
        if line["type"] == 2:
            out.write(b64decode(str(line["payload"])))
            continue
        assert line["type"] == 1
        if size := line.get("size", 0):
            content = files[name_of(line)]
            assert len(content) == size
            if check_crc:
                assert b64decode(str(line["payload"])) == crc_64(content).to_bytes(8, "big")
            out.write(content)
    return out.getvalue()


def test_crc_of_go() -> None:
    """The values are those of the tests of Go's hash/crc64."""
    assert crc_64(b"a") == 0x3420000000000000
    assert crc_64(b"ab") == 0x36C4200000000000
    assert crc_64(b"This is a test of the emergency broadcast system.") == 0xE7FCF1006B503B61


@given(archives())
def test_gives_back_every_byte(archive: Archive) -> None:
    tar_split, files = split(archive.content)
    assert assembled(tar_split, files) == archive.content


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("fflsd"), st.binary(max_size=9)))
)
def test_gives_back_archives_whose_members_come_twice(
    members: list[tuple[str, str, bytes]],
) -> None:
    layer = LayerTar()
    files: set[str] = set()
    for name, kind, content in members:
        if kind == "f":
            layer.add(name, content)
            files.add(name)
        elif kind == "l" and files:
            layer.hard_link(name, min(files))
            files.add(name)
        else:
            layer.symlink(name, "x") if kind == "s" else layer.directory(name)
            files.discard(name)
    archive = layer.close()
    tar_split, found = split(archive)
    assert assembled(tar_split, found) == archive
    names = [name_of(line) for line in lines_of(tar_split) if line["type"] == 1]
    assert len(set(names)) == len(names), "podman refuses a name that comes twice"


@pytest.mark.parametrize("name", [*oddities.ALL, "old_gnu", "after the end", "large"])
def test_gives_back_odd_layers(name: str) -> None:
    archive = {
        **{key: make for key, make in oddities.ALL.items() if key == name},
        "old_gnu": lambda: oddities.sparse_old_gnu("s") + bytes(1024),
        "after the end": lambda: oddities.lower() + b"junk" * 1000,
        "large": large_segments,
    }[name]()
    tar_split, files = split(archive)
    assert assembled(tar_split, files, check_crc=name != "files") == archive


def large_segments() -> bytes:
    """More raw bytes in a row than one segment holds: the data of a file that is replaced."""
    layer = LayerTar()
    layer.add("f", b"first" * 700_000)
    layer.add("f", b"second")
    return layer.close()


def test_segments_are_of_limited_length() -> None:
    lines = lines_of(split(large_segments())[0])
    lengths = [len(b64decode(str(line["payload"]))) for line in lines if line["type"] == 2]
    assert max(lengths) == 1 << 20
    assert sum(lengths) > 3_500_000


def test_every_member_is_listed_under_the_name_that_podman_gives_it() -> None:
    layer = LayerTar()
    layer.directory("./")
    layer.directory("./d/")
    layer.add("./d//f", b"content")
    layer.add(b"\xff", b"content")
    layer.symlink("s", "f")
    layer.add("empty")
    layer.add(".wh.gone")
    lines = [line for line in lines_of(split(layer.close())[0]) if line["type"] == 1]
    names = [b".", b"d", b"d/f", b"\xff", b"s", b"empty", b".wh.gone"]
    assert [name_of(line) for line in lines] == names
    assert [line.get("size") for line in lines] == [None, None, 7, 7, None, None, None]


@pytest.mark.parametrize(
    "sizes", [[], [0], [1], [0xFFFE], [0xFFFF], [0x10000], [70_000, 1, 200_000]]
)
def test_stored_gzip_is_read_by_gzip(sizes: list[int]) -> None:
    parts = [bytes(range(256)) * (size // 256) + b"x" * (size % 256) for size in sizes]
    out = io.BytesIO()
    stored = tarsplit.StoredGzip(out)
    for part in parts:
        stored.write(part)
    stored.close()
    content = b"".join(parts)
    assert gzip.decompress(out.getvalue()) == content
    done = subprocess.run(["gzip", "-dc"], input=out.getvalue(), capture_output=True, check=True)
    assert done.stdout == content
    assert done.stderr == b""
    assert out.getvalue()[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff", "no time, no name"


@given(st.lists(st.binary(max_size=50)), st.integers(0, 3))
def test_stored_gzip_depends_on_nothing_but_the_content(parts: list[bytes], cuts: int) -> None:
    outs = []
    for pieces in (parts, [b"".join(parts)], [b"x" * 0xFFFF * cuts, *parts]):
        out = io.BytesIO()
        stored = tarsplit.StoredGzip(out)
        for part in pieces:
            stored.write(part)
        stored.close()
        assert gzip.decompress(out.getvalue()) == b"".join(pieces)
        outs.append(out.getvalue())
    assert outs[0] == outs[1]
