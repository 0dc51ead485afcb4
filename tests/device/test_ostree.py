"""RPMs that rpm-ostree can import, scriptlets in its sandbox, and a real commit of ostree."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.device.device import Device
from tests.device.packages import APP, EROFS, OTHER, Packages
from tests.support.commands import run
from tests.support.tree import Tree, diff_trees, read_tree

STORE = f"/usr/lib/container-images/{APP}"
CRIO_CONF = f"etc/crio/crio.conf.d/50-{APP}.conf"
PODMAN_CONF = f"usr/share/containers/storage.rootful.conf.d/50-{APP}.conf"
PINNED = "etc/crio/crio.conf.d/99-paack-pinned-images.conf"
#: Scriptlets that paack has. rpm-ostree refuses Lua and triggers, and never runs %preun, %postun.
SCRIPTLETS = {"postinstall", "preuninstall", "postuninstall", "posttrans"}
OBJECT = "/usr/share/object"
ORIGINAL = """[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""
# As rpm-ostree runs scriptlets: no systemd, /var for reading, an empty /run, hardly a capability
SANDBOX = [
    *["bwrap", "--bind", "@ROOT/usr", "/usr", "--bind", "@ROOT/etc", "/etc"],
    *["--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"],
    *["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"],
    *[
        "--ro-bind",
        "@ROOT/var",
        "/var",
        "--tmpfs",
        "/var/tmp",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/run",
    ],
    *["--proc", "/proc", "--dev", "/dev", "--unshare-all", "--die-with-parent"],
    *["--cap-drop", "ALL", "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_DAC_OVERRIDE"],
    *["--cap-add", "CAP_FOWNER", "--cap-add", "CAP_FSETID", "--clearenv"],
    *["--setenv", "PATH", "/usr/sbin:/usr/bin", "--setenv", "SYSTEMD_OFFLINE", "1", "--"],
]


@pytest.fixture(params=[(APP, "1.0"), (APP, "2.0"), (OTHER, "1.0"), (EROFS, "1.0")], ids=str)
def rpm(request: pytest.FixtureRequest, packages: Packages) -> Path:
    name, version = request.param
    return packages.rpms[name, version]


def test_libarchive_reads_it(rpm: Path) -> None:
    """rpm-ostree imports RPMs with libarchive; it drops devices and stops at unknown owners."""
    names = run(["bsdtar", "--list", "--file", str(rpm)]).stdout.splitlines()
    assert {name.split("/")[1] for name in names} == {"usr", "etc"}
    for line in run(["bsdtar", "--list", "--verbose", "--file", str(rpm)]).stdout.splitlines():
        mode, _, owner, group = line.split()[:4]
        assert (owner, group) == ("0", "0")
        assert mode in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx")


def test_rpm_ostree_takes_its_scriptlets(rpm: Path) -> None:
    said = run(["rpm", "--query", "--package", "--scripts", str(rpm)]).stdout.splitlines()
    headers = [line for line in said if " scriptlet (using " in line]
    assert {line.split()[0] for line in headers} == SCRIPTLETS
    assert all(line.endswith(" scriptlet (using /bin/sh):") for line in headers)
    for kind in ("--triggers", "--filetriggers"):
        assert run(["rpm", "--query", "--package", kind, str(rpm)]).stdout == ""
    for tag in ("PREIN", "PRETRANS", "PREUNTRANS", "POSTUNTRANS", "VERIFYSCRIPT"):
        query = ["rpm", "--query", "--package", f"--queryformat=%|{tag}?{{there}}|", str(rpm)]
        assert run(query, check=False).stdout == "", tag


@pytest.fixture(scope="module")
def composed(packages: Packages) -> Iterator[Device]:
    """A device that is off; the package is in its root the way rpm-ostree puts it there."""
    with Device("debian13", packages, on=False) as device:
        device.prepare("/etc/containers/storage.conf", ORIGINAL)
        # ostree's objects are hard links: what is written in place is written to all of them
        device.run_beside(["ln", "@ROOT/etc/containers/storage.conf", f"@ROOT{OBJECT}"])
        rpm = packages.v1
        device.run_beside(["bsdtar", "-x", "--file", rpm, "--directory", "@ROOT"])
        for tag in ("POSTIN", "POSTTRANS"):
            script = run(["rpm", "-qp", f"--queryformat=%{{{tag}}}", rpm]).stdout
            done = device.run_beside([*SANDBOX, "sh", "-c", script, "sh", "1"])
            assert (done.stdout, done.stderr) == ("", "")
        yield device


def test_scriptlets_in_the_sandbox(composed: Device) -> None:
    written = composed.written
    listed = f'additionalimagestores = ["{STORE}"] # added by paack'
    assert listed in (written / "etc/containers/storage.conf").read_text()
    assert (written / OBJECT[1:]).read_text() == ORIGINAL
    for path in (CRIO_CONF, PODMAN_CONF):
        assert STORE in (written / path).read_text()
    assert (written / PINNED).exists()
    assert not (written / "run").exists()


def test_commit(composed: Device, packages: Packages, tmp_path: Path) -> None:
    tree, repository, checkout = tmp_path / "tree", tmp_path / "repository", tmp_path / "checkout"
    shutil.copytree(composed.written / "usr", tree / "usr", symlinks=True)
    for directory in ("crio", "containers"):
        etc = tree / "usr/etc" / directory
        shutil.copytree(composed.written / "etc" / directory, etc, symlinks=True)
    ostree = ["ostree", f"--repo={repository}"]
    run([*ostree, "init", "--mode=bare"])
    run([*ostree, "config", "set", "core.fsync", "false"])
    run([*ostree, "commit", "--branch=device", f"--tree=dir={tree}"])
    run([*ostree, "checkout", "device", str(checkout)])
    assert diff_trees(kept(read_tree(tree)), kept(read_tree(checkout))) == []

    with Device("debian13", packages, on=False) as device:
        device.run_beside(["cp", "--archive", f"{checkout}/usr", "@ROOT/"])
        device.run_beside(["cp", "--archive", f"{checkout}/usr/etc", "@ROOT/"])
        device.switch_on()
        device.run(["mount", "--bind", "/usr", "/usr"])
        device.run(["mount", "--options=remount,bind,ro", "/usr"])
        assert device.names() == {packages.image("app:1"), packages.image("common:1")}
        assert device.name_in(packages.image("app:1")) == "app:1"
        assert device.crio_log() == [f"start {STORE}"]


def kept(tree: Tree) -> Tree:
    """Return what ostree keeps of a tree: no times, and hard links are its own affair."""
    return {
        path: replace(record, mtime=None, links=None, twin=None) for path, record in tree.items()
    }
