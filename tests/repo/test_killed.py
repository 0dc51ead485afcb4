"""A killed publisher leaves the old repository or the new one, and the next completes it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf
from tests.repo.killed import run_killed
from tests.repo.publisher import Publisher, packages, problems
from tests.support.gpg import Gpg, Key
from tests.support.thorough import THOROUGH
from tests.support.tiny_rpm import Tiny
from tests.support.web_server import WebServer

MOMENTS = 10 if THOROUGH else 3


@dataclass(frozen=True)
class Reference:
    """A publisher with version 1.0 published and 1.1 made, and how many changes 1.1 takes."""

    mine: Publisher
    old: Path
    changes: int


@pytest.fixture(scope="module")
def reference(
    base: Path, gpg: Gpg, key: Key, web: WebServer, tmp_path_factory: pytest.TempPathFactory
) -> Reference:
    home = tmp_path_factory.mktemp("killed")
    mine = Publisher(home / "publisher", gpg, key, web.url)
    old = home / "old"
    mine.build(Tiny("app", "1.0"))
    mine.publish(old)
    mine.build(Tiny("app", "1.1"), Tiny("tool", "1.0"))
    mine.paack.call(*mine.repo_words())
    scratch = base / "reference"
    shutil.copytree(old, scratch, symlinks=True)
    changes = run_killed(mine, mine.publish_words(scratch), 0, home / "count")
    assert changes > MOMENTS
    return Reference(mine, old, changes)


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_killed_while_publishing(
    base: Path, reference: Reference, client: NewDnf, tmp_path: Path, moment: int
) -> None:
    mine, repository = reference.mine, base / f"moment-{moment}"
    shutil.copytree(reference.old, repository, symlinks=True)
    for path in repository.rglob("mirrorlist"):
        path.write_text(path.read_text().replace("/old/", f"/{repository.name}/"))
    text = (repository / "paack.repo").read_text()
    (repository / "paack.repo").write_text(text.replace("/old/", f"/{repository.name}/"))
    number = moment * reference.changes // (MOMENTS + 1)
    words = mine.publish_words(repository)
    assert run_killed(mine, words, number, tmp_path / "count") == 0
    assert problems(repository) == []
    repo = (repository / "paack.repo").read_text()
    there = client(repo)
    there.run("install", "app")
    assert there.installed()[0] in ("app-1.0-1.x86_64", "app-1.1-1.x86_64")
    mine.paack.call(*words)
    there.run("upgrade")
    assert there.installed() == ["app-1.1-1.x86_64"]
    assert problems(repository) == []
    names = [f"app-{version}-1.x86_64.rpm" for version in ("1.0", "1.1")]
    assert packages(repository) == [*names, "tool-1.0-1.x86_64.rpm"]
    assert sorted(path.name for path in (repository / "x86_64").iterdir()) == [
        *("Packages", "generations", "repodata")
    ]
    assert not (repository / ".work").exists()


def test_killed_while_making_the_repository(
    base: Path, gpg: Gpg, key: Key, web: WebServer, tmp_path: Path
) -> None:
    mine = Publisher(tmp_path / "publisher", gpg, key, web.url)
    mine.build(Tiny("app", "1.0"))
    whole = Publisher(tmp_path / "whole", gpg, key, web.url)
    whole.build(Tiny("app", "1.0"))
    changes = run_killed(whole, whole.repo_words(), 0, tmp_path / "count")
    for moment in range(1, 5):
        number = moment * changes // 5
        assert run_killed(mine, mine.repo_words(), number, tmp_path / "count") == 0
        shutil.rmtree(mine.output / "repo")
    assert run_killed(mine, mine.repo_words(), changes // 2, tmp_path / "count") == 0
    mine.paack.call(*mine.repo_words())
    assert problems(mine.output / "repo") == []
    assert list((mine.output).glob("work/*")) == []
