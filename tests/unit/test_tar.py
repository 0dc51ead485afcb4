"""The tar reader, compared with GNU tar (which writes) and Python's tarfile (which reads, too)."""

from __future__ import annotations

import io
import itertools
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.store import tar
from paack.helpers.store.layer_tree import Refusal, Tree
from paack.helpers.store.tarheader import byte_sum, pax_records
from tests.support import oddities
from tests.support.commands import run
from tests.support.oddities import LayerTar
from tests.unit.archives import (
    Archive,
    archives,
    chunk_sizes,
    chunked,
    data_of,
    entries_of,
    members_of,
)

_KINDS = {tarfile.AREGTYPE: tar.REGULAR, tarfile.CONTTYPE: b"7"}


def described(entry: tar.Entry) -> tuple[object, ...]:
    """What Python's tarfile knows of a member, too."""
    offset = entry.offset if entry.kind == tar.REGULAR and entry.extents is None else None
    device = (entry.major, entry.minor)
    owner = (entry.uid, entry.gid)
    name = entry.name.rstrip(b"/")
    return (
        name,
        entry.kind,
        entry.mode,
        owner,
        entry.size,
        entry.mtime,
        entry.link,
        device,
        offset,
    )


def described_by_python(member: tarfile.TarInfo) -> tuple[object, ...]:
    plain = member.isreg() and not member.issparse()
    kind = tar.REGULAR if member.isreg() else member.type
    return (
        member.name.encode("utf-8", "surrogateescape").rstrip(b"/"),
        kind,
        member.mode & 0o7777,
        (member.uid, member.gid),
        member.size if member.isreg() else 0,
        int(member.mtime // 1),
        member.linkname.encode("utf-8", "surrogateescape"),
        (member.devmajor, member.devminor) if member.isdev() and not member.isfifo() else (0, 0),
        member.offset_data if plain else None,
    )


@given(archives(), chunk_sizes)
def test_reads_what_python_reads(archive: Archive, sizes: list[int]) -> None:
    found = [described(entry) for entry in entries_of(archive.content, sizes)]
    assert found == [described_by_python(member) for member in members_of(archive.content)]


@pytest.mark.parametrize("name", oddities.ALL)
def test_reads_the_odd_layers_as_python_does(name: str) -> None:
    archive = oddities.ALL[name]()
    found = [described(entry) for entry in entries_of(archive)]
    assert found == [described_by_python(member) for member in members_of(archive)]


@given(archives(), chunk_sizes)
def test_every_byte_is_passed_on(archive: Archive, sizes: list[int]) -> None:
    junk = b"after the end mark"
    seen = bytearray()

    def watched() -> object:
        for chunk in chunked(archive.content + junk, sizes):
            seen.extend(chunk)
            yield chunk

    reader = tar.Reader(watched())  # type: ignore[arg-type]
    assert len(list(reader)) == len(members_of(archive.content))
    assert bytes(seen) == archive.content + junk
    assert reader.offset == len(seen)


def test_times_are_rounded_down_as_stat_shows_them() -> None:
    layer = LayerTar()
    for mtime in (1.25, -1.25, -1.0, 0.0, -0.5):
        layer.add(f"{mtime}", mtime=mtime)
    assert [entry.mtime for entry in entries_of(layer.close())] == [1, -2, -1, 0, -1]


HOLES = {
    "none": [(0, 5000)],
    "only": [],
    "few": [(0, 10), (1 << 20, 4096), ((2 << 20) - 3, 3)],
    "more than a header has room for": [(i << 16, 700) for i in range(1, 12)],
    "more than one extension block": [(i << 16, 700) for i in range(60)],
}
SPARSE = {
    "gnu": ["--format=gnu"],
    "0.0": ["--format=posix", "--sparse-version=0.0"],
    "0.1": ["--format=posix", "--sparse-version=0.1"],
    "1.0": ["--format=posix", "--sparse-version=1.0"],
}


@pytest.mark.parametrize("holes", HOLES)
@pytest.mark.parametrize("version", SPARSE)
def test_reads_the_sparse_files_of_gnu_tar(tmp_path: Path, version: str, holes: str) -> None:
    size = 4 << 20
    names = ["first", "n" * 120]
    content = bytearray(size)
    for offset, length in HOLES[holes]:
        content[offset : offset + length] = b"x" * length
    for name in names:
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
            for offset, length in HOLES[holes]:
                file.seek(offset)
                file.write(b"x" * length)
    (tmp_path / "last").write_text("not sparse")
    command = ["tar", "--create", "--sparse", "--hole-detection=seek", *SPARSE[version]]
    run([*command, "--file", str(tmp_path / "a.tar"), "-C", str(tmp_path), *names, "last"])
    archive = (tmp_path / "a.tar").read_bytes()
    assert len(archive) < size
    found = {entry.name: data_of(entry, archive) for entry in entries_of(archive, [1000])}
    assert found == {
        **{name.encode(): bytes(content) for name in names},
        b"last": b"not sparse",
    }


@pytest.mark.parametrize("make", ["sparse_1_0", "sparse_0_1", "sparse_0_0", "sparse_old_gnu"])
def test_sparse_data_need_not_fill_blocks(make: str) -> None:
    """Not so for GNU tar, which never writes such; but for Go and for Python."""
    member: bytes = getattr(oddities, make)("name")
    archive = member + bytes(1024)
    (entry,) = entries_of(archive)
    with tarfile.open(fileobj=io.BytesIO(archive)) as python:
        file = python.extractfile("name")
        assert file is not None
        assert data_of(entry, archive) == file.read() == oddities.sparse_content()
    assert (entry.name, entry.size) == (b"name", oddities.SPARSE_SIZE)


@pytest.mark.parametrize("format", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_reads_every_format_of_gnu_tar(tmp_path: Path, format: str) -> None:  # noqa: A002
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "file").write_text("content")
    (tmp_path / "d" / "link").symlink_to("file")
    (tmp_path / "d" / "other").hardlink_to(tmp_path / "d" / "file")
    command = ["tar", "--create", "--sort=name", f"--format={format}", "--file"]
    run([*command, str(tmp_path / "a.tar"), "-C", str(tmp_path), "d"])
    archive = (tmp_path / "a.tar").read_bytes()
    found = [described(entry) for entry in entries_of(archive)]
    assert found == [described_by_python(member) for member in members_of(archive)]
    assert [kind for _, kind, *_ in found] == [tar.DIRECTORY, tar.REGULAR, tar.SYMLINK, tar.LINK]


def header(name: bytes = b"name", kind: bytes = b"0", **fields: bytes) -> bytes:
    """One header block; ``fields`` replace raw bytes, by the name of the field."""
    places = {"uid": 108, "size": 124, "mtime": 136, "magic": 257, "major": 329, "prefix": 345}
    member = tarfile.TarInfo(name.decode("ascii"))
    member.type = kind
    block = bytearray(member.tobuf(tarfile.USTAR_FORMAT))
    for field, raw in fields.items():
        block[places[field] : places[field] + len(raw)] = raw
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("block", "name"),
    [
        (header(prefix=b"dir"), b"dir/name"),
        (header(magic=b"ustar\0\0\0", prefix=b"dir"), b"dir/name"),
        (header(magic=b"\0" * 8, prefix=b"dir"), b"name"),
        (header(magic=b"ustar  \0", prefix=b"%011o\0" % 1_000_000_000), b"name"),
        (header(magic=b"ustar  \0", prefix=b"%011o\0" % 8 + b"%011o" % 9), b"name"),
        (
            header(magic=b"ustar  \0", prefix=b"written/by/docker-1.9"),
            b"written/by/docker-1.9/name",
        ),
    ],
)
def test_prefixes_are_part_of_the_name_where_go_says_so(block: bytes, name: bytes) -> None:
    (entry,) = entries_of(block + bytes(1024))
    assert entry.name == name


