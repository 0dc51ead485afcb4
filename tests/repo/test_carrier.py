"""`paack carrier`: an image in a real registry, from which dnf installs inside a real build."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from paack.helpers.errors import PaackError, PublishError, UsageError
from paack.helpers.progress import Reporter
from paack.helpers.registry.push import Destination, deliver, new_layout, parse_destination
from paack.helpers.repo.carrier import TAG, Carrier, choose, write_carrier
from paack.helpers.repo.publish import Settings
from paack.helpers.repo.repo import make_repo
from tests.repo.conftest import NewDnf
from tests.repo.publisher import Publisher, flip
from tests.support import debian_sid
from tests.support.commands import run
from tests.support.gpg import Gpg, Key
from tests.support.podman import Podman
from tests.support.product import REPOSITORY
from tests.support.registry import Registry
from tests.support.tiny_rpm import Tiny

DEFINITION = """\
packages:
- name: app-containers
  version: 1.2.0
  release: 3
  arches: [x86_64, aarch64]
  images: [docker.io/library/app:1]
"""
APP, LAYERS = "app-containers-1.2.0-3", f"container-layers-{'0123456789ab' * 2}"
CARRIED = {
    arch: [f"{APP}.{arch}.rpm", f"{LAYERS}-1-1.{arch}.rpm"] for arch in ("aarch64", "x86_64")
}
BASE = "localhost/base"


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        yield running


@pytest.fixture(scope="module")
def mine(base: Path, gpg: Gpg, key: Key, registry: Registry) -> Publisher:
    """Who has a signed repository: a package of a definition with its layers, and others."""
    made = Publisher(base / "mine", gpg, key, "")
    made.paack.registries_conf = registry.registries_conf
    made.build(
        Tiny("app-containers", "1.2.0", release="3", requires=[LAYERS]),
        Tiny("app-containers", "1.3.0", requires=[LAYERS]),
        Tiny(LAYERS, "1"),
        Tiny("other", "1", arches=["x86_64"]),
    )
    made.paack.call(*made.repo_words())
    made.paack.define(DEFINITION)
    return made


@pytest.fixture(scope="module")
def pinned(mine: Publisher, registry: Registry) -> str:
    """The carrier in the registry, by its digest."""
    words = ["carrier", "app.yaml", "--output", str(mine.output)]
    done = mine.paack.call(*words, "--to", f"docker://{registry.host}/carrier:1")
    return done.stdout.strip()


def carry(to: Destination, carrier: Carrier, output: Path) -> str:
    """Do what the task does, without its start; return the digest."""
    with new_layout(to, TAG, output) as layout:
        digest = write_carrier(carrier, layout, layout.with_name("metadata"), Reporter())
        deliver(layout, TAG, to, None)
    return digest


class Builder:
    """A host with buildah, and with an image of a root that has dnf: mounted, not copied."""

    def __init__(self, podman: Podman, home: Path) -> None:
        self._podman = podman
        self._home = home
        container = podman.host.run(["buildah", "from", "scratch"]).stdout.strip()
        podman.host.run(["buildah", "commit", "--quiet", "--rm", container, BASE])
        (self._layer,) = podman.graphroot.glob("overlay/*/diff")

    def build(self, directory: Path, dnf: str) -> subprocess.CompletedProcess[str]:
        """Build the Containerfile there, where the program ``dnf`` is called so; no bootc lints."""
        file = directory / "Containerfile"
        file.write_text(file.read_text().replace("RUN bootc container lint\n", "RUN rpm -qa\n"))
        host, overlay = self._podman.host, str(self._podman.graphroot / "overlay")
        # buildah mounts the directory of its layers over itself, and unmounts it afterwards.
        host.run(["mount", "--bind", overlay, overlay])
        layers = f"lowerdir={self._own_files(dnf)}:{debian_sid.root()}"
        host.run(["mount", "--types=overlay", f"--options={layers}", "base", str(self._layer)])
        words = ["buildah", "build", "--isolation=chroot", f"--build-arg=BASE={BASE}"]
        return host.run([*words, f"--tag=localhost/{directory.name}", str(directory)], check=False)

    def _own_files(self, dnf: str) -> Path:
        home = self._home / dnf
        if not home.exists():
            (home / "usr/bin").mkdir(parents=True)
            (home / "usr/bin/dnf").symlink_to(dnf)
            # Debian's own plugin has a repository without a key.
            for plugins in ("plugins", "libdnf5-plugins"):
                (home / "etc/dnf" / plugins).mkdir(parents=True)
                text = "[main]\nname=local\nenabled=0\n"
                (home / "etc/dnf" / plugins / "local.conf").write_text(text)
        return home


@pytest.fixture(scope="module")
def builder(base: Path, registry: Registry) -> Iterator[Builder]:
    shared = [debian_sid.root()]
    with Podman("sid", base, registries_conf=registry.registries_conf, shared=shared) as podman:
        yield Builder(podman, base)


def blueprint(mine: Publisher, pinned: str, *options: str) -> Path:
    """Run `paack blueprint`; return the directory of one Containerfile."""
    words = ["blueprint", "app.yaml", "--carrier", pinned, "--output", str(mine.output)]
    mine.paack.call(*words, *options)
    return mine.output / "blueprints/app/x86_64"


def test_a_build_installs_from_it(mine: Publisher, pinned: str, builder: Builder) -> None:
    done = builder.build(blueprint(mine, pinned), "dnf5")
    assert done.returncode == 0, done.stderr
    installed = done.stdout.partition("RUN rpm -qa")[2].split()
    assert {f"{each}.rpm" for each in installed} >= set(CARRIED["x86_64"])


def test_a_build_with_another_key_fails(
    mine: Publisher, pinned: str, builder: Builder, other_key: Key
) -> None:
    key = mine.paack.home / "key"
    key.write_text(mine.gpg.export(other_key))
    done = builder.build(blueprint(mine, pinned, "--key", str(key)), "dnf-3")
    assert done.returncode != 0
    assert "GPG key" in done.stdout + done.stderr, done
    assert "COMMIT" not in done.stdout


def test_the_other_arch(
    base: Path, mine: Publisher, pinned: str, client: NewDnf, registry: Registry
) -> None:
    image, root = base / "arm64", base / "arm64-root"
    source = ["--override-arch=arm64", "copy", "--quiet", *registry.skopeo_options("src")]
    run(["skopeo", *source, f"docker://{pinned}", f"dir:{image}"])
    root.mkdir()
    for layer in json.loads((image / "manifest.json").read_text())["layers"]:
        blob = image / layer["digest"].removeprefix("sha256:")
        run(["tar", "--extract", "--gzip", "--file", str(blob), "--directory", str(root)])
    key = f"gpgkey=file://{root}/RPM-GPG-KEY-paack"
    there = client(f"[c]\nname=c\nbaseurl=file://{root}\ngpgcheck=1\n{key}\n", arch="aarch64")
    there.run("install", "app-containers")
    assert [f"{each}.rpm" for each in there.installed()] == CARRIED["aarch64"]


def test_the_index_goes_last_and_what_is_there_is_not_sent_again(
    mine: Publisher,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pinned: str,
) -> None:
    puts = [each.path for each in registry.requests() if each.method == "PUT"]
    assert puts[-1] == "/v2/carrier/manifests/1"
    before = len(registry.requests())
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(registry.registries_conf))
    to = parse_destination(f"docker://{registry.host}/carrier:2")
    chosen = choose(mine.output / "repo", "paack", [mine.paack.home / "app.yaml"])
    assert to.pinned(carry(to, chosen, tmp_path)) == pinned
    again = [each for each in registry.requests()[before:] if each.method in ("PUT", "POST")]
    assert [each.path for each in again if "/blobs/" in each.path] == []


def test_the_same_packages_give_the_same_digest(
    mine: Publisher, pinned: str, registry: Registry
) -> None:
    """In another place, by another call; whatever else the repository has got meanwhile."""
    mine.build(Tiny("more", "1", arches=["x86_64"]))
    mine.paack.call(*mine.repo_words())
    to = mine.paack.home / "layout"
    carry(parse_destination(f"oci:{to}"), choose(mine.output / "repo", "paack", []), mine.output)
    # It replaces that one.
    words = ["carrier", "app.yaml", "--output", str(mine.output), "--to", f"oci:{to}", "--json"]
    document = json.loads(mine.paack.call(*words).stdout)
    schema = json.loads((REPOSITORY / "schema/answer.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    digest = pinned.partition("@")[2]
    assert document["result"] == {"where": f"oci:{to}", "digest": digest, "packages": CARRIED}
    assert {path.name for path in to.iterdir()} == {"blobs", "index.json", "oci-layout"}
    assert list(mine.paack.home.glob(".layout*")) == []
    later = [
        *registry.skopeo_options("dest"),
        f"oci:{to}:{TAG}",
        f"docker://{registry.host}/later:1",
    ]
    run(["skopeo", "copy", "--all", "--quiet", *later])
    inspect = ["skopeo", "inspect", "--raw", "--tls-verify=false"]
    seen = json.loads(run([*inspect, f"docker://{registry.host}/later@{digest}"]).stdout)
    assert [each["platform"]["architecture"] for each in seen["manifests"]] == ["arm64", "amd64"]


def test_without_a_definition_all_in_their_newest_version(mine: Publisher) -> None:
    words = ["carrier", "--output", str(mine.output), "--dry-run"]
    said = mine.paack.call(*words).stdout
    assert "would carry x86_64/app-containers-1.3.0-1.x86_64.rpm\n" in said
    assert "would carry x86_64/other-1-1.x86_64.rpm\n" in said
    assert "1.2.0" not in said
    assert not (mine.output / TAG).exists()


def test_packages_that_are_not_there(mine: Publisher, tmp_path: Path) -> None:
    definition = tmp_path / "app.yaml"
    definition.write_text(DEFINITION.replace("1.2.0", "1.2.1"))
    with pytest.raises(
        PublishError, match=r"x86_64: app-containers-1\.2\.1-3, which .* is not there"
    ):
        choose(mine.output / "repo", "paack", [definition])
    with pytest.raises(PublishError, match="there is no repository in"):
        choose(tmp_path, "paack", [definition])
    with pytest.raises(PublishError, match="RPM-GPG-KEY-mine: the public keys are not there"):
        choose(mine.output / "repo", "mine", [])
    Tiny("app-containers", "1", arches=["x86_64"], requires=[LAYERS]).build(tmp_path)
    make_repo(tmp_path, Settings(), Reporter())
    with pytest.raises(PublishError, match=f"needs {LAYERS}, which is not there"):
        choose(tmp_path / "repo", "paack", [])


def test_a_key_that_is_lacking(mine: Publisher, tmp_path: Path, other_key: Key) -> None:
    repository = tmp_path / "repo"
    run(["cp", "--archive", str(mine.output / "repo"), str(repository)])
    (repository / "RPM-GPG-KEY-paack").write_text(mine.gpg.export(other_key))
    with pytest.raises(PublishError, match="lacks keys that signed packages"):
        choose(repository, "paack", [])


def test_a_package_that_was_changed(mine: Publisher, tmp_path: Path) -> None:
    """Nothing appears."""
    repository = tmp_path / "repo"
    run(["cp", "--archive", str(mine.output / "repo"), str(repository)])
    (package,) = repository.glob("x86_64/Packages/*/other-*.rpm")
    flip(package)
    to = parse_destination(f"oci:{tmp_path}/carrier")
    carrier = choose(repository, "paack", [])
    with pytest.raises(PublishError, match=r"has sha256 .* as its metadata says"):
        carry(to, carrier, tmp_path)
    assert not (tmp_path / "carrier").exists()


@pytest.mark.parametrize("there", ["file", "index.json", "oci-layout"])
def test_a_directory_of_others_stays(tmp_path: Path, there: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / there).write_text("{}")
    to = parse_destination(f"oci:{tmp_path}/mine")
    with (
        pytest.raises(PublishError, match="exists, and is no carrier"),
        new_layout(to, TAG, tmp_path),
    ):
        pass
    assert (tmp_path / "mine" / there).read_text() == "{}"


@pytest.mark.parametrize(
    "text",
    [
        *("", "docker", "docker:x", "quay.io/me/carrier:1", "dir:x", "oci:", "oci:dir:tag"),
        *(
            "docker://carrier",
            f"docker://quay.io/me/carrier@sha256:{'0' * 64}",
            "docker://quay.io/Me/x",
        ),
    ],
)
def test_wrong_destinations(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_destination(text)
    assert caught.value.hint


def test_a_push_that_fails(
    mine: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "registries.conf"
    conf.write_text("?")
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(conf))
    to = parse_destination("docker://registry.example.com/carrier:1")
    with pytest.raises(PaackError, match=r"carrier:1: registries\.conf cannot be used") as caught:
        carry(to, choose(mine.output / "repo", "paack", []), tmp_path)
    assert caught.value.exit_code == 6
