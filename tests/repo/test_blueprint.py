"""What `paack blueprint` writes: read by TOML and YAML parsers, podman and dnf."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.publisher import Publisher
from tests.support.commands import run
from tests.support.debian import busybox_rootfs
from tests.support.podman import Podman
from tests.support.product import REPOSITORY
from tests.support.tiny_rpm import Tiny

DEFINITION = """\
packages:
- name: app-containers
  version: 1.2.0
  release: 3
  summary: 'An "app", with 100 % quotes: \\ and ünïcode'
  arches: [x86_64, aarch64]
  images: [docker.io/library/app:1]
- name: gpu-containers
  version: 2.0~rc1
  arches: [x86_64]
  images: [docker.io/library/gpu:2]
"""
URL = "https://repo.example.com/containers"
#: Stands for dnf and bootc in the image that is built: writes down how it was called.
RECORDER = '#!/bin/sh\necho "${0##*/} $*" >> /called\n'


@pytest.fixture
def mine(publisher: NewPublisher) -> Publisher:
    return publisher()


def write(mine: Publisher, *options: str) -> Path:
    """Write blueprints, these and no others; return the directory of arches."""
    shutil.rmtree(mine.output, ignore_errors=True)
    definition = mine.paack.define(DEFINITION)
    words = ("blueprint", "--def", str(definition), "--output", str(mine.output))
    done = mine.paack.call(*words, "--url", URL, *options)
    made = {Path(line) for line in done.stdout.splitlines()}
    directory = mine.output / "blueprints" / "app"
    assert made == {path for path in directory.rglob("*") if path.is_file()}
    return directory


def test_blueprints(mine: Publisher) -> None:
    directory = write(mine)
    blueprint = tomllib.loads((directory / "x86_64" / "blueprint.toml").read_text())
    assert blueprint == {
        "name": "app",
        "description": 'An "app", with 100 % quotes: \\ and ünïcode; '
        "Container images of gpu-containers",
        "version": "0.0.1",
        "packages": [
            {"name": "app-containers", "version": "1.2.0-3"},
            {"name": "gpu-containers", "version": "2.0~rc1-1"},
        ],
    }
    other = tomllib.loads((directory / "aarch64" / "blueprint.toml").read_text())
    assert [package["name"] for package in other["packages"]] == ["app-containers"]


def test_sources(mine: Publisher, tmp_path: Path) -> None:
    source = tomllib.loads((write(mine) / "aarch64" / "source.toml").read_text())
    assert source == {
        "id": "paack",
        "name": "paack",
        "type": "yum-baseurl",
        "url": f"{URL}/aarch64",
        "check_ssl": True,
        "check_gpg": True,
        "check_repogpg": True,
        "system": False,
        "gpgkeys": [f"{URL}/RPM-GPG-KEY-paack"],
    }
    key = tmp_path / "key"
    key.write_text(mine.gpg.export(mine.key))
    directory = write(mine, "--key", str(key), "--name", "mine")
    source = tomllib.loads((directory / "x86_64" / "source.toml").read_text())
    assert (source["id"], source["gpgkeys"]) == ("mine", [key.read_text()])
    source = tomllib.loads((write(mine, "--unsigned") / "x86_64" / "source.toml").read_text())
    assert "gpgkeys" not in source
    assert (source["check_gpg"], source["check_repogpg"]) == (False, False)


def test_make(mine: Publisher, tmp_path: Path) -> None:
    """The make target passes the key on."""
    key = tmp_path / "key"
    key.write_text(mine.gpg.export(mine.key))
    definition = mine.paack.define(DEFINITION)
    words = [f"DEF={definition}", f"URL={URL}", f"KEY={key}", f"OUTPUT={mine.output}"]
    program = f"PAACK={Path(sys.executable).parent / 'paack'}"
    run(["make", "-C", str(REPOSITORY), "-o", "deps", program, "blueprint", *words])
    source = tomllib.loads(
        (mine.output / "blueprints" / "app" / "x86_64" / "source.toml").read_text()
    )
    assert source["gpgkeys"] == [key.read_text()]


def test_treefile(mine: Publisher) -> None:
    directory = write(mine)
    assert yaml.safe_load((directory / "x86_64" / "treefile.yaml").read_text()) == {
        "repos": ["paack"],
        "packages": ["app-containers-1.2.0-3", "gpu-containers-2.0~rc1-1"],
    }
    assert (directory / "x86_64" / "paack.repo").is_file()


def test_containerfile(base: Path, mine: Publisher) -> None:
    """podman builds it; dnf and bootc there write down how they were called."""
    directory = base / "containerfile"
    write(mine).rename(directory)
    tools = base / "tools.tar"
    with tarfile.open(tools, "w") as tar:
        for name in ("bin/dnf", "bin/bootc"):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(RECORDER), 0o755
            tar.addfile(member, io.BytesIO(RECORDER.encode()))
    with Podman("debian12", base, shared=[busybox_rootfs("amd64").parent]) as podman:
        podman.podman("import", "--quiet", str(busybox_rootfs("amd64")), "localhost/base")
        (base / "Containerfile").write_text("FROM localhost/base\nADD tools.tar /\n")
        build = ("build", "--quiet", "--isolation=chroot", "--pull=never")
        podman.podman(*build, "--tag=localhost/bootable", str(base))
        where = directory / "x86_64"
        base_image = "--build-arg=BASE=localhost/bootable"
        podman.podman(*build, base_image, "--tag=localhost/result", str(where))
        said = podman.run("localhost/result", "cat", "/called").stdout
        there = podman.run("localhost/result", "cat", "/etc/yum.repos.d/paack.repo").stdout
    assert said.splitlines() == [
        "dnf -y install app-containers-1.2.0-3 gpu-containers-2.0~rc1-1",
        "dnf clean all",
        "bootc container lint",
    ]
    assert there == (where / "paack.repo").read_text()


def test_what_is_pinned_is_what_dnf_installs(
    base: Path, publisher: NewPublisher, client: NewDnf
) -> None:
    mine = publisher("pinned")
    repository = base / "pinned"
    mine.build(Tiny("app-containers", "1.2.0", release="3"), Tiny("app-containers", "1.3.0"))
    mine.publish(repository)
    definition = mine.paack.define(DEFINITION[: DEFINITION.index("- name: gpu")])
    url = f"{mine.url}/pinned"
    words = ("blueprint", "--def", str(definition), "--output", str(mine.output), "--url", url)
    mine.paack.call(*words)
    directory = mine.output / "blueprints" / "app" / "x86_64"
    (package,) = yaml.safe_load((directory / "treefile.yaml").read_text())["packages"]
    there = client((directory / "paack.repo").read_text())
    there.run("install", package)
    assert there.installed() == ["app-containers-1.2.0-3.x86_64"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no repository is named"),
        (["--url", "not a url"], "not the address"),
        (["--url", URL, "--key", "app.yaml"], "no armored public key"),
        (["--url", URL, "--key", "/proc/self/exe"], "no armored public key"),
        (["--url", URL, "--key", "0123456789ABCDEF"], "a file of public keys"),
    ],
)
def test_wrong_usage(mine: Publisher, options: list[str], said: str) -> None:
    mine.paack.define(DEFINITION)
    done = mine.paack.call("blueprint", "--def", "app.yaml", *options, check=False)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
