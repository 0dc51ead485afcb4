"""verify --against: a real registry is asked again for what was locked; or nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.debian import push_multiarch, text_layer
from tests.support.hostile_registry import HostileRegistry
from tests.support.image_directory import Arch, Digests
from tests.support.product import Paack, definition_text
from tests.support.registry import Registry
from tests.unit.images import small_layer

ARCHES: tuple[Arch, ...] = ("amd64", "arm64")


class Origin:
    """A registry with two images for two arches, and the RPMs of these."""

    def __init__(self, base: Path, registry: Registry) -> None:
        self.base, self.registry = base, registry
        self.pushed = {name: self.push(name, f"{name}\n") for name in ("app", "other")}
        self.paack = Paack(base, registry.registries_conf)
        images = [f"{registry.host}/{name}:1" for name in self.pushed]
        text = definition_text("app", images, arches=("x86_64", "aarch64"))
        self.rpms = self.paack.build(self.paack.define(text))

    def push(self, name: str, text: str) -> Digests:
        layer = text_layer(self.base / f"{name}.tar", {"etc/motd": text})
        return push_multiarch(self.registry, name, "1", {arch: [layer] for arch in ARCHES})

    def delete(self, name: str, digest: str) -> None:
        """Delete a manifest, and all tags on it."""
        where = f"docker://{self.registry.host}/{name}@{digest}"
        command = ["skopeo", "delete", "--tls-verify=false", where]
        run(command, env=MINIMAL_ENVIRONMENT)

    def verify(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.paack.call(
            "verify",
            *map(str, self.rpms),
            *options,
            "--output",
            str(self.paack.output),
            check=False,
        )


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    with Registry(tmp_path, delete=True) as registry:
        yield Origin(tmp_path, registry)


def test_all_is_still_there(origin: Origin) -> None:
    requests = len(origin.registry.requests())
    done = origin.verify("--against", "registry")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["as locked, not signed"] * 2
    digests = {each.list for each in origin.pushed.values()} | {
        digest for each in origin.pushed.values() for digest in each.per_arch.values()
    }
    asked = {each.path.rpartition("/")[2] for each in origin.registry.requests()[requests:]}
    assert digests | {"1"} <= asked
    origin.registry.stop()
    assert origin.verify().returncode == 0  # asks nobody, as long as the cache has all


def test_a_tag_that_moved_is_only_said(origin: Origin) -> None:
    new = origin.push("app", "new\n")
    old = origin.pushed["app"]
    done = origin.verify("--against", "registry")
    assert done.returncode == 0, done.stderr
    for arch in ("x86_64", "aarch64"):
        line = (
            f"  {origin.registry.host}/app:1 ({arch}): the tag 1 has moved: it is now {new.list}, "
            f"locked is {old.list}"
        )
        assert line in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 4


def test_what_is_gone(origin: Origin) -> None:
    gone = origin.pushed["app"]
    for digest in (gone.list, gone.per_arch["arm64"]):
        origin.delete("app", digest)
    done = origin.verify("--against", "registry")
    assert done.returncode == 7, done.stderr
    assert done.stdout == ""  # the list is of both
    name = f"{origin.registry.host}/app"
    lines = re.findall(r"^  \S+ \(\w+\): sha256:.*$", done.stderr, re.M)
    assert sorted(lines) == sorted(
        f"  {name}:1 ({arch}): {digest} is no longer in {name}"
        for arch, digest in (
            ("x86_64", gone.list),
            ("aarch64", gone.list),
            ("aarch64", gone.per_arch["arm64"]),
        )
    )
    assert "Traceback" not in done.stderr


def test_a_registry_that_cannot_be_reached(origin: Origin) -> None:
    origin.registry.stop()
    done = origin.verify("--against", "registry")
    assert done.returncode == 6
    assert f"{origin.registry.host} cannot be reached" in done.stderr
    assert "  hint: " in done.stderr


def test_against_the_cache_nothing_is_fetched(origin: Origin) -> None:
    requests = len(origin.registry.requests())
    assert origin.verify("--against", "cache").returncode == 0
    digest = origin.pushed["app"].per_arch["arm64"]
    (origin.paack.cache / "blobs" / digest.replace(":", "/")).unlink()
    done = origin.verify("--against", "cache")
    assert done.returncode == 6
    assert f"(aarch64): the cache lacks {digest}" in done.stderr
    assert len(origin.registry.requests()) == requests
    assert origin.verify().returncode == 0
    assert len(origin.registry.requests()) > requests


def test_against_what(origin: Origin) -> None:
    done = origin.verify("--against", "nothing")
    assert done.returncode == 2
    assert "  hint: --against registry, or cache" in done.stderr


def test_a_registry_that_has_other_bytes(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_image(layout, "1", [ImageSpec("x86_64", [small_layer("a")])])
    with HostileRegistry(layout) as registry:
        paack = Paack(tmp_path, registry.registries_conf)
        (rpm,) = paack.build(paack.define(definition_text("app", [f"{registry.host}/app:1"])))
        lock = (tmp_path / "app.lock.yaml").read_text()
        digest = re.findall(r"manifest: (sha256:\w+)", lock)[0]
        registry.change.add(digest)
        done = paack.call("verify", str(rpm), "--against", "registry", check=False)
    assert done.returncode == 7, done.stderr
    assert f"the registry sent other bytes than {digest}" in done.stderr


def test_a_layout_on_this_machine(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_image(layout, "localhost/app:1", [ImageSpec("x86_64", [small_layer("a")])])
    paack = Paack(tmp_path)
    source = f"oci:{layout}:localhost/app:1"
    (rpm,) = paack.build(paack.define(definition_text("app", [source])))
    verify = ("verify", str(rpm), "--against", "registry")
    assert paack.call(*verify).stdout.endswith(": as locked, not signed\n")
    write_image(layout, "localhost/app:1", [ImageSpec("x86_64", [small_layer("b")])])
    done = paack.call(*verify, check=False)
    assert done.returncode == 7
    assert re.search(rf"{re.escape(source)} \(x86_64\): it is now sha256:\w+, locked", done.stderr)
    shutil.rmtree(layout)
    done = paack.call(*verify, check=False)
    assert done.returncode == 7
    assert f"{source} (x86_64): it is gone" in done.stderr
