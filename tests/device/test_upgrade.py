"""Upgrade and downgrade while a container of the old version runs, and after online pulls."""

from __future__ import annotations

import pytest

from tests.device.device import RUN, Device
from tests.device.packages import APP, OTHER, RENAMED, Packages

VERSIONS = ("1", "2")
PATH = f"/usr/lib/container-images/{APP}"


@pytest.mark.parametrize("versions", [VERSIONS, VERSIONS[::-1]], ids=["upgrade", "downgrade"])
def test_container_that_runs(versions: tuple[str, str], device: Device, packages: Packages) -> None:
    old, new = versions
    device.rpm("--install", str(packages.rpms[APP, f"{old}.0"]))
    image = packages.image(f"app:{old}")
    for name in ("kept", "stopped"):
        device.podman("run", "--detach", f"--name={name}", *RUN, image, "sleep", "infinity")
    # What shares layers with the old version, and the old image itself
    online = [packages.image("online:1"), image]
    for each in online:
        device.podman("pull", "--quiet", each)

    device.rpm("--upgrade", "--oldpackage", str(packages.rpms[APP, f"{new}.0"]))
    names = device.podman("ps", "--format={{.Names}}").stdout.split()
    assert sorted(names) == ["kept", "stopped"]
    for name in names:
        assert device.podman("exec", name, "cat", "/name").stdout == f"app:{old}\n"
    new_names = {"1": ["app:1", "common:1"], "2": ["app:2"]}[new]
    assert device.names() == {packages.image(name) for name in new_names}
    assert device.name_in(packages.image(f"app:{new}")) == f"app:{new}"
    assert device.names(read_only=False) == set(online)
    for each in online:
        assert device.name_in(each) == each.rpartition("/")[2]

    # Its layers are gone. docs/device.md says what then.
    device.podman("stop", "--time=0", "stopped")
    started = device.podman("start", "stopped", check=False)
    assert started.returncode != 0
    assert "mounting storage for container " in started.stderr.splitlines()[-1]
    assert "no such file or directory" in started.stderr.splitlines()[-1]
    device.podman("logs", "stopped")
    for failing in (
        ["cp", "stopped:/name", "/run/"],
        ["inspect", "stopped"],
        ["export", "stopped"],
    ):
        assert device.podman(*failing, check=False).returncode
    assert device.podman("exec", "kept", "cat", "/name").stdout == f"app:{old}\n"
    device.podman("rm", "--force", "--time=0", "kept", "stopped")
    assert device.podman("ps", "--all", "--quiet").stdout == ""
    device.restart()
    assert device.name_in(packages.image(f"app:{new}")) == f"app:{new}"
    device.rpm("--erase", APP)
    for each in online:
        assert device.name_in(each) == each.rpartition("/")[2]


def test_path_that_changes(device: Device, packages: Packages) -> None:
    old, new = "/usr/share/other/images", "/usr/lib/moved/images"
    device.rpm("--install", packages.other)
    device.podman("run", "--detach", "--name=old", *RUN, packages.image("common:1"), "sleep", "9d")
    device.rpm("--upgrade", str(packages.rpms[OTHER, "2.0"]))
    assert device.names() == {packages.image("tool:1")}
    assert device.name_in(packages.image("tool:1")) == "tool:1"
    assert device.podman("exec", "old", "cat", "/name").stdout == "common:1\n"
    assert device.verify(OTHER) == ""
    found = "".join(device.state().values())
    assert new in found
    assert old not in found
    assert [path for path in device.state() if path.startswith("/usr/share/other")] == []
    assert device.crio_log() == ["start", f"start {old}", f"start {new}"]
    device.rpm("--upgrade", "--oldpackage", packages.other)
    assert device.crio_log()[-1] == f"start {old}"
    assert device.name_in(packages.image("common:1")) == "common:1"


def test_version_without_images(device: Device, packages: Packages) -> None:
    """There is no store any more: nothing of it may be left listed."""
    before = device.state()
    device.rpm("--install", packages.v1)
    device.rpm("--upgrade", str(packages.rpms[APP, "3.0"]))
    assert device.rpm("--query", APP).stdout == f"{APP}-3.0-1.noarch\n"
    assert device.images() == []
    assert device.crio_log() == ["start", f"start {PATH}", "start"]
    left = device.state().keys() - before.keys()
    assert {path for path in left if "/microshift" not in path} == set()
    device.rpm("--upgrade", "--oldpackage", packages.v1)
    assert device.name_in(packages.image("app:1")) == "app:1"
    assert device.crio_log()[-1] == f"start {PATH}"


def test_another_package_takes_the_path(device: Device, packages: Packages) -> None:
    device.rpm("--install", packages.v1)
    device.dnf("swap", APP, RENAMED)
    assert device.rpm("--query", APP, check=False).returncode == 1
    assert device.mounts() == [f"/run/paack/{RENAMED}"]
    assert device.names() == {packages.image("app:2")}
    assert device.name_in(packages.image("app:2")) == "app:2"
    assert device.verify(RENAMED) == ""
    assert device.crio_log()[-1] == f"start {PATH}"
