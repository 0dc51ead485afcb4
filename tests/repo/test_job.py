"""The publishing job, as cron and CI run it: `make publish-job`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paack.helpers.oci.layout import layout_of
from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.publisher import Publisher, packages, snapshot
from tests.support.product import REPOSITORY

DEFINITION = """\
packages:
- name: hello-containers
  version: 1.0.0
  release: {release}
  license: MIT
  arches: [x86_64, aarch64]
  images: ["oci:./layout:localhost/hello:1.0"]
- name: hello-manifests
  version: 1.0.0
  release: {release}
  license: MIT
  arches: [x86_64, aarch64]
  manifests: ./manifests
"""


@pytest.fixture
def mine(publisher: NewPublisher) -> Publisher:
    """A definition, its images and manifests, and its lock."""
    new = publisher()
    layout_of(REPOSITORY / "images/demo/rootfs", new.home / "layout", ["x86_64", "aarch64"])
    (new.home / "manifests").mkdir()
    (new.home / "manifests" / "hello.yaml").write_text("kind: Namespace\n")
    define(new, 1)
    new.paack.call("lock", "--def", "app.yaml")
    return new


def define(mine: Publisher, release: int) -> None:
    mine.paack.define(DEFINITION.format(release=release))


def job(
    mine: Publisher, to: Path, *options: str, check: bool = True, status: int | None = None
) -> str:
    """Run the job; return what it said."""
    words = ["publish-job", "--def", "app.yaml", "--output", str(mine.output), "--to", str(to)]
    signing = ["--sign", mine.key.fingerprint, "--url", f"{mine.url}/{to.name}"]
    mine.paack.environment.pop("PAACK_QUIET", None)
    done = mine.paack.call(*words, *signing, *options, check=check)
    assert check is (done.returncode == 0)
    assert status in (None, done.returncode)
    return done.stderr


def test_the_job(base: Path, mine: Publisher, client: NewDnf) -> None:
    repository = base / "job"
    assert "rpmbuild" in job(mine, repository)
    definition = str(mine.home / "app.yaml")
    assert mine.verify(repository, "--def", definition).returncode == 0
    there = client((repository / "paack.repo").read_text(), arch="aarch64")
    who = "container-image(localhost/hello:1.0)"
    found = there.run("repoquery", "--whatprovides", who).stdout
    assert "hello-containers-0:1.0.0-1.aarch64" in found
    before = snapshot(repository)
    again = job(mine, repository)
    assert "hello-containers-1.0.0-1.x86_64.rpm is published" in again
    assert "rpmbuild" not in again
    assert snapshot(repository) == before
    shutil.rmtree(mine.output)  # as on the next machine of a CI service
    assert "rpmbuild" not in job(mine, repository)
    assert not mine.output.exists()
    assert snapshot(repository) == before
    define(mine, 2)
    job(mine, repository, "--sources")
    assert packages(repository, "aarch64") == [
        "hello-containers-1.0.0-1.aarch64.rpm",
        "hello-containers-1.0.0-2.aarch64.rpm",
        "hello-manifests-1.0.0-1.noarch.rpm",
        "hello-manifests-1.0.0-2.noarch.rpm",
    ]
    assert packages(repository, "source") == [
        "hello-containers-1.0.0-2.src.rpm",
        "hello-manifests-1.0.0-2.src.rpm",
    ]
    define(mine, 3)
    lacking = mine.verify(repository, "--def", definition)
    assert lacking.returncode == 7
    assert lacking.stderr.count("which") == 4  # two packages, two arches


def test_one_arch_is_missing(base: Path, mine: Publisher) -> None:
    """Only that is built."""
    repository = base / "missing"
    words = ("--def", "app.yaml", "--output", str(mine.output), "--arch", "x86_64")
    mine.paack.call("build", *words)
    mine.publish(repository)
    said = job(mine, repository)
    assert "aarch64-linux" not in said
    assert "hello-containers-1.0.0-1.x86_64.rpm is published" in said
    assert "made    " in said and "hello-containers-1.0.0-1.aarch64.rpm" in said
    assert mine.verify(repository, "--def", str(mine.home / "app.yaml")).returncode == 0


@pytest.mark.parametrize("what", ["manifests", "image", "definition"])
def test_something_else_of_the_same_version(base: Path, mine: Publisher, what: str) -> None:
    """It is refused before it is built."""
    repository = base / f"else-{what}"
    job(mine, repository)
    before = snapshot(repository)
    shutil.rmtree(mine.output)
    if what == "manifests":
        (mine.home / "manifests" / "hello.yaml").write_text("kind: Pod\n")
    elif what == "image":
        rootfs = mine.home / "rootfs"
        shutil.copytree(REPOSITORY / "images/demo/rootfs", rootfs)
        next(path for path in sorted(rootfs.rglob("*")) if path.is_file()).write_text("new\n")
        shutil.rmtree(mine.home / "layout")
        layout_of(rootfs, mine.home / "layout", ["x86_64", "aarch64"])
        mine.paack.call("lock", "--def", "app.yaml", "--update")
    else:
        text = (mine.home / "app.yaml").read_text()
        (mine.home / "app.yaml").write_text(text.replace("license: MIT", "license: Apache-2.0"))
    said = job(mine, repository, check=False)
    assert "is published, made from something else" in said
    assert "raise the release" in said
    assert "rpmbuild" not in said
    assert snapshot(repository) == before


def published_by_hand(mine: Publisher, to: Path) -> None:
    """`make rpm` and `make publish`: what the packages were made from is not published."""
    mine.paack.call("build", "--def", "app.yaml", "--output", str(mine.output))
    mine.publish(to)


def test_what_it_was_made_from_is_not_known(base: Path, mine: Publisher) -> None:
    """Then only building tells, once: other content is refused, the same is the same."""
    repository, manifest = base / "by-hand", mine.home / "manifests" / "hello.yaml"
    published_by_hand(mine, repository)
    before = snapshot(repository)
    manifest.write_text("kind: Pod\n")
    said = job(mine, repository, check=False, status=20)
    assert "/hello-manifests-1.0.0-1.noarch.rpm is published with other content" in said
    assert "raise the release" in said
    assert snapshot(repository) == before
    manifest.write_text("kind: Namespace\n")
    shutil.rmtree(mine.output)
    said = job(mine, repository)
    assert "rpmbuild" in said
    for package in ("containers-1.0.0-1.x86_64", "manifests-1.0.0-1.aarch64"):
        assert f"same    hello-{package}.rpm is published" in said
    before = snapshot(repository)
    shutil.rmtree(mine.output)
    assert "rpmbuild" not in job(mine, repository)
    assert snapshot(repository) == before
    manifest.write_text("kind: Pod\n")
    said = job(mine, repository, check=False, status=20)
    assert "is published, made from something else" in said
    assert "rpmbuild" not in said


def test_what_it_was_made_from_goes_along(base: Path, mine: Publisher) -> None:
    """What a job built, and `make publish` then sent elsewhere, is not built again there."""
    first, second = base / "along-1", base / "along-2"
    job(mine, first)
    mine.publish(second)
    mine.publish(second)  # nothing new, and nothing forgotten
    shutil.rmtree(mine.output)
    assert "rpmbuild" not in job(mine, second)
    (mine.home / "manifests" / "hello.yaml").write_text("kind: Pod\n")
    said = job(mine, second, check=False, status=20)
    assert "is published, made from something else" in said
    assert "rpmbuild" not in said


def test_manifests_for_a_rare_arch(base: Path, mine: Publisher) -> None:
    """A noarch package goes to the arch that the definition names."""
    text = (mine.home / "app.yaml").read_text()
    one = text[: text.index("- name: hello-containers")] + text[text.index("- name: hello-man") :]
    mine.paack.define(one.replace("[x86_64, aarch64]", "[ppc64le]"))
    mine.paack.call("lock", "--def", "app.yaml")
    job(mine, base / "rare")
    assert packages(base / "rare", "ppc64le") == ["hello-manifests-1.0.0-1.noarch.rpm"]


def test_an_old_version_that_would_not_stay(base: Path, mine: Publisher) -> None:
    """It is said."""
    repository = base / "not-staying"
    define(mine, 2)
    job(mine, repository)
    define(mine, 1)
    said = job(mine, repository, "--versions", "1")
    assert "hello-containers-1.0.0-1.x86_64.rpm is not published: newer versions are" in said


def test_without_a_lock(base: Path, mine: Publisher) -> None:
    (mine.home / "app.lock.yaml").unlink()
    words = ["publish-job", "--def", "app.yaml", "--to", str(base / "unlocked")]
    done = mine.paack.call(*words, check=False)
    assert (done.returncode, "there is no lock" in done.stderr) == (4, True)
    assert not (base / "unlocked").exists()


def test_make(base: Path, mine: Publisher, tmp_path: Path) -> None:
    """The make targets pass everything on; the passphrase comes from a descriptor."""
    locked = mine.gpg.key("make", passphrase="open sesame")
    mine.gpg.forget()
    _, env = mine.paack.command()
    secret = tmp_path / "passphrase"
    secret.write_text("open sesame\n")
    program = Path(sys.executable).parent / "paack"
    for target, variables in {
        "publish-job": [f"DEF={mine.home}/app.yaml", f"TO={base}/made", "PASSPHRASE_FD=3"],
        "publish": [f"TO={base}/made", "VERSIONS=1", "KEEP=1", "PASSPHRASE_FD=3"],
    }.items():
        where = [f"OUTPUT={mine.output}", f"URL={mine.url}/made", f"SIGN={locked.fingerprint}"]
        make = ["make", "-C", str(REPOSITORY), "-o", "deps", f"PAACK={program}", target]
        shell = ["sh", "-c", 'exec "$@" 3< "$0"', str(secret), *make, *where, *variables]
        done = subprocess.run(shell, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        mine.gpg.forget()
    assert mine.verify(base / "made", "--key", locked.fingerprint).returncode == 0
