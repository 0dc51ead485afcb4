"""Two builds at once, on one cache or on one output directory, do not harm each other."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import pytest

from tests.support.debian import ARCHES, busybox_rootfs, push_multiarch, text_layer
from tests.support.product import Paack, definition_text
from tests.support.registry import Registry

#: Runs paack; before it renames to a file below SHARED it asks the rendezvous, which answers when
#: both are that far.
MEETING = """
import os, socket, sys
def hook(event, arguments):
    if event == "os.rename" and os.fspath(arguments[1]).startswith(os.environ["SHARED"]):
        with socket.socket(socket.AF_UNIX) as meeting:
            meeting.settimeout(60)
            meeting.connect(os.environ["RENDEZVOUS"])
            meeting.sendall(os.fsencode(arguments[1]))
            meeting.shutdown(socket.SHUT_WR)
            meeting.recv(1)
import paack.commands
sys.addaudithook(hook)
paack.commands.main()
"""


#: What is made of blobs, and kept
MADE = ("paack/layers/", "paack/packages/")


class Rendezvous:
    """Two programs meet before they give a file the same name; both go on at the same time.

    ``met`` are the names of these files. Once ``open`` is called, nobody waits any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.met: set[str] = set()
        self._waiting: dict[str, list[socket.socket]] = {}
        self._opened = False
        self._lock = threading.Lock()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def open(self) -> None:
        """Let all go: one of the programs has ended, and nobody must wait for it."""
        with self._lock:
            self._opened = True
            for name in list(self._waiting):
                self._release(name)

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            with visitor.makefile("rb") as said:
                name = said.read().decode()
            with self._lock:
                waiting = self._waiting.setdefault(name, [])
                waiting.append(visitor)
                if len(waiting) == 2:
                    self.met.add(name)
                if name in self.met or self._opened:
                    self._release(name)

    def _release(self, name: str) -> None:
        for visitor in self._waiting.pop(name):
            visitor.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        top = text_layer(base / "top.tar", {"etc/motd": "hello\n"})
        push_multiarch(running, "one", "1", {arch: [busybox_rootfs(arch), top] for arch in ARCHES})
        push_multiarch(running, "two", "1", {arch: [top] for arch in ARCHES})
        yield running


@pytest.fixture(scope="module")
def reference(base: Path, registry: Registry) -> dict[str, bytes]:
    paack = prepare(base / "reference", registry, base / "reference" / "cache")
    paack.build(paack.home / "app.yaml")
    return files(paack.output)


def prepare(home: Path, registry: Registry, cache: Path) -> Paack:
    """Make ``home`` with a definition; blobs go to ``cache``."""
    home.mkdir(parents=True)
    paack = Paack(home, registry.registries_conf, {"XDG_CACHE_HOME": str(cache)})
    # Sets have the same order in both programs: neither waits where the other does not come to.
    paack.environment["PYTHONHASHSEED"] = "0"
    images = [f"{registry.host}/{name}:1" for name in ("one", "two")]
    paack.define(definition_text("app", images, arches=["x86_64", "aarch64"]))
    return paack


def build_both(
    builders: tuple[Paack, Paack], shared: Path, rendezvous: Rendezvous
) -> list[list[Path]]:
    """Build with both at once; return what each says that it made. They meet below ``shared``."""
    running = []
    for paack in builders:
        definition = paack.home / "app.yaml"
        command, env = paack.command(
            "build", "--def", str(definition), "--output", str(paack.output)
        )
        command[command.index("-c") + 1] = MEETING
        env |= {"RENDEZVOUS": str(rendezvous.path), "SHARED": str(shared)}
        running.append(
            subprocess.Popen(
                command,
                env=env,
                cwd=paack.home,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
    watchers = [threading.Thread(target=_open_after, args=(each, rendezvous)) for each in running]
    for watcher in watchers:
        watcher.start()
    said = [process.communicate() for process in running]
    for watcher in watchers:
        watcher.join()
    assert [process.returncode for process in running] == [0, 0], said
    return [[Path(line) for line in output.splitlines()] for output, _ in said]


def _open_after(process: subprocess.Popen[str], rendezvous: Rendezvous) -> None:
    process.wait()
    rendezvous.open()


def files(directory: Path) -> dict[str, bytes]:
    """Return relative path -> content of all files below ``directory``."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def check_cache(cache: Path, alone: Mapping[str, bytes], met: set[str]) -> None:
    """All is whole: blobs by their names, what is made of them as one build alone makes it.

    Both builds brought each file of the cache at once.
    """
    found = files(cache)
    assert {str(cache / name) for name in found if not name.startswith("paack/admitted/")} <= met
    made = {name: found.pop(name) for name in list(found) if name.startswith(MADE)}
    assert made == {name: alone[name] for name in alone if name.startswith(MADE)}
    admitted = [name for name in found if name.startswith("paack/admitted/")]
    assert [found.pop(name) for name in admitted] == [b""] * 4  # a mark for each manifest
    for name, content in found.items():
        assert name == f"paack/blobs/sha256/{hashlib.sha256(content).hexdigest()}"
    assert len(found) >= 13  # 2 indexes, 4 manifests, 4 configs, 3 layers


def test_one_cold_cache(
    base: Path, registry: Registry, reference: Mapping[str, bytes], tmp_path: Path
) -> None:
    cache = base / "shared-cache"
    builders = tuple(prepare(base / name, registry, cache) for name in ("first", "second"))
    with Rendezvous(tmp_path / "socket") as rendezvous:
        build_both((builders[0], builders[1]), cache, rendezvous)
    for paack in builders:
        assert files(paack.output) == reference
    check_cache(cache, files(base / "reference" / "cache"), rendezvous.met)


def test_one_output_directory(
    base: Path, registry: Registry, reference: Mapping[str, bytes], tmp_path: Path
) -> None:
    """And one definition, which both lock, and one cache."""
    paack = prepare(base / "common", registry, base / "common" / "cache")
    with Rendezvous(tmp_path / "socket") as rendezvous:
        made = build_both((paack, paack), paack.home, rendezvous)
    assert made[0] == made[1]
    assert files(paack.output) == reference
    assert {str(path) for path in made[0]} <= rendezvous.met
    assert sorted(path.name for path in paack.home.iterdir()) == [
        *("app.lock.yaml", "app.yaml", "cache", "out")
    ]
    alone = files(base / "reference" / "cache")
    check_cache(base / "common" / "cache", alone, rendezvous.met)
