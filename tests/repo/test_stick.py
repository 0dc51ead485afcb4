"""A USB stick: exFAT, which has no links. Clients use it as file://."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.killed import run_killed
from tests.repo.publisher import packages, snapshot
from tests.support.commands import run
from tests.support.tiny_rpm import Tiny

SIZE = 64 << 20


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    image, where = tmp_path / "stick.img", tmp_path / "stick"
    with image.open("wb") as file:
        file.truncate(SIZE)
    where.mkdir()
    run(["mkfs.exfat", str(image)])
    device = run(["losetup", "--find", "--show", str(image)]).stdout.strip()
    try:
        run(["mount.exfat-fuse", device, str(where)])
        yield where
        run(["umount", str(where)])
    finally:
        run(["losetup", "--detach", device])


def test_on_a_stick(stick: Path, publisher: NewPublisher, client: NewDnf, tmp_path: Path) -> None:
    repository, mine = stick / "repo", publisher()
    to = ("--to", str(repository), "--sign", mine.key.fingerprint, "--output", str(mine.output))
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.paack.call(*mine.repo_words(), "publish", *to)
    assert (repository / "x86_64" / "repodata" / "repomd.xml").is_file()
    assert not [path for path in repository.rglob("*") if path.is_symlink()]
    repo = (repository / "paack.repo").read_text()
    assert f"\nbaseurl=file://{repository}/$basearch\n" in repo
    there = client(repo)
    there.run("install", "app")
    before = snapshot(repository)
    mine.paack.call("publish", *to)
    assert snapshot(repository) == before
    mine.build(Tiny("app", "1.1", arches=["x86_64"]))
    mine.paack.call(*mine.repo_words())
    changes = 0
    for moment in (60, 90, 120):  # while packages, generation and copy are written
        changes += run_killed(mine, ["publish", *to], moment, tmp_path / "count")
        there.run("repoquery", "app")
    assert changes == 0
    mine.paack.call("publish", *to)
    there.run("upgrade")
    assert there.installed() == ["app-1.1-1.x86_64"]
    mine.build(Tiny("app", "1.2", arches=["x86_64"]))
    mine.paack.call(*mine.repo_words(), "publish", *to, "--versions", "1", "--keep", "1")
    mine.build(Tiny("app", "1.3", arches=["x86_64"]))
    mine.paack.call(*mine.repo_words(), "publish", *to, "--versions", "1", "--keep", "1")
    assert packages(repository) == ["app-1.2-1.x86_64.rpm", "app-1.3-1.x86_64.rpm"]
    assert mine.verify(repository).returncode == 0