def test_a_sum_of_signed_characters_is_good_too() -> None:
    block = bytearray(header(prefix=b"\xfc\xff"))
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:]) + 256
    block[148:156] = b"%06o\0 " % signed
    (entry,) = entries_of(bytes(block) + bytes(1024))
    assert entry.name == b"\xfc\xff/name"
    assert members_of(bytes(block) + bytes(1024))[0].name.endswith("/name")


def test_before_posix_a_directory_is_a_name_with_a_slash() -> None:
    untyped = header(b"directory/", kind=b"\0") + header(b"file", kind=b"\0") + bytes(1024)
    assert [entry.kind for entry in entries_of(untyped)] == [tar.DIRECTORY, tar.REGULAR]


def pax(**records: str) -> bytes:
    """A member without data, with a pax header in front; ``__`` in a key is a dot."""
    return pax_raw(pax_body(**records))


def pax_body(**records: str) -> bytes:
    """The body of a pax header."""
    items = ((key.replace("__", "."), value) for key, value in records.items())
    return b"".join(oddities._pax(key, value) for key, value in items)


def pax_raw(body: bytes, *, kind: bytes = b"x", member: bytes = b"0") -> bytes:
    """A member without data, with ``body`` as pax header in front."""
    return oddities._header("pax", kind, body) + header(kind=member) + bytes(1024)


