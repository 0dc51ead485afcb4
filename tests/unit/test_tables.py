"""The tables of a squashfs at their limits, as unsquashfs and the kernel read them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from paack.helpers.squashfs import layout
from paack.helpers.squashfs.compression import Compressor
from paack.helpers.squashfs.directories import Entry
from paack.helpers.squashfs.inodes import FileData, Inode, LimitError
from paack.helpers.squashfs.tables import DATA_START, SquashfsTables
from paack.helpers.store.image_reader import read_image
from paack.helpers.store.squashfs_store import SETTINGS
from paack.helpers.store.table import Row
from tests.unit.images import mounted

BLOCK_SIZE = 1 << 17
Fill = Callable[[SquashfsTables, int], list[Entry]]


def made(target: Path, fill: Fill, data: bytes = b"") -> Path:
    """Make an image whose root has the entries that ``fill`` returns; it is told its number."""
    tables = SquashfsTables(Compressor(SETTINGS), BLOCK_SIZE)
    root = tables.number()
    entries = fill(tables, root)
    entry = tables.directory(b"", Inode(0o755, 0, 0, 0, root), None, entries)
    head, tail = tables.close(DATA_START + len(data), entry)
    assert len(head) == DATA_START
    target.write_bytes(head + data + tail)
    assert target.stat().st_size % layout.ALIGNMENT == 0
    return target


def listed(image: Path) -> list[str]:
    """Return the lines of unsquashfs for what is in the image, but for its root."""
    command = ["unsquashfs", "-lln", "-d", "", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "/" in line][1:]


def files(tables: SquashfsTables, names: list[bytes]) -> list[Entry]:
    """Add an empty file for each name."""
    return [tables.file(n, Inode(0o644, 0, 0, 0, tables.number()), FileData(0)) for n in names]


def test_a_directory_of_100_000_files(tmp_path: Path) -> None:
    """Each is found by its name, in a listing that the kernel enters by its index."""
    names = [b"%x-%d" % (number * 7919 % 100_003, number) for number in range(100_000)]
    image = made(tmp_path / "image", lambda tables, _: files(tables, names))
    assert len(listed(image)) == 100_000
    looked_up = b" ".join(names[::97]).decode()
    assert mounted(image, f"ls -f | wc -l; stat -c %n {looked_up} | wc -l; stat -c %h .") == [
        "100002", str(len(names[::97])), "2",
    ]  # fmt: skip


def test_long_names_and_many_directories(tmp_path: Path) -> None:
    names = [b"%03d" % number + b"n" * 252 for number in range(600)]

    def fill(tables: SquashfsTables, root: int) -> list[Entry]:
        return [
            tables.directory(name, Inode(0o700, 0, 0, 0, tables.number()), root, [])
            for name in names
        ]

    image = made(tmp_path / "image", fill)
    assert len(listed(image)) == 600
    said = mounted(image, f"stat -c %h . {names[-1].decode()}; ls | md5sum")
    digest = hashlib.md5(b"".join(name + b"\n" for name in names)).hexdigest()
    assert said == ["602", "2", f"{digest}  -"]


@pytest.mark.parametrize("count", [layout.ID_COUNT, layout.ID_COUNT + 1])
def test_owners(tmp_path: Path, count: int) -> None:
    def fill(tables: SquashfsTables, _: int) -> list[Entry]:
        # The root is the first owner's.
        return [
            tables.file(b"%05d" % n, Inode(0, n, n, 0, tables.number()), FileData(0))
            for n in range(count)
        ]

    if count > layout.ID_COUNT:
        with pytest.raises(LimitError, match="65535 different owners"):
            made(tmp_path / "image", fill)
        return
    image = made(tmp_path / "image", fill)
    lines = listed(image)
    assert lines[-1].split()[1] == "65534/65534"
    assert mounted(image, "stat -c '%u %g' 65534 00256") == ["65534 65534", "256 256"]


def test_sets_of_xattrs(tmp_path: Path) -> None:
    """More than 2^16 of them, one with a value of 64 KiB; equal ones are stored once."""
    count = (1 << 16) + 5

    def fill(tables: SquashfsTables, _: int) -> list[Entry]:
        sets = [{b"user.n": b"%d" % (n % count)} for n in range(count + 9)]
        sets.append({b"trusted.big": bytes(1 << 16), b"security.x": b"", b"user.\xff": b"\0"})
        entries = []
        for n, xattrs in enumerate(sets):
            inode = Inode(0o644, 0, 0, 0, tables.number(), xattrs=tables.xattrs.number(xattrs))
            entries.append(tables.file(b"%05d" % n, inode, FileData(0)))
        with pytest.raises(ValueError, match=r"system\.posix_acl"):
            tables.xattrs.number({b"system.posix_acl_access": b""})
        return entries

    image = made(tmp_path / "image", fill)
    rows = read_image(image, "squashfs").rows
    assert rows[b"65540"].xattrs == ((b"user.n", b"65540"),)
    assert rows[b"65541"].xattrs == ((b"user.n", b"0"),)
    assert len(rows[b"65550"].xattrs) == 3
    names = "65540 65541 65550"
    said = mounted(
        image, f"getfattr --absolute-names -d -m - -e hex {names} | cut -c 1-40 | iconv -f latin1"
    )
    assert said == [
        "# file: 65540", f"user.n=0x{b'65540'.hex()}", "",
        "# file: 65541", f"user.n=0x{b'0'.hex()}", "",
        "# file: 65550", "security.x=0x", "trusted.big=0x" + "0" * 26, "user.ÿ=0x00", "",
    ]  # fmt: skip


def test_large_sparse_and_empty_files(tmp_path: Path) -> None:
    """64 GiB that are zeros but for one block; blocks that do not fill a file; nothing at all."""
    block = os.urandom(BLOCK_SIZE)
    word = (BLOCK_SIZE | layout.DATA_PLAIN).to_bytes(4, "little")
    count = (1 << 36) // BLOCK_SIZE

    def fill(tables: SquashfsTables, _: int) -> list[Entry]:
        blocks = bytes(4 * (count - 1)) + word
        data = [
            FileData(1 << 36, DATA_START, blocks, sparse=(1 << 36) - BLOCK_SIZE),
            FileData(BLOCK_SIZE, DATA_START, word),
            FileData(0),
        ]
        return [
            tables.file(b"%d" % n, Inode(0o600, 0, 0, n, tables.number()), each)
            for n, each in enumerate(data)
        ]

    image = made(tmp_path / "image", fill, block)
    script = f"stat -c %s 0 1 2; tail -c {BLOCK_SIZE} 0 | sha256sum; cat 1 2 | sha256sum; du -k 0"
    digest = f"{hashlib.sha256(block).hexdigest()}  -"
    said = mounted(image, script)
    assert said[:5] == [str(1 << 36), str(BLOCK_SIZE), "0", digest, digest]
    assert int(said[5].split()[0]) <= 2 * BLOCK_SIZE // 1024


def test_hard_links_symbolic_links_and_devices(tmp_path: Path) -> None:
    target = b"t" * 4095

    def fill(tables: SquashfsTables, _: int) -> list[Entry]:
        xattrs = tables.xattrs.number({b"trusted.x": b"y"})
        link = tables.symlink(b"s", Inode(0o777, 1, 2, 3, tables.number(), 2), target)
        file = tables.file(b"f", Inode(0o4755, 0, 0, 0, tables.number(), 70_000), FileData(0))
        pipe = Inode(0o600, 0, 0, 0, tables.number(), xattrs=xattrs)
        null = Inode(0o666, 0, 0, 0, tables.number(), xattrs=xattrs)
        disk = Inode(0o660, 0, 6, 0, tables.number())
        return [
            link, link._replace(name=b"s2"),
            *(file._replace(name=b"f%05d" % n) for n in range(70_000)),
            tables.special(b"pipe", pipe, layout.FIFO, 0),
            tables.special(b"null", null, layout.CHAR_DEVICE, os.makedev(1, 3)),
            tables.special(b"disk", disk, layout.BLOCK_DEVICE, os.makedev(4095, 1_048_575)),
        ]  # fmt: skip

    image = made(tmp_path / "image", fill)
    rows = read_image(image, "squashfs").rows
    disk, null = rows[b"disk"], rows[b"null"]
    assert (disk.device, null.device) == ((4095, 1_048_575), (1, 3))
    assert disk == Row("block device", 0o660, 0, 6, 0, 0, (4095, 1_048_575), b"", ())
    assert null.xattrs == rows[b"pipe"].xattrs == ((b"trusted.x", b"y"),)
    said = mounted(image, "stat -c '%h %F %u %g %Y %s %t %T' s s2 f69999 pipe null disk")
    assert said == [
        "2 symbolic link 1 2 3 4095 0 0",
        "2 symbolic link 1 2 3 4095 0 0",
        "70000 regular empty file 0 0 0 0 0 0",
        "1 fifo 0 0 0 0 0 0",
        "1 character special file 0 0 0 0 1 3",
        "1 block special file 0 6 0 0 fff fffff",
    ]


def test_an_image_without_anything(tmp_path: Path) -> None:
    image = made(tmp_path / "image", lambda *_: [])
    assert mounted(image, "ls -A; stat -c %a .") == ["755"]
    assert list(read_image(image, "squashfs").rows) == [b"."]
