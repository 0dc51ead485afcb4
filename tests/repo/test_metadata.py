"""How big the metadata of a hundred packages is, and what other tools make of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.repo.publisher import Publisher
from tests.support.commands import run
from tests.support.gpg import Gpg, Key
from tests.support.tiny_rpm import build_spec
from tests.support.web_server import WebServer

PACKAGES = 100
#: Per package, measured before the project began: a file list of one store, compressed.
FILELISTS_EACH = 228
#: What dnf downloads for a hundred packages: less than one package's file list was before.
ALL = 100_000
#: What a package of images holds.
FILES = (
    "/usr/lib/{name}/containers.squashfs",
    "/usr/lib/{name}/containers",
    "/usr/lib/tmpfiles.d/paack-{name}.conf",
    "/usr/lib/systemd/system/run-paack-{name}.mount",
    "/usr/lib/systemd/system/local-fs.target.wants/run-paack-{name}.mount",
    "/etc/crio/crio.conf.d/50-{name}.conf",
    "/usr/share/containers/storage.rootful.conf.d/50-{name}.conf",
    "/usr/share/paack/{name}/lock.yaml",
    "/usr/share/paack/{name}/images",
)


def spec() -> str:
    """Return a spec with a hundred packages, all with names and digests of ten images."""
    names = [f"application-{number}-containers" for number in range(PACKAGES)]
    parts = [
        "Name: many\nVersion: 1\nRelease: 1\nSummary: Many\nLicense: MIT\n%description\nMany.\n"
    ]
    install, files = ["%install\n"], []
    for name in names:
        provides = "".join(
            f"Provides: container-image(registry.example.com/{name}/image-{image}:1.{image})\n"
            for image in range(10)
        )
        listed = [path.format(name=name) for path in FILES]
        parts.append(f"%package -n {name}\nSummary: Images of {name}\n{provides}")
        parts.append(f"%description -n {name}\nContainer images of {name}.\n")
        install += [f"install -D /dev/null %{{buildroot}}{path}\n" for path in listed]
        files.append(f"%files -n {name}\n" + "".join(f"{path}\n" for path in listed))
    return "".join([*parts, *install, *files])


@pytest.fixture(scope="module")
def repository(
    base: Path, gpg: Gpg, key: Key, web: WebServer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A repository of a hundred packages."""
    home = tmp_path_factory.mktemp("metadata")
    mine = Publisher(home / "publisher", gpg, key, web.url)
    (home / "top").mkdir()
    assert len(build_spec(spec(), "x86_64", mine.output, home / "top")) == PACKAGES
    mine.publish(base / "hundred", sign=False)
    return base / "hundred"


def test_a_hundred_packages(repository: Path) -> None:
    repodata = repository / "x86_64" / "repodata"
    sizes = {path.name.partition("-")[2]: path.stat().st_size for path in repodata.iterdir()}
    assert sizes["filelists.xml.gz"] < FILELISTS_EACH * PACKAGES
    assert sum(sizes.values()) < ALL
    counts = [
        gzip.decompress(path.read_bytes()).count(b"<package ") for path in repodata.glob("*.xml.gz")
    ]
    assert counts == [PACKAGES] * 3


def test_createrepo_finds_the_same(repository: Path, tmp_path: Path) -> None:
    """Debian's createrepo_c reads our metadata, and takes the packages for what they say."""
    merged = tmp_path / "merged"
    run(
        [
            *("mergerepo_c", "--omit-baseurl", "--no-database", "--outputdir", str(merged)),
            *("--repo", f"file://{repository}/x86_64", "--repo", f"file://{repository}/x86_64"),
        ]
    )
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    run(
        [
            *("createrepo_c", "--quiet", "--no-database", "--excludes=generations/*"),
            *("--outputdir", str(fresh)),
            str(repository / "x86_64"),
        ]
    )
    ours, theirs, both = (
        sorted(
            line.strip()
            for path in directory.glob("repodata/*-primary.xml.gz")
            for line in gzip.decompress(path.read_bytes()).decode().splitlines()
            if "<checksum" in line or "<rpm:entry" in line or "<location" in line
        )
        for directory in (repository / "x86_64", fresh, merged)
    )
    assert len([line for line in ours if "<checksum" in line]) == PACKAGES
    assert ours == theirs == both
