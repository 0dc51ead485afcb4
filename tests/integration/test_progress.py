"""Five large images show progress on a terminal; elsewhere each has one line."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import random
import re
import shutil
import struct
import subprocess
import tarfile
import termios
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.debian import push_multiarch, text_layer
from tests.support.halfway import Halfway
from tests.support.product import Paack, definition_text
from tests.support.registry import Registry

IMAGES = 5
SIZE = 100_000_000
COLUMNS = 80
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOURS = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
BYTES = re.compile(r"([0-9.]+) MB of ([0-9.]+) MB")
FETCHED = re.compile(r"fetch   \S+/service-(\d):1 \(x86_64\): 2 layers, \d cached, \S+ \w+ fetched")


@dataclass(frozen=True)
class Said:
    """What a run showed on a terminal, and what it wrote to its standard output."""

    status: int
    raw: str
    stdout: str

    @property
    def rows(self) -> list[str]:
        """Every row that was drawn, one after the other, without control sequences."""
        return re.split(r"[\r\n]+", ESCAPES.sub("", self.raw))

    def bars(self, start: str) -> list[str]:
        """Return the rows with a bar that start so."""
        return [row for row in self.rows if row.startswith(start) and "━" in row]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("progress")
    yield directory
    shutil.rmtree(directory)  # pytest would keep some gigabytes


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        small = text_layer(base / "small.tar", {"etc/motd": "hello\n"})
        for number in range(IMAGES):
            layers = [large_layer(base / "large.tar", number), small]
            name = f"team/service-{number}"
            push_multiarch(running, name, "1", {"amd64": layers}, compression="none")
        push_multiarch(running, "small", "1", {"amd64": [small]})
        yield running


def large_layer(path: Path, seed: int) -> Path:
    """Write a layer of one file that compresses well, but no two blocks of which are equal."""
    piece = random.Random(seed).randbytes(4096) * 16
    content = b"".join(b"%016d" % n + piece for n in range(SIZE // len(piece) + 1))
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("large")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="module")
def paack(base: Path, registry: Registry) -> Paack:
    """The program, and the definition app.yaml of five large images."""
    home = base / "home"
    home.mkdir()
    found = Paack(home, registry.registries_conf)
    images = [f"{registry.host}/team/service-{number}:1" for number in range(IMAGES)]
    found.define(definition_text("app", images))
    found.define(definition_text("small", [f"{registry.host}/small:1"]), "small.yaml")
    return found


@pytest.fixture(scope="module")
def shown(paack: Paack, registry: Registry) -> Said:
    """What a terminal shows of a build of all five, with nothing in the cache.

    The first image stops arriving until the terminal has shown that a part of it is there.
    """
    with Halfway(registry.host) as mirror:
        registries = mirror.registries_conf(paack.home / "registries.conf")
        environment = {"CONTAINERS_REGISTRIES_CONF": str(registries)}

        def watch(raw: bytes) -> None:
            row = raw.rpartition(b"/service-0:1")[2]
            if BYTES.search(ESCAPES.sub("", row.decode(errors="replace"))):
                mirror.go_on.set()

        return on_terminal(paack, "app.yaml", paack.output, environment, watch)


def on_terminal(
    paack: Paack,
    definition: str,
    output: Path,
    environment: Mapping[str, str],
    watch: Callable[[bytes], None] = lambda _: None,
) -> Said:
    """Build with stderr on a terminal of 80 columns; ``watch`` is shown all so far, each time."""
    command, env = paack.command("build", "--def", definition, "--output", str(output))
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        env.pop(name, None)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    with subprocess.Popen(
        command,
        env={**env, "TERM": "xterm-256color", **environment},
        cwd=paack.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        raw = b""
        while some := read(master):
            raw += some
            watch(raw)
        os.close(master)
        assert process.stdout is not None
        stdout = process.stdout.read().decode()
    return Said(process.returncode, raw.decode(), stdout)


def read(terminal: int) -> bytes:
    """Return what is there; nothing once the other end is closed, which Linux calls EIO."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def test_images_are_counted(shown: Said) -> None:
    assert shown.status == 0
    counts = [re.search(r"(\d)/5 images", row) for row in shown.bars("fetch   x86_64 ")]
    numbers = [int(found[1]) for found in counts if found]
    assert sorted(set(numbers)) == list(range(IMAGES + 1))
    assert numbers == sorted(numbers)


