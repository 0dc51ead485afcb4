"""Install, use, erase: by rpm and by dnf, on devices with a real systemd as PID 1."""

from __future__ import annotations

import pytest

from tests.device.device import Device
from tests.device.packages import APP, EROFS, OTHER, Packages
from tests.support.podman import KINDS, Kind

STORE = f"/usr/lib/container-images/{APP}"
UNIT = "run-paack-app\\x2dcontainers.mount"


def test_rpm(device: Device, packages: Packages) -> None:
    before = device.state()
    device.rpm("--install", packages.v1)
    app, common = packages.image("app:1"), packages.image("common:1")
    for _ in range(2):
        assert device.names() == {app, common}
        for name in (app, *packages.by_digest("app:1")):
            assert device.name_in(name) == "app:1"
        assert device.verify(APP) == ""
        assert device.mounts() == [f"/run/paack/{APP}"]
        assert device.run(["systemctl", "is-system-running"]).stdout == "running\n"
        device.restart()
    device.rpm("--erase", APP)
    assert device.images() == []
    assert device.state() == before
    units = device.run(["systemctl", "list-units", "--all", "--plain", "run-paack*", "paack*"])
    assert APP not in units.stdout
    nothing, listed = "start", f"start {STORE}"
    assert device.crio_log() == [nothing, listed, listed, listed, nothing]


def test_dnf(device: Device, packages: Packages) -> None:
    before = device.state()
    device.dnf("install", f"{APP}-1.0")
    assert device.names() == {packages.image("app:1"), packages.image("common:1")}
    assert device.mounts() == [f"/run/paack/{APP}"]
    device.dnf("upgrade", f"{APP}-2.0")
    assert device.names() == {packages.image("app:2")}
    assert device.name_in(packages.image("app:2")) == "app:2"
    assert device.verify(APP) == ""
    device.dnf("downgrade", f"{APP}-1.0")
    assert device.names() == {packages.image("app:1"), packages.image("common:1")}
    device.dnf("reinstall", APP)
    assert device.name_in(packages.image("app:1")) == "app:1"
    assert device.verify(APP) == ""
    device.dnf("remove", APP)
    assert device.images() == []
    assert device.state() == before
    # Only the list of pinned images changes with the version: 3 names for each image
    assert device.crio_log() == ["start", f"start {STORE}", "reload 3", "reload 6", "start"]


def test_several_in_one_transaction(debian12: Device, packages: Packages) -> None:
    rpms = [packages.v1, packages.other, str(packages.rpms[EROFS, "1.0"])]
    stores = f"{STORE} /usr/lib/container-images/{EROFS} /usr/share/other/images"
    before = debian12.state()
    for _ in range(3):  # more starts than systemd takes in ten seconds for a service that crashes
        debian12.rpm("--install", *rpms)
        assert debian12.crio_log()[-1] == f"start {stores}"
        debian12.rpm("--erase", APP, OTHER, EROFS)
        assert debian12.crio_log()[-1] == "start"
    assert debian12.state() == before
    # Once when they come, and once for each of them when they go, while it is still there
    assert len(debian12.crio_log()) == 1 + 3 * (1 + 3)
    assert debian12.run(["systemctl", "is-active", "crio.service"]).stdout == "active\n"


def test_erofs(device: Device, packages: Packages) -> None:
    device.rpm("--install", str(packages.rpms[EROFS, "1.0"]))
    assert device.name_in(packages.image("tool:1")) == "tool:1"
    mounted = device.run(["findmnt", "--noheadings", "--output=FSTYPE,OPTIONS", *device.mounts()])
    kind, options = mounted.stdout.split()
    assert kind == "erofs"
    assert {"ro", "nodev", "nosuid"} <= set(options.split(","))


def test_podman_service_that_stays_up(device: Device, packages: Packages) -> None:
    """It is started anew when it does not know a store, and only then."""
    device.start_podman_service()
    assert device.names_of_service() == set()
    started = []
    for rpm, names in ((packages.v1, ("app:1", "common:1")), (packages.v2, ("app:2",))):
        device.rpm("--upgrade", rpm)
        assert device.names_of_service() == {packages.image(name) for name in names}
        show = ["systemctl", "show", "--property=MainPID", "--value", "podman.service"]
        started.append(device.run(show).stdout)
    assert started[0] == started[1] != "0\n"


@pytest.mark.parametrize("tool", ["rpm", "dnf"])
@pytest.mark.parametrize("kind", KINDS)
def test_into_a_tree(tool: str, kind: Kind, packages: Packages) -> None:
    """As image builders do it: nothing runs there, and it is right at the next boot."""
    with Device(kind, packages, on=False) as device:
        if tool == "rpm":
            device.run_beside(["rpm", "--root=@ROOT", "--install", packages.v1])
        else:
            device.run_beside(device.dnf_command("--installroot=@ROOT", "install", f"{APP}-1.0"))
        device.switch_on()
        assert device.name_in(packages.image("app:1")) == "app:1"
        assert device.verify(APP) == ""
        assert device.crio_log() == [f"start {STORE}"]
        device.switch_off()
        if tool == "rpm":
            device.run_beside(["rpm", "--root=@ROOT", "--erase", APP])
        else:
            device.run_beside(device.dnf_command("--installroot=@ROOT", "remove", APP))
        device.switch_on()
        assert device.images() == []
        assert [path for path in device.state() if APP in path] == []
        assert device.crio_log() == [f"start {STORE}", "start"]


def test_store_that_cannot_be_mounted(device: Device, packages: Packages) -> None:
    """A message, an empty store; and the next boot is not stopped."""
    device.rpm("--install", packages.v1)
    device.rpm("--install", packages.other)
    device.break_file(f"{STORE}.squashfs")
    device.restart()
    assert device.run(["systemctl", "is-active", "multi-user.target"]).stdout == "active\n"
    assert device.mounts() == [f"/run/paack/{OTHER}"]
    assert device.names() == {packages.image("common:1"), packages.image("tool:1")}
    assert device.crio_log()[-1] == f"start {STORE} /usr/share/other/images"
    assert device.verify(APP) == f"S.5....T.    {STORE}.squashfs\n"
    device.rpm("--upgrade", "--replacepkgs", packages.v1)
    assert device.name_in(packages.image("app:1")) == "app:1"


def test_mount_that_fails(debian12: Device, packages: Packages) -> None:
    debian12.link(f"/etc/systemd/system/{UNIT}", "/dev/null")  # as `systemctl mask` does
    done = debian12.rpm("--install", packages.v1)
    assert f"{APP}: the store is not mounted; see: systemctl status '{UNIT}'" in done.stderr
    assert debian12.images() == []
    assert debian12.crio_log() == ["start", f"start {STORE}"]
    debian12.run(["rm", f"/etc/systemd/system/{UNIT}"])
    debian12.restart()
    assert debian12.name_in(packages.image("app:1")) == "app:1"


def test_store_unmounted_by_hand(device: Device, packages: Packages) -> None:
    """After a boot there is no skeleton below the mount."""
    device.rpm("--install", packages.v1)
    device.restart()
    device.run(["umount", *device.mounts()])
    assert device.images() == []
    device.run(["systemctl", "restart", "crio.service"])
    device.run(["systemd-tmpfiles", "--create"], check=False)
    assert device.images() == []
    device.run(["systemctl", "restart", UNIT])
    assert device.name_in(packages.image("app:1")) == "app:1"
