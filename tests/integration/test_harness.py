"""The test harness itself: does it show what the other tests rely on?"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from tests.support import debian13
from tests.support.commands import run
from tests.support.debian import (
    ARCHES,
    busybox_rootfs,
    debian_rootfs,
    push_multiarch,
    text_layer,
)
from tests.support.host import Host
from tests.support.image_directory import Compression, Digests
from tests.support.podman import KINDS, Kind, Podman
from tests.support.registry import Registry
from tests.support.rights import need_root
from tests.support.thorough import only_thorough
from tests.support.tree import ROOT, Tree, diff_trees, read_tree

PING_CAPABILITY = b"\x01\x00\x00\x02\x00\x20" + bytes(14)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all hosts of this module see."""
    return tmp_path_factory.mktemp("harness")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    """A plain registry."""
    with Registry(base) as running:
        yield running


@pytest.fixture(scope="module")
def app(registry: Registry, base: Path) -> Digests:
    """`app:1`: busybox and a layer that adds a file and deletes another."""
    top = text_layer(base / "top.tar", {"etc/motd": "hello\n"}, deleted=["etc/group"])
    images = {arch: [busybox_rootfs(arch), top] for arch in ARCHES}
    return push_multiarch(registry, "app", "1", images)


@pytest.fixture(scope="module")
def debian(registry: Registry) -> Digests:
    """`debian:13`: a root with capabilities and many owners."""
    images = {arch: [debian_rootfs(arch)] for arch in ARCHES}
    return push_multiarch(registry, "debian", "13", images, media_types="docker")


@pytest.fixture(params=KINDS)
def podman(request: pytest.FixtureRequest, base: Path, registry: Registry) -> Iterator[Podman]:
    """Both podmans, one after the other, with empty storage."""
    kind: Kind = request.param
    with Podman(kind, base, registries_conf=registry.registries_conf) as host:
        yield host


def trees(base: Path, registry: Registry, image: str, *options: str) -> list[Tree]:
    """Pull `image` with every podman and return what its containers see."""
    seen = []
    for kind in KINDS:
        with Podman(kind, base, registries_conf=registry.registries_conf) as podman:
            podman.podman("pull", "--quiet", *options, f"docker://{registry.host}/{image}")
            seen.append(podman.tree(f"{registry.host}/{image}"))
    return seen


@pytest.mark.parametrize(
    ("kind", "version"), [("debian12", "4.3."), ("debian13", "5.4."), ("sid", "5.8.")]
)
def test_podman_versions(base: Path, kind: Kind, version: str) -> None:
    with Podman(kind, base) as podman:
        reported = podman.podman("version", "--format={{.Client.Version}}").stdout
    assert reported.startswith(version)


def test_both_podmans_run_a_pulled_image(podman: Podman, registry: Registry, app: Digests) -> None:
    image = f"{registry.host}/app"
    podman.podman("pull", "--quiet", f"docker://{image}:1")
    for name in (f"{image}:1", f"{image}@{app.list}", f"{image}@{app.per_arch['amd64']}"):
        assert podman.run(name, "cat", "/etc/motd").stdout == "hello\n"
    assert podman.run(f"{image}:1", "cat", "/etc/group", check=False).returncode == 1


def test_a_detached_container_dies_with_its_host(
    base: Path, registry: Registry, app: Digests
) -> None:
    with Podman("debian12", base, registries_conf=registry.registries_conf) as podman:
        podman.podman("pull", "--quiet", f"docker://{registry.host}/app:1")
        podman.run(f"{registry.host}/app:1", "sleep", "1000", options=["--detach"])
        assert "sleep 1000" in podman.podman("ps", "--format={{.Command}}").stdout
    assert not podman.home.exists()


@only_thorough
@pytest.mark.parametrize("arch", ARCHES)
def test_podmans_agree_on_a_debian_root(
    base: Path, registry: Registry, debian: Digests, arch: str
) -> None:
    old, new = trees(base, registry, "debian:13", f"--arch={arch}")
    assert diff_trees(old, new) == []
    assert old[b"usr/bin/ping"].xattrs == (("security.capability", PING_CAPABILITY),)
    assert (old[b"usr/bin/chage"].gid, old[b"usr/bin/chage"].mode) == (42, 0o2755)
    assert old[b"var/local"].uid == 1_000_620_000
    assert old[b"usr/bin/perl"].links == 2
    assert len(old) > 1000