def based_checksum() -> bytes:
    """A header whose checksum is right, but not octal."""
    block = bytearray(header())
    block[148:156] = b" " * 8
    block[148:156] = (sum(block) | 1 << 63).to_bytes(8, "big")
    return bytes(block)


def sparse_1_0(numbers: bytes) -> bytes:
    """A sparse file of 5 bytes whose map is ``numbers``."""
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "5"}
    return oddities._sparse("sparse", records, numbers) + bytes(1024)


def old_sparse(*extents: tuple[int, int], more: bytes = b"\0") -> bytes:
    """A sparse file of type S with 2 bytes of data and 10 bytes in all."""

    def base_256(value: int) -> bytes:
        return (value | 1 << 95 if value >= 0 else value + (1 << 96)).to_bytes(12, "big")

    pairs = b"".join(base_256(offset) + base_256(length) for offset, length in extents)
    rest = bytes(41) + pairs + bytes(96 - len(pairs)) + more + b"%011o\0" % 10
    block = header(kind=b"S", magic=b"ustar  \0", size=b"%011o\0" % 2, prefix=rest)
    return block + b"xy" + bytes(510) + bytes(1024)


SPARSE_1_0 = {"GNU__sparse__major": "1", "GNU__sparse__minor": "0"}
SPARSE_0 = {"GNU__sparse__map": "0,5", "GNU__sparse__numblocks": "1"}
REFUSED = {
    "short header": (header()[:300], "truncated header"),
    "wrong checksum": (header()[:-1] + b"x", "checksum"),
    "text": (b"This is no archive at all. " * 100, "not an octal number"),
    "size is no number": (header(size=b"12z45678901\0"), "not an octal number"),
    "size is not octal": (header(size=b"00000000008\0"), "not an octal number"),
    "negative size": (header(size=b"\xff" * 12), "negative size"),
    "absurd size": (header(size=b"\x80" + bytes(5) + b"\x7f" * 6), "truncated data"),
    "size beyond 64 bits": (header(size=b"\x80" + b"\x7f" * 11), "too large a number"),
    "checksum in base 256": (based_checksum(), "not an octal number"),
    "device of no number": (header(major=b"a\0\0\0\0\0\0\0"), "not an octal number"),
    "data end early": (header(size=b"00000001000\0") + b"x" * 511, "truncated data"),
    "one zero block": (header() + bytes(512) + header(), "zero block"),
    "long name ends early": (header(kind=b"L", size=b"00000001000\0") + b"x", "truncated header"),
    "huge long name": (header(kind=b"L", size=b"00007777777\0"), "header of 2097151 bytes"),
    "huge pax header": (header(kind=b"x", size=b"00007777777\0"), "header of 2097151 bytes"),
    "pax without length": (pax_raw(b"path=x\n"), "not a decimal"),
    "pax length 0": (pax_raw(b"0 path=x\n"), "bad pax record"),
    "pax length too short": (pax_raw(b"5 path=x\n"), "bad pax record"),
    "pax length too long": (pax_raw(b"999 path=x\n"), "bad pax record"),
    "pax length negative": (pax_raw(b"-9 path=x\n"), "bad pax record"),
    "pax length beyond 64 bits": (pax_raw(b"9" * 20 + b" path=x\n"), "not a decimal"),
    "pax for all that is bad": (pax_raw(b"9 path=xy", kind=b"g"), "bad pax record"),
    "pax without newline": (pax_raw(b"9 path=xy"), "bad pax record"),
    "pax without value": (pax_raw(b"7 path\n"), "bad pax record"),
    "pax without key": (pax_raw(b"5 =x\n"), "bad pax record"),
    "pax NUL in path": (pax(path="a\0b"), "bad pax record"),
    "pax NUL in link": (pax(linkpath="a\0b"), "bad pax record"),
    "pax NUL in owner": (pax(uname="a\0b"), "bad pax record"),
    "pax uid is no number": (pax(uid="root"), "not a decimal"),
    "pax size negative": (pax(size="-1"), "negative size"),
    "pax size too large": (pax(size="9" * 20), "not a decimal"),
    "pax data end early": (pax(size="5000"), "truncated data"),
    "pax mtime is no number": (pax(mtime="yesterday"), "not a decimal"),
    "pax atime is no number": (pax(atime="1.x"), "bad time"),
    "pax mtime with two dots": (pax(mtime="1.2.3"), "bad time"),
    "sparse size is no number": (pax(**SPARSE_0, GNU__sparse__size="x"), "not a decimal"),
    "sparse map of another length": (
        pax(GNU__sparse__map="0,0", GNU__sparse__numblocks="2"),
        "another length",
    ),
    "sparse map is odd": (
        pax(GNU__sparse__map="0,0,1", GNU__sparse__numblocks="1"),
        "another length",
    ),
    "sparse map outside": (pax(**SPARSE_0, GNU__sparse__size="3"), "bad sparse map"),
    "sparse map not stored": (pax(**SPARSE_0, GNU__sparse__size="5"), "bad sparse map"),
    "sparse map 1.0 missing": (pax(**SPARSE_1_0), "truncated sparse map"),
    "sparse map 1.0 absurd": (sparse_1_0(b"9999999999\n"), "bad sparse map"),
    "sparse map 1.0 negative": (sparse_1_0(b"-1\n"), "bad sparse map"),
    "sparse directory": (pax_raw(pax_body(**SPARSE_0), member=b"5"), "only a regular file"),
    "sparse map 0.0 turned round": (pax(GNU__sparse__numbytes="1"), "bad sparse map"),
    "old sparse map, not GNU": (header(kind=b"S"), "not GNU tar's"),
    "sparse map 1.0 endless": (sparse_1_0(b"1" * (3 << 20)), "truncated sparse map"),
    "sparse map 1.0 no number": (sparse_1_0(b"one\n"), "not a decimal"),
    "old sparse map backwards": (old_sparse((5, 1), (0, 1)), "bad sparse map"),
    "old sparse map negative": (old_sparse((0, -1), (0, 1)), "bad sparse map"),
    "old sparse map outside": (old_sparse((9, 1), (12, 1)), "bad sparse map"),
    "old sparse map ends early": (old_sparse(more=b"\1")[:512], "truncated sparse map"),
}


