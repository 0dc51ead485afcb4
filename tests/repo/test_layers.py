"""Thin updates by plain dnf: what is downloaded, shared, kept and removed, in bytes on the wire."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf, NewPublisher
from tests.repo.publisher import Publisher, packages, snapshot
from tests.support.commands import run as run_program
from tests.support.dnf import Dnf
from tests.support.packed import files, noise, push
from tests.support.product import REPOSITORY, definition_text
from tests.support.registry import Registry
from tests.support.tiny_rpm import build_spec
from tests.support.web_server import WebServer
from tests.support.workloads import MB, Layer, push_workload

GROUP = "container-layers-"
RUNTIME, APP, OTHER = Layer("runtime", 8 * MB), Layer("app", 3 * MB), Layer("other", 2 * MB)
DEFINITION = """\
packages:
- name: one
  version: '{version}'
  layers: shared
  arches: [x86_64]
  images: [{host}/one:1]
"""
TWO = """\
- name: two
  version: '{two}'
  layers: shared
  arches: [x86_64]
  images: [{host}/two:1]
"""


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        push_workload(running, "two", [OTHER], base)
        yield running


#: What rpm wants of a device; there is none, so no scriptlet can run.
HOST = """\
Name: host
Version: 1
Release: 1
Summary: What a device has
License: MIT
Provides: /bin/sh podman device-mapper
%description
None
%files
"""


@pytest.fixture(scope="module")
def host_repo(base: Path) -> str:
    """A repository with what a device has."""
    directory = base / "host"
    (directory / "build").mkdir(parents=True)
    build_spec(HOST, "x86_64", directory, directory / "build")
    run_program(["createrepo_c", "--quiet", str(directory)])
    return f"[host]\nname=host\nbaseurl=file://{directory}\ngpgcheck=0\n"


Publish = Callable[..., str]


@pytest.fixture
def publish(base: Path, registry: Registry) -> Publish:
    """Lock anew, build and publish what is not published; return what was said."""

    def run(
        mine: Publisher, version: str, *more: str, two: str = "1", app: str = "1", name: str
    ) -> str:
        push_workload(registry, "one", [RUNTIME, Layer("app", 3 * MB, app)], base)
        mine.paack.registries_conf = registry.registries_conf
        text = (DEFINITION + TWO).format(version=version, two=two, host=registry.host)
        mine.paack.define(text)
        mine.paack.environment.pop("PAACK_QUIET", None)
        words = ["lock", "--def", "app.yaml", "--update"]
        words += ["publish-job", "--def", "app.yaml", "--output", str(mine.output)]
        words += ["--to", str(base / name), "--url", f"{mine.url}/{name}"]
        return mine.paack.call(*words, "--sign", mine.key.fingerprint, *more).stderr

    return run


def downloads(web: WebServer, base: Path, client: Dnf, *words: str) -> dict[str, int]:
    """Run dnf; return the bytes of each file that it downloaded from the web."""
    before = len(web.requests)
    client.run(*words, "--setopt=tsflags=noscripts")
    asked = [path for path, status in web.requests[before:] if status == 200]
    return {path: (base / path.lstrip("/")).stat().st_size for path in asked}


def rpms(found: dict[str, int]) -> dict[str, int]:
    return {path.rpartition("/")[2]: size for path, size in found.items() if ".rpm" in path}


def groups(client: Dnf) -> list[str]:
    return [name for name in client.installed() if name.startswith(GROUP)]


@pytest.mark.parametrize("kind", ["dnf", "dnf5"])
def test_an_update_downloads_the_layer_that_changed(
    base: Path,
    publisher: NewPublisher,
    publish: Publish,
    client: NewDnf,
    web: WebServer,
    host_repo: str,
    kind: str,
) -> None:
    mine, name = publisher(kind), f"job-{kind}"
    publish(mine, "1", name=name)
    device = client(host_repo + (base / name / "paack.repo").read_text(), kind)
    first = rpms(downloads(web, base, device, "install", "one", "two"))
    # Base, runtime, app, other; both packages, and the program that both need
    assert len(first) == 7
    assert len(groups(device)) == 4

    publish(mine, "2", app="2", name=name)
    found = downloads(web, base, device, "upgrade")
    update = rpms(found)
    assert [each for each in update if not each.startswith(GROUP)] == ["one-2-1.x86_64.rpm"]
    assert len(update) == 2
    total, layer = sum(found.values()), 3 * MB
    assert layer < total < layer * 1.05, found

    # What nothing needs any more goes
    assert len(groups(device)) == 5
    downloads(web, base, device, "autoremove")
    assert len(groups(device)) == 4
    downloads(web, base, device, "remove", "two")
    assert "one-2-1.x86_64" in device.installed()
    assert len(groups(device)) == 3
    # And back: the old layer is downloaded again
    again = rpms(downloads(web, base, device, "downgrade", "one"))
    assert sorted(each.startswith(GROUP) for each in again) == [False, True]
    assert "one-1-1.x86_64" in device.installed()


@pytest.mark.parametrize("kind", ["dnf", "dnf5"])
def test_a_rebuilt_base_downloads_the_contents_that_changed(
    base: Path,
    registry: Registry,
    publisher: NewPublisher,
    client: NewDnf,
    web: WebServer,
    host_repo: str,
    kind: str,
) -> None:
    """With packs: every layer is new, and every time, and next to no content."""
    mine, name = publisher(kind), f"packed-{kind}"
    mine.paack.registries_conf = registry.registries_conf
    site = ["--to", str(base / name), "--url", f"{mine.url}/{name}"]
    system = files("usr/lib/", 60, 100_000)
    app = files("opt/", 5, 100_000)

    def release(version: str, old: dict[str, bytes], new: dict[str, bytes], mtime: int) -> None:
        image = push(registry, name, system | old, app | new, mtime=mtime)
        text = definition_text("one", [image], version=f"'{version}'", layers="packed")
        mine.paack.define(text)
        packs = ["--packs-from", f"{mine.url}/{name}"] if (base / name).exists() else []
        words = ["lock", "--def", "app.yaml", "--update", *packs]
        words += ["publish-job", "--def", "app.yaml", "--output", str(mine.output), *site]
        mine.paack.call(*words, "--sign", mine.key.fingerprint)

    release("1", {}, {}, 1_600_000_000)
    device = client(host_repo + (base / name / "paack.repo").read_text(), kind)
    first = rpms(downloads(web, base, device, "install", "one"))
    assert len(first) == 3
    changed = {each: noise(f"{each}b", 100_000) for each in ("usr/lib/3", "usr/lib/7")}
    release("2", changed, {"opt/new": noise("new", 100_000)}, 1_700_000_000)
    found = downloads(web, base, device, "upgrade")
    update = rpms(found)
    assert sorted(each.startswith("container-pack-") for each in update) == [False, True]
    # Beside the contents: two RPM headers, the index, what is to put the layers together again
    assert 300_000 < sum(found.values()) < 300_000 + 86_000, found
    assert sum(first.values()) > 6_500_000
    there = [each for each in device.installed() if each.startswith("container-pack-")]
    assert len(there) == 2
    # The archive of packs is the repository: all else may be lost.
    shutil.rmtree(mine.paack.cache)
    shutil.rmtree(mine.output)
    release("3", changed, {"opt/new": noise("newer", 100_000)}, 1_700_000_000)
    update = rpms(downloads(web, base, device, "upgrade"))
    assert sorted(each.startswith("container-pack-") for each in update) == [False, True]
    downloads(web, base, device, "remove", "one")
    assert [each for each in device.installed() if each.startswith("container-pack-")] == []


def test_what_is_published_is_neither_built_nor_uploaded_again(
    base: Path, publisher: NewPublisher, publish: Publish
) -> None:
    mine = publisher()
    publish(mine, "1", name="again")
    repository = base / "again"
    # The program is for any arch, and where packages are that need it
    assert not (repository / "aarch64").exists()
    before = snapshot(repository)
    there = set(packages(repository))
    assert sum(each.startswith(GROUP) for each in there) == 4
    # Another machine, with nothing but the definition and its lock
    other = publisher("other")
    (other.home / "app.lock.yaml").write_text((mine.home / "app.lock.yaml").read_text())
    said = publish(other, "1", name="again")
    assert "rpmbuild" not in said
    assert snapshot(repository) == before
    said = publish(other, "2", app="2", name="again")
    new = set(packages(repository)) - there
    assert len(new) == 2
    made = {path.name for path in other.output.rglob("rpms/*/*.rpm")}
    assert made == {*new}, said
    assert other.verify(repository).returncode == 0


def test_layers_stay_as_they_were_published(
    base: Path, publisher: NewPublisher, publish: Publish
) -> None:
    """Built with other tools they differ, and nobody needs the others."""
    mine = publisher()
    publish(mine, "1", name="stay")
    before = snapshot(base / "stay")
    other = publisher("other", key=mine.key)
    other.paack.environment["PYTHONPATH"] = f"{tools(other.home)}:{REPOSITORY}"
    (other.home / "app.lock.yaml").write_text((mine.home / "app.lock.yaml").read_text())
    publish(other, "2", two="2", name="elsewhere")
    assert all(
        there.read_bytes() != here.read_bytes()
        for there in base.glob(f"stay/x86_64/Packages/*/{GROUP}*.rpm")
        for here in other.output.glob(f"rpms/*/{there.name}")
    )
    other.publish(base / "stay")
    new = set(packages(base / "stay")) - {Path(each).name for each in before}
    assert new == {"one-2-1.x86_64.rpm", "two-2-1.x86_64.rpm"}
    assert other.verify(base / "stay").returncode == 0


def tools(home: Path) -> Path:
    """Return a directory with modules for PYTHONPATH, by which zstd compresses in another way."""
    directory = home / "modules"
    directory.mkdir()
    module = "import zstandard\nplain = zstandard.ZstdCompressor\n"
    module += "zstandard.ZstdCompressor = lambda **_: plain(level=1)\n"
    (directory / "sitecustomize.py").write_text(module)
    return directory


def test_old_layers_go_with_the_last_version_that_needs_them(
    base: Path, publisher: NewPublisher, publish: Publish
) -> None:
    mine = publisher()
    publish(mine, "1", "--sources", name="versions")
    publish(mine, "2", "--sources", app="2", name="versions")
    repository = base / "versions"
    for directory in ("x86_64", "source"):
        assert listed(mine, repository, directory) == 5 + 1 + 3
    mine.publish(repository, "--versions", "1")
    for directory in ("x86_64", "source"):
        assert listed(mine, repository, directory) == 4 + 1 + 2
    assert mine.verify(repository).returncode == 0


def test_published_bytes_stay_whoever_signed_others(
    base: Path, publisher: NewPublisher, publish: Publish
) -> None:
    """In a repository that is not signed, a signature does not make other bytes better."""
    mine, other = publisher(), publisher("other")
    publish(mine, "1", name="signed-1")
    shutil.rmtree(mine.output / "repo")
    mine.publish(base / "plain", sign=False)
    before = bytes_of_layers(base / "plain")
    other.paack.environment["PYTHONPATH"] = f"{tools(other.home)}:{REPOSITORY}"
    (other.home / "app.lock.yaml").write_text((mine.home / "app.lock.yaml").read_text())
    publish(other, "2", two="2", name="signed-2")
    shutil.rmtree(other.output / "repo")
    values = (f"__gpg {shutil.which('gpg')}", f"_gpg_name {other.key.fingerprint}")
    defines = [word for value in values for word in ("--define", value)]
    built = [str(path) for path in other.output.glob(f"rpms/*/{GROUP}*.rpm")]
    run_program(["rpmsign", "--resign", *defines, *built], env=other.paack.environment)
    other.publish(base / "plain", sign=False)
    assert "two-2-1.x86_64.rpm" in packages(base / "plain")
    assert bytes_of_layers(base / "plain") == before
    # Those that were published had a signature: the same ones, signed anew, add nothing
    built = [str(path) for path in mine.output.glob(f"rpms/*/{GROUP}*.rpm")]
    run_program(["rpmsign", "--resign", *defines, *built], env=mine.paack.environment)
    shutil.rmtree(mine.output / "repo")
    mine.publish(base / "plain", sign=False)
    assert bytes_of_layers(base / "plain").keys() == before.keys()


def bytes_of_layers(repository: Path) -> dict[str, bytes]:
    found = repository.glob(f"x86_64/Packages/*/{GROUP}*.rpm")
    return {str(path.relative_to(repository)): path.read_bytes() for path in found}


def test_packages_are_not_published_without_their_layers(
    base: Path, publisher: NewPublisher, publish: Publish
) -> None:
    mine = publisher()
    publish(mine, "1", name="lacking")
    for path in mine.output.rglob(f"{GROUP}*.rpm"):
        path.unlink()
    shutil.rmtree(base / "lacking")
    done = mine.publish(base / "lacking", check=False)
    assert done.returncode == 20
    assert said_missing(done.stderr) == 3 + 2
    assert "hint: once more: publish-job builds layers" in done.stderr
    assert packages(base / "lacking") == []
    # In the repository of what was built they may lack, and verify says so
    done = mine.verify(mine.output / "repo")
    assert done.returncode == 7
    assert said_missing(done.stderr) == 3 + 2


def said_missing(said: str) -> int:
    lines = [
        line
        for line in said.splitlines()
        if ": needs container-layers-" in line and not line.startswith("not published: ")
    ]
    assert all(line.endswith(", which is not there") for line in lines)
    return len(lines)


def test_layers_that_go_while_a_job_builds(
    base: Path, publisher: NewPublisher, publish: Publish
) -> None:
    """The job saw them, and did not build them; another publisher removes them meanwhile."""
    mine, other = publisher(), publisher("other")
    publish(mine, "1", name="race")
    publish(mine, "2", app="2", name="race")
    words = [*mine.repo_words(), *mine.publish_words(base / "race", "--versions", "1")]
    command, env = mine.paack.command(*words)
    directory = other.home / "bin"
    directory.mkdir()
    wrapper, log = directory / "rpmbuild", other.home / "pruned"
    pruning = shlex.join(["env", *(f"{key}={value}" for key, value in env.items()), *command])
    wrapper.write_text(
        f"#!/bin/bash\ncd {mine.home}\n[ -e {log} ] || {pruning} >{log} 2>&1\n"
        'cd "$OLDPWD"\nexec /usr/bin/rpmbuild "$@"\n'
    )
    wrapper.chmod(0o755)
    other.paack.environment["PATH"] = f"{directory}:/usr/sbin:/usr/bin:/sbin:/bin"
    with pytest.raises(AssertionError) as caught:
        publish(other, "3", name="race")
    assert said_missing(str(caught.value)) == 1, log.read_text()
    assert "one-3-1.x86_64.rpm" not in packages(base / "race")
    publish(other, "3", name="race")
    assert "one-3-1.x86_64.rpm" in packages(base / "race")
    assert other.verify(base / "race").returncode == 0


def listed(mine: Publisher, repository: Path, directory: str) -> int:
    """Return how many packages the metadata lists."""
    said = mine.verify(repository).stdout
    count = next(line for line in said.splitlines() if line.startswith(f"{directory}: "))
    return int(count.split()[1])