def test_podmans_agree_on_the_app(base: Path, registry: Registry, app: Digests) -> None:
    old, new = trees(base, registry, "app:1")
    assert diff_trees(old, new) == []
    assert old[b"bin/sh"].twin == old[b"bin/busybox"].twin
    assert b"etc/group" not in old


@pytest.mark.parametrize("compression", get_args(Compression))
def test_layers_arrive_as_they_were_written(
    podman: Podman, registry: Registry, compression: Compression
) -> None:
    images = {arch: [busybox_rootfs(arch)] for arch in ARCHES}
    digests = push_multiarch(registry, "layers", compression, images, compression=compression)
    image = f"{registry.host}/layers"
    podman.podman("pull", "--quiet", f"docker://{image}:{compression}")
    assert podman.run(f"{image}@{digests.list}", "echo", "alive").stdout == "alive\n"


def test_registry_logs_requests(registry: Registry, app: Digests, base: Path) -> None:
    before = len(registry.requests())
    source = f"docker://{registry.host}/app@{app.list}"
    copy = ["skopeo", "copy", "--all", *registry.skopeo_options("src")]
    run([*copy, source, f"dir:{base / 'copy'}"])
    requests = registry.requests()[before:]
    assert {(one.method, one.status) for one in requests} == {("GET", 200)}
    assert any(one.path.endswith(app.list) for one in requests)
    assert sum(one.size for one in requests) > 1_000_000


def test_registry_with_tls_and_users(base: Path) -> None:
    layer = text_layer(base / "tls.tar", {"hello": "hello\n"})
    with Registry(base, users={"ada": "s3cret"}, tls=True, delete=True) as registry:
        push_multiarch(registry, "secret", "1", {"amd64": [layer]})
        reference = f"docker://{registry.host}/secret:1"
        trusting = [f"--cert-dir={registry.certificates}"]
        inspect = ["skopeo", "inspect", "--raw"]
        login = [f"--authfile={registry.authfile('ada', 's3cret')}"]
        wrong = [f"--authfile={registry.authfile('ada', 'wrong')}"]
        assert run([*inspect, *trusting, *login, reference]).returncode == 0
        for options in (trusting, [*trusting, *wrong], login):
            assert run([*inspect, *options, reference], check=False).returncode != 0
        address = registry.host
        registry.stop()
        assert run([*inspect, *trusting, *login, reference], check=False).returncode != 0
        registry.start()
        assert registry.host == address
        run(["skopeo", "delete", *trusting, *login, reference])


def test_a_host_keeps_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    with Host(debian13.root(), shared=[tmp_path]) as host:
        host.run(["touch", "/etc/spoilt", str(tmp_path / "kept")])
        assert host.outside(Path("/etc/spoilt")).exists()
        assert host.run(["sleep", "60"], check=False, timeout=1).returncode != 0
    assert (tmp_path / "kept").exists()
    assert not (debian13.root() / "etc" / "spoilt").exists()
    assert Path("/proc/self/mounts").read_text() == mounts
    assert debian13.run_in_root(["mkfs.erofs", "--version"]).stdout.startswith("mkfs.erofs")


def test_trees_tell_every_kind_of_difference(tmp_path: Path) -> None:
    need_root("only root makes devices")
    subprocess.run(["mknod", str(tmp_path / "device"), "c", "1", "3"], check=True)
    (tmp_path / "odd \n%[*").write_text("a")
    (tmp_path / "link").symlink_to("nowhere")
    tree = read_tree(tmp_path)
    assert set(tree) == {ROOT, b"device", b"odd \n%[*", b"link"}
    assert tree[b"device"].device == (1, 3)
    assert tree[b"link"].target == b"nowhere"
    changed = {
        **tree,
        b"device": replace(tree[b"device"], mode=0o600),
        b"link": replace(tree[b"link"], xattrs=(("user.a", b"b"),)),
        b"new": tree[b"device"],
    }
    del changed[b"odd \n%[*"]
    assert diff_trees(tree, tree) == []
    assert diff_trees(tree, changed) == [
        "'device': mode should be 0o644, is 0o600",
        "'link': xattrs should be (), is (('user.a', b'b'),)",
        "'new': only in the actual tree (character device)",
        "'odd \\n%[*': missing in the actual tree (file)",
    ]
