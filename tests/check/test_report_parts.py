"""The parts of report: readers of filesystems, shares, texts from outside, budgets."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.errors import UsageError
from paack.helpers.oci.image_facts import ImageFacts, read_facts
from paack.helpers.oci.layout import ImageSpec, write_image
from paack.helpers.printable import printable, web_address
from paack.helpers.report.budget import parse_budget
from paack.helpers.store.image_reader import read_image
from paack.helpers.store.squashfs_reader import File, open_squashfs
from paack.helpers.store.table import differences, read_table
from paack.helpers.store.usage import apportion, read_store
from tests.support import oddities
from tests.support.commands import run
from tests.support.oddities import LayerTar

LAYERS = ("a" * 64, "b" * 64)
SIZES = (0, 1, 131_071, 131_072, 131_073, 262_144, 700_000)


def archive() -> bytes:
    """Return a store: files of many sizes, holes, hard links, names enough for many tables."""
    tar = LayerTar()
    chance = random.Random(1)
    for layer in LAYERS:
        for size in SIZES:
            tar.add(f"overlay/{layer}/diff/noise-{size}", chance.randbytes(size))
            tar.add(f"overlay/{layer}/diff/zeros-{size}", bytes(size))
            tar.add(f"overlay/{layer}/diff/mixed-{size}", b"".join([bytes(size), b"end"]))
        tar.hard_link(f"overlay/{layer}/diff/link", f"overlay/{layer}/diff/noise-1")
        tar.add(f"overlay/{layer}/diff/same", b"same" * 50_000)
        for number in range(1500):
            tar.add(f"overlay/{layer}/diff/d{number % 7}/{number}-{'n' * 60}", b"%d" % number)
        tar.add(f"overlay-layers/{layer}.tar-split.gz", chance.randbytes(5000))
    tar.add("overlay-images/x/manifest", b"{}")
    return tar.close()


def image_of(stream: bytes, target: Path) -> Path:
    options = ["--compressor", "zstd", "--quiet", "--no-skip"]
    subprocess.run(["tar2sqfs", *options, str(target)], input=stream, check=True)
    return target


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_of(archive(), tmp_path_factory.mktemp("parts") / "store.squashfs")


@pytest.mark.parametrize("stream", [archive, oddities.files, oddities.empty])
def test_squashfs_is_read_as_sqfs2tar_does(stream: Any, tmp_path: Path) -> None:
    path = image_of(stream(), tmp_path / "image")
    command = ["sqfs2tar", "--no-skip", "--root-becomes", ".", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as said:
        assert said.stdout is not None
        table = read_table(said.stdout)
    assert list(differences(table, read_image(path, "squashfs"))) == []
    wanted = {
        name: (row.size, row.content)
        for name in table.paths()
        if (row := table.row(name)) and row.kind == "file"
    }
    with open_squashfs(path) as squashfs:
        found = {}
        references: dict[bytes, int] = {}
        for file in squashfs.files():
            content = b"".join(squashfs.content(file))
            assert len(content) == file.size
            found[file.path] = (file.size, hashlib.sha256(content).digest())
            references[file.path] = file.reference
    assert found == wanted
    for one, other in table.links.items():
        if one in references:
            assert references[one] == references[other]


def test_every_byte_of_the_data_is_a_block_of_a_file(image: Path) -> None:
    """What the reader finds covers all that lies between superblock and tables, without a gap."""
    with open_squashfs(image) as squashfs:
        files: list[File] = list(squashfs.files())
        blocks = {block for file in files for block in file.blocks if block}
        blocks |= {squashfs.fragments[each.fragment] for each in files if each.fragment is not None}
        at = squashfs.start
        for block in sorted(blocks, key=lambda each: each.start):
            assert block.start == at
            at += block.size
        assert at == squashfs.tables


def test_usage_adds_up(image: Path) -> None:
    usage = read_store(image, "squashfs").usage
    assert usage.unused == 0
    whole = sum(usage.pieces.values()) + usage.records + usage.tables + usage.unused
    assert whole == usage.size == image.stat().st_size
    assert sorted(usage.layers) == sorted(LAYERS)
    for layer in LAYERS:
        assert usage.layers[layer].count == len(SIZES) * 3 + 1 + 1500
        unpacked = 3 * sum(SIZES) + 3 * len(SIZES) + 200_000 + sum(len(str(n)) for n in range(1500))
        assert usage.layers[layer].unpacked == unpacked
        whole_blocks = sum(size // 131_072 * 131_072 for size in SIZES)
        assert whole_blocks < usage.pieces[(layer,)] < sum(SIZES) + 100_000
    assert 0 < usage.pieces[LAYERS] < 100_000


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_squashfs_is_refused_or_still_adds_up(image: Path, data: st.DataObject) -> None:
    content = bytearray(image.read_bytes())
    tables = int.from_bytes(content[64:72], "little")
    places = st.integers(0, 95) | st.integers(tables, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    damaged = image.with_name("damaged")
    damaged.write_bytes(content)
    try:
        usage = read_store(damaged, "squashfs").usage
    except ValueError:
        return
    whole = sum(usage.pieces.values()) + usage.records + usage.tables + usage.unused
    assert whole == usage.size == len(content)


@given(
    st.integers(0, 1 << 40),
    st.dictionaries(st.tuples(st.text("abc", max_size=3)), st.integers(1, 1 << 40), min_size=1),
)
def test_shares_add_up(total: int, weights: dict[tuple[str, ...], int]) -> None:
    shares = apportion(total, weights)
    assert sum(shares.values()) == total
    whole = sum(weights.values())
    for owners, share in shares.items():
        assert abs(share - total * weights[owners] / whole) <= 1 + total * 1e-12
    assert apportion(total, dict(reversed(weights.items()))) == shares


@given(st.text())
def test_nothing_that_is_shown_steers_a_terminal_or_turns_a_line(text: str) -> None:
    shown = printable(text)
    assert not set(shown) & set("\n\r\t\x1b\x9b\u202e\u2066\u200f\u200b\ufeff\u2028\x00\ud800")
    shown.encode("utf-8")
    assert len(printable(text, 5)) <= 5 * len("<U+10FFFF>") + len(f" … ({len(text)} characters)")


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("https://example.org/a?b=1#c", True),
        ("http://[::1]:8080/", True),
        ("HTTPS://example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)//https://", False),
        (" https://example.org", False),
        ("https:// example.org", False),
        ("java\nscript:alert(1)", False),
        ("data:text/html,hello", False),
        ("file:///etc/passwd", False),
        ("//example.org", False),
        ("https:", False),
        ("https:///path", False),
        ("https://good.org@bad.org/", False),
        ("https://ex\u0430mple.org/", False),
        ("https://[::1", False),
        ("https://example.org/" + "a" * 3000, False),
        ("", False),
    ],
)
def test_what_becomes_a_link(text: str, usable: bool) -> None:
    assert web_address(text) == (text if usable else None)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["config", "history", "User", "Entrypoint", "Cmd", "Labels", "ExposedPorts",
             "created_by", "empty_layer", "WorkingDir", "Volumes"]
        ),
        children,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.integers(0, 3))
def test_any_config_is_read(document: Any, layers: int) -> None:
    facts = read_facts(json.dumps(document).encode(), layers)
    assert len(facts.made_by) == layers
    assert all(isinstance(each, str) for each in (*facts.entrypoint, *facts.labels.values()))


@pytest.mark.parametrize("raw", [b"", b"[", b"\xff", b"[" * 100_000])
def test_no_config_at_all(raw: bytes) -> None:
    assert read_facts(raw, 2) == ImageFacts(made_by=("", ""))


def test_a_config_is_read_as_skopeo_reads_it(tmp_path: Path) -> None:
    """Go matches names without regard to case, and null is a text of no letters."""
    runtime: dict[str, Any] = {
        "USER": "1001", "user": None, "entryPoint": ["sh", None], "cmd": ["-c", "true"],
        "workingdir": "/srv", "exposedports": {"80/tcp": None}, "VOLUMES": {"/data": {}},
        "labels": {"a": None}, "LABELS": {"b": "1"},
    }  # fmt: skip
    layout = tmp_path / "layout"
    write_image(layout, "a:1", [ImageSpec("x86_64", [b"\0" * 1024], config=runtime)])
    where = f"oci:{layout}:a:1"
    raw = run(["skopeo", "inspect", "--config", "--raw", where]).stdout
    seen = json.loads(run(["skopeo", "inspect", "--config", where]).stdout)["config"]
    facts = read_facts(raw.encode(), 1)
    assert facts == ImageFacts(
        user=seen["User"], entrypoint=tuple(seen["Entrypoint"]), command=tuple(seen["Cmd"]),
        directory=seen["WorkingDir"], ports=tuple(seen["ExposedPorts"]),
        volumes=tuple(seen["Volumes"]), labels=seen["Labels"], made_by=("paack",),
    )  # fmt: skip


def test_history_is_paired_with_layers() -> None:
    history = [
        {"created_by": "ADD"},
        {"created_by": "ENV", "empty_layer": True},
        {"created_by": "RUN"},
    ]
    config = json.dumps({"history": history}).encode()
    assert read_facts(config, 2).made_by == ("ADD", "RUN")
    assert read_facts(config, 3).made_by == ("", "", "")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("300MB", 300_000_000), ("1.5GiB", 1_610_612_736), ("1.5 gib", 1_610_612_736),
        ("12345", 12345), ("7B", 7), ("0.5kB", 500), ("2KiB", 2048), (" 1GB ", 1_000_000_000),
    ],
)  # fmt: skip
def test_a_budget(text: str, limit: int) -> None:
    assert parse_budget(text).limit == limit


@pytest.mark.parametrize(
    "text", ["", "0", "0.1B", "-1MB", "1TB", "MB", "1,5MB", "1e9", "٣MB", "1m"]
)
def test_no_budget(text: str) -> None:
    with pytest.raises(UsageError, match="not a size"):
        parse_budget(text)
