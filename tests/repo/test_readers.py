"""Clients that install in a loop while something new is published again and again."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.repo.conftest import NewDnf, NewPublisher
from tests.support.thorough import THOROUGH
from tests.support.tiny_rpm import Tiny

PUBLISHES = 20 if THOROUGH else 8
#: dnf's words for a repomd.xml that its signature is not of.
MISMATCH = "repomd.xml GPG signature verification error"


@dataclass
class Reader:
    """Installs the newest app again and again, with nothing kept from the time before."""

    client: NewDnf
    repo: str
    versions: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tries: list[bool] = field(default_factory=list)

    def read(self, over: threading.Event, first: threading.Event) -> None:
        """Go on until ``over``, and once more."""
        last = False
        while not last:
            last = over.is_set()
            dnf = self.client(self.repo)
            done = dnf.run("install", "app", check=False)
            self.tries.append(done.returncode == 0)
            if done.returncode == 0:
                (installed,) = dnf.installed()
                self.versions.append(int(installed.split("-")[1].removeprefix("1.")))
            else:
                self.errors.append(done.stdout + done.stderr)
            first.set()


def test_readers_during_publishes(base: Path, publisher: NewPublisher, client: NewDnf) -> None:
    repository = base / "busy"
    mine = publisher()
    mine.build(*(Tiny("app", f"1.{number}", arches=["x86_64"]) for number in range(PUBLISHES + 1)))
    built = sorted(
        mine.output.glob("rpms/x86_64/*.rpm"), key=lambda path: int(path.name.split("-")[1][2:])
    )
    waiting = mine.home / "waiting"
    waiting.mkdir()
    for rpm in built[1:]:
        rpm.rename(waiting / rpm.name)
    mine.publish(repository, "--keep", "25")
    generation = (repository / "paack.repo").read_text()
    assert "\nmirrorlist=" in generation
    current = "\n".join(
        line.removeprefix("#") for line in generation.splitlines() if "mirrorlist" not in line
    )
    readers = [Reader(client, generation), Reader(client, current)]
    over = threading.Event()
    threads = []
    for reader in readers:
        first = threading.Event()
        threads.append(threading.Thread(target=reader.read, args=(over, first)))
        threads[-1].start()
        assert first.wait(timeout=60)
    try:
        for rpm in built[1:]:
            (waiting / rpm.name).rename(rpm)
            assert rpm.name in mine.publish(repository, "--keep", "25").stdout
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert readers[0].errors == []
    assert [error for error in readers[1].errors if MISMATCH not in error] == []
    check(readers[0])
    check(readers[1])
    healed = zip(readers[1].tries, readers[1].tries[1:], strict=False)
    assert all(now or then for now, then in healed)


def check(reader: Reader) -> None:
    """It was there all the time, and never went back to something older."""
    assert reader.versions == sorted(reader.versions)
    assert reader.versions[0] == 0
    assert reader.versions[-1] == PUBLISHES
    assert len(set(reader.versions)) > 2