def test_bytes_are_counted(shown: Said) -> None:
    """Of all images, of each image, and of the store; not only at the start and at the end."""
    for start in ("fetch   x86_64 ", "fetch   …/team/service-", "store   5 images (x86_64)"):
        rows = [BYTES.search(row) for row in shown.bars(start)]
        pairs = [(float(found[1]), float(found[2])) for found in rows if found]
        assert any(0 < done < whole for done, whole in pairs), start
        assert all(done <= whole for done, whole in pairs), start
        wholes = {whole for _, whole in pairs}
        assert len(wholes) == 1, start
        large = SIZE / 1e6 if "service" in start else IMAGES * SIZE / 1e6
        assert large <= wholes.pop() < large * 1.01, start


def test_layers_are_counted(shown: Said) -> None:
    fetched = {
        found for row in shown.bars("fetch   …/team/") for found in re.findall(r"\d/\d lay", row)
    }
    assert fetched <= {"0/2 lay", "1/2 lay", "2/2 lay", "0/1 lay", "1/1 lay"}
    assert fetched
    rows = [re.search(r"(\d+)/10 layers", row) for row in shown.bars("store   5 images")]
    numbers = [int(found[1]) for found in rows if found]
    assert numbers == sorted(numbers)
    assert max(numbers) > 1


def test_what_stays_on_the_terminal(shown: Said) -> None:
    """A line for each image and one for the store; commands in one piece, ready to be pasted."""
    assert [FETCHED.fullmatch(row) for row in shown.rows if ": 2 layers" in row].count(None) == 0
    fetched = [found[1] for row in shown.rows if (found := FETCHED.fullmatch(row))]
    assert sorted(fetched) == list("01234")
    assert [row for row in shown.rows if row.startswith("store   5 images (x86_64): 10 layers, ")]
    commands = [row for row in shown.rows if row.startswith("$ rpmbuild")]
    assert [command.split()[-1].rpartition("/")[2] for command in commands] == ["app.spec"]


def test_bars_fit_and_are_taken_away(shown: Said) -> None:
    assert max(len(row) for row in shown.rows if "━" in row) <= COLUMNS
    assert shown.raw.rindex("\x1b[?25h") > shown.raw.rindex("\x1b[?25l")  # the cursor is back
    assert "━" not in shown.raw[shown.raw.rindex("\x1b[2K") :]


def test_stdout_has_only_the_path(shown: Said, paack: Paack) -> None:
    assert shown.stdout == f"{paack.output}/rpms/x86_64/app-1.0-1.x86_64.rpm\n"


def test_one_line_per_image_without_a_terminal(shown: Said, paack: Paack, base: Path) -> None:
    """The layers are in the cache from the terminal's run."""
    output = base / "plain"
    done = paack.call("build", "--def", "app.yaml", "--output", str(output))
    assert done.stdout == f"{output}/rpms/x86_64/app-1.0-1.x86_64.rpm\n"
    lines = done.stderr.partition("\nnext ")[0].splitlines()
    assert [line.split()[0] for line in lines] == [
        *["fetch"] * IMAGES,
        *("store", "made", "$", "made"),
    ]
    assert all(FETCHED.fullmatch(line) for line in lines[:IMAGES])
    assert not re.search(r"[\x1b\r━]", done.stderr)


def test_no_color(paack: Paack, base: Path) -> None:
    coloured = on_terminal(paack, "small.yaml", base / "coloured", {})
    plain = on_terminal(paack, "small.yaml", base / "plain-bars", {"NO_COLOR": "1"})
    assert COLOURS.search(coloured.raw)
    assert not COLOURS.search(plain.raw)
    assert plain.bars("rpm     small-1.0-1.x86_64.rpm")


@pytest.mark.parametrize("terminal", ["dumb", "unknown", ""])
def test_plain_lines_on_a_terminal_that_cannot(paack: Paack, base: Path, terminal: str) -> None:
    said = on_terminal(paack, "small.yaml", base / f"on-{terminal}", {"TERM": terminal})
    assert said.status == 0
    assert not re.search(r"\x1b|━", said.raw)
    assert re.search(r"^fetch   \S+/small:1 \(x86_64\): 1 layer, ", said.raw, re.MULTILINE)
