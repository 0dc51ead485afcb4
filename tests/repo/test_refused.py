"""What dnf refuses, and `paack repo.verify` reports: tampering, wrong keys, expired keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.publisher import Publisher, flip
from tests.support.gpg import Gpg, Key
from tests.support.tiny_rpm import Tiny

ARCH = "x86_64"
PUBLIC = "RPM-GPG-KEY-paack"


@dataclass
class Scene:
    """A published repository, who publishes it, and somebody else's key."""

    repository: Path
    mine: Publisher
    gpg: Gpg
    stranger: Key

    @property
    def repomd(self) -> Path:
        """The current repomd.xml, also for those who follow the mirror list."""
        return (self.repository / ARCH / "repodata").resolve() / "repomd.xml"

    def sign(self, key: Key, *options: str) -> None:
        """Sign repomd.xml."""
        signature = self.repomd.with_name("repomd.xml.asc")
        who = ["--local-user", f"{key.fingerprint}!", "--armor", "--detach-sign"]
        self.gpg.gpg(*options, *who, "--output", str(signature), str(self.repomd))


def package(scene: Scene) -> None:
    """Other bytes in the package."""
    (found,) = scene.repository.glob(f"{ARCH}/Packages/*/app-*.rpm")
    flip(found)


def repomd(scene: Scene) -> None:
    """Another revision in repomd.xml."""
    scene.repomd.write_text(scene.repomd.read_text().replace("<revision>1", "<revision>2"))


def primary(scene: Scene) -> None:
    """Other bytes in primary.xml."""
    (found,) = scene.repomd.parent.glob("*-primary.xml.gz")
    flip(found)


def no_signature(scene: Scene) -> None:
    """repomd.xml without its signature."""
    scene.repomd.with_name("repomd.xml.asc").unlink()


def wrong_key(scene: Scene) -> None:
    """repomd.xml signed by a stranger."""
    scene.sign(scene.stranger)


def foreign_package(scene: Scene) -> None:
    """Metadata in order, but a package that a stranger signed."""
    theirs = Publisher(scene.mine.home.with_name("theirs"), scene.gpg, scene.stranger, "")
    theirs.build(Tiny("app", "1.1", arches=[ARCH]))
    theirs.paack.call(*theirs.repo_words())
    words = scene.mine.publish_words(scene.repository)
    words[words.index("--output") + 1] = str(theirs.output)
    scene.mine.paack.call(*words)
    (scene.repository / PUBLIC).write_text(scene.gpg.export(scene.mine.key))


def expired_key(scene: Scene) -> None:
    """A key that was good when it signed, and has expired since."""
    past = ("--faked-system-time", "20250601T000000!")
    old = scene.gpg.key("old", valid="1y", options=past)
    scene.sign(old, *past)
    (scene.repository / PUBLIC).write_text(scene.gpg.export(scene.mine.key, old))


@dataclass(frozen=True)
class Case:
    """What is done, what dnf says of it, and what repo.verify says."""

    do: Callable[[Scene], None]
    dnf: str
    verify: str


CASES = {
    "package": Case(package, "checksum", f"{ARCH}/Packages/"),
    "repomd": Case(repomd, "GPG", "its signature is not of this content"),
    "primary": Case(primary, "checksum", "-primary.xml.gz: has "),
    "no signature": Case(no_signature, "GPG", "has no signature"),
    "wrong key": Case(wrong_key, "GPG", "which is not known here"),
    "foreign package": Case(foreign_package, "gpg", "app-1.1-1.x86_64.rpm: signed by "),
    "expired key": Case(expired_key, "GPG", "its signature is of an expired key"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(
    base: Path,
    publisher: NewPublisher,
    client: NewDnf,
    gpg: Gpg,
    other_key: Key,
    name: str,
) -> None:
    case, mine = CASES[name], publisher()
    repository = base / name.replace(" ", "-")
    mine.build(Tiny("app", "1.0", arches=[ARCH]))
    mine.publish(repository)
    assert mine.verify(repository).returncode == 0
    case.do(Scene(repository, mine, gpg, other_key))
    for kind in ("dnf", "dnf5"):
        each = client((repository / "paack.repo").read_text(), kind)
        done = each.run("install", "app", check=False)
        assert done.returncode != 0
        assert case.dnf.lower() in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
        assert each.installed() == []
    for where in (repository, f"{mine.url}/{repository.name}"):
        said = mine.verify(where)
        assert said.returncode == 7
        assert case.verify in said.stderr
