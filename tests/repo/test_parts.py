"""The parts of publishing that need no repository: names, addresses, versions, the lock."""

from __future__ import annotations

import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from paack.helpers.errors import BuildError, PublishError, UsageError
from paack.helpers.progress import Reporter
from paack.helpers.repo.repo_file import (
    check_name,
    check_url,
    dump_repo,
    mirror_list,
    published_url,
)
from paack.helpers.repo.site import File, LocalSite
from paack.helpers.repo.site_rsync import RsyncSite, site_of
from paack.helpers.rpm.evr import in_order
from paack.helpers.rpm.header import read_headers
from paack.helpers.rpm.sign import key_name
from paack.helpers.run import held

URL = "https://host.example.com/a"


@pytest.mark.parametrize(
    "destination",
    ["host:dir", "me@host:/srv/a b", "me@[::1]:/srv", "[fe80::1]:x", "host.example.com:~/x:y"],
)
def test_destinations_elsewhere(destination: str) -> None:
    assert isinstance(site_of(destination, Reporter()), RsyncSite)


@pytest.mark.parametrize(
    "destination", ["/srv/www", "srv", "./a:b", "/srv/a:b", "-oProxyCommand=x:y", "-x@host:y"]
)
def test_destinations_here(destination: str) -> None:
    """As rsync has it: a colon after a slash is part of a name. No word may become an option."""
    assert isinstance(site_of(destination, Reporter()), LocalSite)


def test_versions_in_order() -> None:
    """As rpm-version(7) has it."""
    versions = ["0.9", "1.a", "1.0~rc1", "1.0", "1.0^git1", "1.0.1", "1.1"]
    ordered = [*(f"0:{version}-1" for version in versions), "0:1.1-2", "0:1.1-10", "1:0.1-1"]
    assert in_order(reversed([*ordered, ordered[0]])) == ordered


@pytest.mark.parametrize("version", ['1"', "1%{lua:os.exit()}", "", "1\n2", "1]]"])
def test_what_is_no_version_runs_nothing(version: str) -> None:
    with pytest.raises(PublishError, match="not a version"):
        in_order(["1-1", version])


@pytest.mark.parametrize(
    "url", ["http://h", "https://h:8443/a/b", "file:///run/media/me/x", f"{URL}/"]
)
def test_addresses(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["ftp://h", "h/x", "https://h/a b", "https://h/$x", "https://h/a,b"]
)
def test_not_addresses(url: str) -> None:
    with pytest.raises(UsageError, match="is not the address"):
        check_url(url)


@pytest.mark.parametrize("name", ["", "a b", "../a", "a\n[b]", "-a", "a/b"])
def test_not_names(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        check_name(name)


@pytest.mark.parametrize("mirrors", [True, False])
def test_repo_files(tmp_path: Path, mirrors: bool) -> None:
    text = dump_repo("mine", URL, ("x86_64", "source"), signed=True, mirrors=mirrors)
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    assert parser.sections() == ["mine", "mine-source"]
    assert ("mirrorlist" in parser["mine"], "baseurl" in parser["mine"]) == (mirrors, not mirrors)
    assert parser["mine"]["gpgkey"] == f"{URL}/RPM-GPG-KEY-mine"
    assert parser["mine-source"]["enabled"] == "0"
    (tmp_path / "mine.repo").write_text(text)
    assert published_url(tmp_path, "mine") == URL
    assert published_url(tmp_path, "other") is None
    assert mirror_list(URL, "x86_64", 7).splitlines() == [
        f"{URL}/x86_64/generations/7/",
        f"{URL}/x86_64/",
    ]


def test_fingerprints() -> None:
    fingerprint = "26419F42236E6DA14972C3CE90457B0E1BF00555"
    for name in (fingerprint, "2641 9F42 236E 6DA1 4972  C3CE 9045 7B0E 1BF0 0555"):
        assert key_name(name) == fingerprint
    for name in ("90457B0E1BF00555", "0x90457b0e1bf00555", "9045 7B0E 1BF0 0555"):
        assert key_name(name) == "90457B0E1BF00555"
    for other in ("1BF00555", "key.asc", "", "90457B0E1BF00555.asc"):
        assert key_name(other) == ""


@pytest.mark.parametrize("name", ["a*.rpm", "a b.rpm", "-x.rpm", "a.txt", "a%b.rpm"])
def test_rpm_gets_no_odd_file_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(PublishError, match="not the name of an RPM"):
        read_headers([tmp_path / name])


def test_what_is_no_rpm(tmp_path: Path) -> None:
    (tmp_path / "a.rpm").write_text("other.rpm\n")  # to rpm, a list of packages
    with pytest.raises(PublishError, match=r"a\.rpm"):
        read_headers([tmp_path / "a.rpm"])


def test_a_file_that_is_not_what_its_metadata_says(tmp_path: Path) -> None:
    (tmp_path / "a.rpm").write_bytes(b"other")
    site = LocalSite(tmp_path / "site", Reporter())
    with site.locked(), pytest.raises(PublishError, match="as its metadata says"):
        site.put({"Packages/a.rpm": File(tmp_path / "a.rpm", "0" * 64)})
    assert not [path for path in site.tree.rglob("*") if path.name.endswith(".rpm")]


def test_held_tells_whether_the_child_lives() -> None:
    said: list[str] = []
    script = "print('one'); print('go', flush=True); input()"
    with held([sys.executable, "-c", script], "go", said.append) as alive:
        assert alive()
    assert said == ["one"]
    assert not alive()


def test_held_fails_when_the_child_ends_early() -> None:
    script = "import sys; print('one'); sys.exit('why')"
    with (
        pytest.raises(BuildError, match="why"),
        held([sys.executable, "-c", script], "go", lambda _: None),
    ):
        raise AssertionError("not reached")