def test_a_global_header_ends_what_others_said() -> None:
    """Go hands it over as a member; GNU tar would go on."""
    own, common = (oddities._header("pax", kind, b"10 path=a\n") for kind in (b"x", b"g"))
    long_name = oddities._header("././@LongLink", b"L", b"long")
    found = [
        [entry.name for entry in entries_of(meta + header() + bytes(1024))]
        for meta in (own, common, own + common, common + own, long_name, long_name + common)
    ]
    assert found == [[b"a"], [b"name"], [b"name"], [b"a"], [b"long"], [b"name"]]


def test_numbers_as_go_parses_them() -> None:
    (entry,) = entries_of(pax(uid="+0000000000000000000000007", gid="-1", mtime="-1.0000000009"))
    assert (entry.uid, entry.gid, entry.mtime) == (7, -1, -1)
    (entry,) = entries_of(pax(mtime="-1.000000001"))
    assert entry.mtime == -2


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    archive, message = REFUSED[case]
    with pytest.raises(tar.TarError, match=message):
        entries_of(archive)


def seeds() -> list[bytes]:
    """Small archives that hold all that the reader knows."""
    layer = LayerTar()
    layer.directory("d", xattrs={"user.a": b"1"})
    layer.add("d/" + "n" * 120, b"content", owner=(1 << 31, 5), mtime=0.5)
    layer.hard_link("d/link", "d/" + "n" * 120)
    layer.symlink("d/s", "x/" * 60)
    layer.add("d/.wh.gone")
    gnu = LayerTar(tarfile.GNU_FORMAT)
    gnu.add("n" * 120, b"content", owner=(1 << 31, 5), mtime=-5)
    gnu.symlink("s", "x/" * 60)
    sparse = b"".join(
        make("sparse")
        for make in (
            oddities.sparse_0_0,
            oddities.sparse_0_1,
            oddities.sparse_1_0,
            oddities.sparse_old_gnu,
        )
    )
    return [layer.close(), gnu.close(), sparse + bytes(1024), oddities.upper()]


