"""Publishing to another machine, with rsync over a real ssh."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.killed import run_killed
from tests.repo.publisher import Publisher, packages, problems, snapshot
from tests.support.sshd import Sshd
from tests.support.tiny_rpm import Tiny


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with Sshd(tmp_path_factory.mktemp("sshd") / "home") as server:
        yield server


@pytest.fixture
def mine(publisher: NewPublisher, sshd: Sshd) -> Publisher:
    new = publisher()
    new.paack.environment["RSYNC_RSH"] = sshd.rsh
    return new


def test_publish_install_update(
    base: Path, mine: Publisher, sshd: Sshd, client: NewDnf, publisher: NewPublisher
) -> None:
    repository = base / "a b's"  # for the remote shell
    destination = f"{sshd.host}:{repository}"
    url = f"{mine.url}/a%20b's".replace("%20", "_").replace("'", "_")
    (base / "a_b_s").symlink_to(repository)
    mine.build(Tiny("app", "1.0"))
    missing = mine.publish(destination, check=False)
    assert (missing.returncode, "--url" in missing.stderr) == (2, True)
    assert packages(repository) == []
    mine.publish(destination, "--url", url)
    there = client((repository / "paack.repo").read_text(), arch="aarch64")
    there.run("install", "app")
    before = snapshot(repository)
    assert mine.publish(destination).stdout == ""
    assert snapshot(repository) == before
    other = publisher("other")  # has nothing of what the first one built
    other.paack.environment["RSYNC_RSH"] = sshd.rsh
    other.build(Tiny("app", "1.1"))
    other.publish(destination, "--versions", "1", "--keep", "1")
    there.run("upgrade")
    assert there.installed() == ["app-1.1-1.aarch64"]
    other.build(Tiny("tool", "1.0"))
    other.publish(destination, "--versions", "1", "--keep", "1")
    assert packages(repository) == ["app-1.1-1.x86_64.rpm", "tool-1.0-1.x86_64.rpm"]
    assert other.verify(repository).returncode == 0
    assert other.verify(url).returncode == 0


def test_other_content_is_refused(base: Path, mine: Publisher, sshd: Sshd) -> None:
    repository = base / "refused"
    mine.build(Tiny("app", "1.0", content="one", arches=["x86_64"]))
    mine.publish(f"{sshd.host}:{repository}", "--url", f"{mine.url}/refused")
    before = snapshot(repository)
    (mine.output / "rpms" / "x86_64" / "app-1.0-1.x86_64.rpm").unlink()
    mine.build(Tiny("app", "1.0", content="two", arches=["x86_64"]))
    done = mine.publish(f"{sshd.host}:{repository}", check=False)
    assert done.returncode == 20
    told = done.stderr.partition("\nnot published: ")[0]  # which says it again, in a line
    assert told.count("header sha256 ") == 1
    words = mine.publish_words(f"{sshd.host}:{repository}", sign=False)
    done = mine.paack.call(*words, check=False)
    assert f"error: {sshd.host}:{repository}/x86_64: is signed" in done.stderr
    assert snapshot(repository) == before


def test_a_publisher_waits_for_another(base: Path, mine: Publisher, sshd: Sshd) -> None:
    repository = base / "waits"
    repository.mkdir()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.paack.call(*mine.repo_words())
    words = mine.publish_words(f"{sshd.host}:{repository}", "--url", f"{mine.url}/waits")
    command, env = mine.paack.command(*words)
    with (repository / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert process.stderr.readline().startswith("wait ")
        assert list(repository.iterdir()) == [repository / ".lock"]
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert packages(repository) == ["app-1.0-1.x86_64.rpm"]


def test_killed(base: Path, mine: Publisher, sshd: Sshd, tmp_path: Path) -> None:
    """At whatever moment: the lock goes with it, what was there stays, the next completes it."""
    repository = base / "killed"
    destination = f"{sshd.host}:{repository}"
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.publish(destination, "--url", f"{mine.url}/killed")
    mine.build(Tiny("app", "1.1", arches=["x86_64"]))
    mine.paack.call(*mine.repo_words())
    words = mine.publish_words(destination)
    # once for nothing, to count: onto a copy of it elsewhere
    copy = base / "copy"
    other = mine.publish_words(f"{sshd.host}:{copy}", "--url", f"{mine.url}/copy")
    changes = run_killed(mine, other, 0, tmp_path / "count")
    for moment in range(1, 5):
        assert run_killed(mine, words, moment * changes // 6, tmp_path / "count") == 0
        assert problems(repository) == []
    mine.paack.call(*words)
    assert "x86_64: 2 packages" in mine.verify(repository).stdout
    assert packages(repository) == ["app-1.0-1.x86_64.rpm", "app-1.1-1.x86_64.rpm"]


def test_who_cannot_be_reached(mine: Publisher, sshd: Sshd) -> None:
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    for destination in (f"{sshd.host}:/proc/nowhere", f"nobody.invalid@{sshd.host}:/tmp"):
        done = mine.publish(destination, "--url", mine.url, check=False)
        assert (done.returncode, "hint:" in done.stderr) == (20, True), done.stderr
