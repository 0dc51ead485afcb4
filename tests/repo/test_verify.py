"""What `paack repo.verify` sees that dnf would not, or says better."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.repo.conftest import NewPublisher
from tests.repo.publisher import Publisher, problems
from tests.support.gpg import Gpg, Key
from tests.support.tiny_rpm import Tiny
from tests.support.web_server import WebServer

PUBLIC = "RPM-GPG-KEY-paack"


@pytest.fixture(scope="module")
def published(
    base: Path, gpg: Gpg, key: Key, web: WebServer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A good repository with one package for two arches, and a source package."""
    mine = Publisher(tmp_path_factory.mktemp("verify") / "publisher", gpg, key, web.url)
    mine.build(Tiny("app", "1.0", arches=["x86_64", "aarch64", "src"]))
    mine.publish(base / "good")
    return base / "good"


def edit(path: str, old: str, new: str) -> Callable[[Path, Publisher, Key], None]:
    """Return a change of a text file."""

    def change(repository: Path, _: Publisher, __: Key) -> None:
        text = (repository / path).read_text()
        assert old in text
        (repository / path).write_text(text.replace(old, new))

    return change


def unlink(pattern: str) -> Callable[[Path, Publisher, Key], None]:
    """Return the removal of a file."""

    def change(repository: Path, _: Publisher, __: Key) -> None:
        (found,) = repository.glob(pattern)
        found.unlink()

    return change


def other_key(repository: Path, mine: Publisher, other: Key) -> None:
    """The key that clients get is another than the one that signed."""
    (repository / PUBLIC).write_text(mine.gpg.export(other))


def unsigned(repository: Path, _: Publisher, __: Key) -> None:
    """No key and no signatures at all."""
    (repository / PUBLIC).unlink()
    for path in repository.rglob("repomd.xml.asc"):
        path.unlink()


CASES: dict[str, tuple[Callable[[Path, Publisher, Key], None], list[str]]] = {
    "no .repo": (unlink("paack.repo"), ["paack.repo: is missing"]),
    "gpgcheck": (
        edit("paack.repo", "\ngpgcheck=1", "\ngpgcheck=0"),
        ["paack.repo: gpgcheck=0, should be 1"],
    ),
    "repo_gpgcheck": (
        edit("paack.repo", "repo_gpgcheck=1\n", ""),
        ["paack.repo: repo_gpgcheck=None, should be 1"],
    ),
    "gpgkey": (
        edit("paack.repo", f"/{PUBLIC}", "/other"),
        ["paack.repo: gpgkey=http://127.0.0.1:"],
    ),
    "section": (edit("paack.repo", "[paack]", "[other]"), ["paack.repo: has no section [paack]"]),
    "garbage": (edit("paack.repo", "[paack]", "["), ["paack.repo: "]),
    "no arch": (
        edit("paack.repo", "$basearch", "x86_64"),
        ["paack.repo: has no baseurl or mirrorlist of $basearch"],
    ),
    "package": (
        unlink("aarch64/Packages/*/*.rpm"),
        ["app-1.0-1.aarch64.rpm: is missing"],
    ),
    "source": (unlink("source/Packages/*/*.rpm"), ["app-1.0-1.src.rpm: is missing"]),
    "data": (unlink("x86_64/repodata/*-filelists.xml.gz"), ["-filelists.xml.gz: is missing"]),
    "mirrors": (
        edit("x86_64/repodata/mirrorlist", "generations/1", "generations/7"),
        ["x86_64/repodata/mirrorlist: names another generation than repodata has"],
    ),
    "no key": (unlink(PUBLIC), [f"not signed: there is no {PUBLIC}"]),
    "key": (edit(PUBLIC, "BEGIN PGP", "BEGIN"), ["not an OpenPGP public key"]),
    "other key": (
        other_key,
        [
            "x86_64/repodata/repomd.xml, x86_64/Packages/",
            " and 4 more files: signed by ",
            f", which is not known here: {PUBLIC} does not hold it",
        ],
    ),
    "unsigned": (unsigned, [f"not signed: there is no {PUBLIC}", "has no signature"]),
}