def read(archive: bytes) -> int:
    """Read an archive, or find out why it cannot be read; return the number of members."""
    tree, count = Tree(), 0
    try:
        for entry in tar.Reader(chunked(archive)):
            count += 1
            tree.add(entry)
    except (tar.TarError, Refusal) as error:
        assert str(error)
    assert all(isinstance(path, bytes) for path, _ in tree.walk())
    return count


@settings(max_examples=500)
@given(st.data())
def test_damaged_archives_give_no_other_error(data: st.DataObject) -> None:
    archive = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(archive) - 1))
        part = data.draw(st.binary(min_size=1, max_size=12))
        archive[place : place + len(part)] = part
        if data.draw(st.booleans()):  # a right checksum lets the damage through
            start = place // 512 * 512
            block = archive[start : start + 512]
            block[148:156] = b" " * 8
            archive[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    read(bytes(archive[: data.draw(st.integers(0, len(archive)))]))


SEEDS = seeds()


def test_no_single_byte_that_is_damaged_gives_another_error() -> None:
    chance = random.Random(1)
    members = []
    for archive in SEEDS:
        end = archive.rindex(b"ustar") + 512
        for block in range(0, end, 512):
            for place, value in itertools.product(range(block, block + 512, 9), (0, 0xFF)):
                damaged = bytearray(archive)
                damaged[place] = value or chance.randrange(256)
                content = damaged[block : block + 512]
                content[148:156] = b" " * 8
                damaged[block + 148 : block + 156] = b"%06o\0 " % sum(content)
                members.append(read(bytes(damaged)))
    assert len(set(members)) > 3


def test_memory_does_not_grow_with_a_file() -> None:
    chunk = bytes(1 << 16)
    head = header(size=b"%011o\0" % (1 << 30))

    def archive() -> object:
        yield head
        for _ in range(1 << 14):
            yield chunk
        yield bytes(1024)

    reader = tar.Reader(archive())  # type: ignore[arg-type]
    (entry,) = reader
    assert entry.stored == 1 << 30
    assert reader.offset == (1 << 30) + 512 + 1024


@given(st.binary(min_size=tar.BLOCK, max_size=tar.BLOCK))
def test_the_sum_of_a_block_is_that_of_its_bytes(block: bytes) -> None:
    assert byte_sum(block) == sum(block)


@pytest.mark.parametrize("byte", [0x00, 0xFE, 0xFF])
def test_the_sum_of_a_block_does_not_wrap(byte: int) -> None:
    assert byte_sum(bytes([byte]) * tar.BLOCK) == byte * tar.BLOCK


@pytest.mark.parametrize(
    "data", [b"5", b" ", b"0 ", b"6 a=b", b"7 a=b\n", b"5 a=b\n", b"1234567890123456789012 a=b\n"]
)
def test_bad_pax_records_are_refused(data: bytes) -> None:
    with pytest.raises(tar.TarError):
        pax_records(b"6 a=b\n" + data)