@pytest.mark.parametrize("name", CASES)
def test_problems(
    base: Path, published: Path, publisher: NewPublisher, other_key: Key, name: str
) -> None:
    change, expected = CASES[name]
    mine = publisher()
    repository = mine.home / "repository"
    shutil.copytree(published, repository, symlinks=True)
    change(repository, mine, other_key)
    found = problems(repository)
    for said in expected:
        assert any(said in problem for problem in found), found


def test_a_good_one(published: Path, publisher: NewPublisher, tmp_path: Path) -> None:
    """As a directory and on the web, trusting it, a fingerprint, or a file of keys."""
    mine = publisher()
    key = tmp_path / "key"
    key.write_text(mine.gpg.export(mine.key))
    names = [mine.key.fingerprint, mine.key.fingerprint[-16:], f"0x{mine.key.fingerprint[-16:]}"]
    trusts = [[], *(["--key", name] for name in [*names, f"0x{names[0].lower()}", str(key)])]
    for where in (str(published), f"{mine.url}/good", f"{mine.url}/good/"):
        for trust in trusts if where == str(published) else trusts[:2]:
            done = mine.verify(where, *trust)
            assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{mine.key.fingerprint} signs",
        *(f"{arch}: 1 package" for arch in ("x86_64", "aarch64", "source")),
        f"{mine.url}/good/: good",
    ]


def test_one_arch(published: Path, publisher: NewPublisher) -> None:
    mine = publisher()
    repository = mine.home / "repository"
    shutil.copytree(published, repository, symlinks=True)
    shutil.rmtree(repository / "aarch64" / "Packages")
    assert mine.verify(repository, "--arch", "x86_64").returncode == 0
    assert mine.verify(repository, "--arch", "x86_64", "--arch", "aarch64").returncode == 7


def test_a_key_of_somebody_else_is_not_trusted(
    published: Path, publisher: NewPublisher, other_key: Key, tmp_path: Path
) -> None:
    """What the repository says of itself does not matter then."""
    mine = publisher()
    key = tmp_path / "key"
    key.write_text(mine.gpg.export(other_key))
    other = other_key.fingerprint
    for trust, said in (
        (other, f"{PUBLIC}: has no key {other}, only {mine.key.fingerprint}"),
        (other[-16:], f"{PUBLIC}: has no key {other[-16:]}, only {mine.key.fingerprint}"),
        (str(key), "which is not known here: --key names others"),
    ):
        done = mine.verify(published, "--key", trust)
        assert done.returncode == 7
        assert said in done.stderr
        # One cause, one line, whatever the number of files.
        assert ": 1 problem" in done.stderr
        assert len([line for line in done.stderr.splitlines() if "check  " not in line]) == 2


def test_the_key_that_signed_is_not_published(
    published: Path, publisher: NewPublisher, other_key: Key, tmp_path: Path
) -> None:
    """The caller has it, but clients would not get it."""
    mine = publisher()
    repository = mine.home / "repository"
    shutil.copytree(published, repository, symlinks=True)
    (repository / PUBLIC).write_text(mine.gpg.export(other_key))
    key = tmp_path / "key"
    key.write_text(mine.gpg.export(mine.key))
    done = mine.verify(repository, "--key", str(key))
    assert done.returncode == 7
    assert f"which {PUBLIC} does not hold" in done.stderr


def test_a_server_that_breaks_off(published: Path, publisher: NewPublisher, web: WebServer) -> None:
    mine = publisher()
    with web.breaking("app-1.0-1.aarch64.rpm"):
        done = mine.verify(f"{mine.url}/good")
    assert done.returncode == 7
    assert "app-1.0-1.aarch64.rpm" in done.stderr
    assert ": 1 problem" in done.stderr
