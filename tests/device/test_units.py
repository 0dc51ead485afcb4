"""What is shipped for systemd, judged by the real systemd: as files, at boot, and by its tools."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.quadlet.specifiers import expanded
from paack.helpers.rpm.device import SKELETON_LOCK, escape_path
from paack.helpers.rpm.device_program import device_program
from tests.device.device import Device
from tests.device.packages import APP, EROFS, OTHER, Packages
from tests.support.commands import run
from tests.support.podman import KINDS, Kind

MOUNT = "run-paack-app\\x2dcontainers.mount"
REPAIR = f"paack-repair-{device_program().name}.service"
TMPFILES = f"/usr/lib/tmpfiles.d/paack-{APP}.conf"
STORE = f"/run/paack/{APP}"
LOCKS = (f"{STORE}/overlay-images/images.lock", f"{STORE}/overlay-layers/layers.lock")


@pytest.fixture(scope="module", params=KINDS)
def device(request: pytest.FixtureRequest, packages: Packages) -> Iterator[Device]:
    kind: Kind = request.param
    with Device(kind, packages) as device:
        device.rpm("--install", packages.v1, packages.other, str(packages.rpms[EROFS, "1.0"]))
        yield device


def test_systemd_analyze(device: Device) -> None:
    units = device.run(["sh", "-c", "ls -d /usr/lib/systemd/system/*paack*"]).stdout.splitlines()
    assert len(units) == 4
    for mounted in (True, False):
        done = device.run(["systemd-analyze", "verify", *units])
        assert (done.stdout, done.stderr) == ("", "")
        if mounted:
            device.run(["umount", *device.mounts()])
    device.restart()


def test_boot(device: Device) -> None:
    """The mount comes before all that makes or uses the directory."""
    device.restart()
    assert device.run(["systemctl", "is-system-running"]).stdout == "running\n"
    reached = [
        time(device, MOUNT, "ActiveEnterTimestampMonotonic"),
        time(device, "local-fs.target", "ActiveEnterTimestampMonotonic"),
        time(device, "systemd-tmpfiles-setup.service", "ActiveEnterTimestampMonotonic"),
        time(device, REPAIR, "ExecMainStartTimestampMonotonic"),
        time(device, REPAIR, "ExecMainExitTimestampMonotonic"),
        time(device, "crio.service", "ActiveEnterTimestampMonotonic"),
    ]
    assert all(reached)
    assert reached == sorted(reached)
    assert show(device, REPAIR, "Result") == "success"
    assert MOUNT in shlex.split(show(device, "local-fs.target", "Wants"))
    assert MOUNT not in shlex.split(show(device, "local-fs.target", "Requires"))


def test_no_repair_without_the_store(device: Device, packages: Packages) -> None:
    """Its layers would seem to be gone."""
    device.podman("tag", packages.image("app:1"), "localhost/app:mine")
    image = f"/usr/lib/container-images/{APP}.squashfs"
    device.run(["cp", image, f"{image}.away"])
    device.break_file(image)
    device.restart()
    assert show(device, MOUNT, "ActiveState") == "failed"
    assert show(device, REPAIR, "ActiveState") == "failed"
    assert show(device, "multi-user.target", "ActiveState") == "active"
    assert show(device, "crio.service", "ActiveState") == "active"
    device.run(["mv", f"{image}.away", image])
    device.restart()
    assert device.name_in("localhost/app:mine") == "app:1"
    device.podman("rmi", "--force", "localhost/app:mine")


def test_tmpfiles(device: Device) -> None:
    """Mounted: there is nothing to do. Unmounted: an empty store, which is not the store."""
    for name in (APP, OTHER, EROFS):
        conf = f"/usr/lib/tmpfiles.d/paack-{name}.conf"
        done = device.run(["systemd-tmpfiles", "--create", conf])
        assert (done.stdout, done.stderr) == ("", "")
    store = [device.run(["cat", lock]).stdout for lock in LOCKS]
    modes = stat(device)
    device.run(["umount", STORE])
    for _ in range(2):
        done = device.run(["systemd-tmpfiles", "--create", TMPFILES])
        assert (done.stdout, done.stderr) == ("", "")
        skeleton = [device.run(["cat", lock]).stdout for lock in LOCKS]
        assert skeleton == [SKELETON_LOCK] * 2
        assert stat(device) == modes
    assert {len(lock) for lock in store + skeleton} == {64}
    assert not set(store) & set(skeleton)
    found = device.run(["find", STORE, "-mindepth", "1"]).stdout.split()
    assert sorted(found) == sorted([*LOCKS, *(lock.rpartition("/")[0] for lock in LOCKS)])
    device.run(["systemctl", "restart", MOUNT])
    assert STORE in device.mounts()


def test_mount_options(device: Device) -> None:
    """mount(8) takes all that the unit says, also the context, on a kernel without SELinux."""
    listed = json.loads(device.run(["findmnt", "--json", "--list", "--output=+VFS-OPTIONS"]).stdout)
    mounts = {each["target"]: each for each in listed["filesystems"]}
    for name in (APP, OTHER, EROFS):
        mounted = mounts[f"/run/paack/{name}"]
        assert mounted["source"].startswith("/dev/loop")
        assert mounted["fstype"] == ("erofs" if name == EROFS else "squashfs")
        assert {"ro", "nodev", "nosuid"} <= set(mounted["vfs-options"].split(","))
    unit = device.run(["systemctl", "cat", MOUNT]).stdout
    assert 'context="system_u:object_r:container_ro_file_t:s0"' in unit


PART = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1, max_size=60
).filter(lambda part: part not in (".", ".."))
PATH = st.lists(PART, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


@given(st.lists(PATH, min_size=1, max_size=20))
@settings(max_examples=50)
def test_escape_path(paths: list[str]) -> None:
    escaped = run(["systemd-escape", "--path", "--", *paths]).stdout
    assert [escape_path(path) for path in paths] == escaped.split()


@pytest.mark.parametrize(
    "service",
    ["web.service", "a-web.service", "web@1.service", "a-b@c-d.service", r"x\x2dy@e\x2df.service"],
)
def test_specifiers(device: Device, service: str) -> None:
    """What systemd puts in their places is what check of Quadlet units takes them for."""
    known = "nNpPiIjJfCEGLSUghtu"
    template = f"{service.partition('@')[0]}@.service" if "@" in service else service
    words = " ".join(f'"{name}=%{name}"' for name in known)
    device.write(
        f"/run/systemd/system/{template}",
        "[Service]\nType=oneshot\nStandardOutput=truncate:/run/specifiers\n"
        f'ExecStart=/usr/bin/printf "%%s\\n" {words} "100%%"\n',
    )
    device.run(["systemctl", "daemon-reload"])
    device.run(["systemctl", "start", service])
    lines = [f"{name}={expanded(f'%{name}', service)}" for name in known]
    said = device.run(["cat", "/run/specifiers"]).stdout
    assert said.splitlines() == [*lines, expanded("100%%", service)]


def show(device: Device, unit: str, name: str) -> str:
    """Return a property of a unit."""
    command = ["systemctl", "show", f"--property={name}", "--value", "--", unit]
    return device.run(command).stdout.strip()


def time(device: Device, unit: str, name: str) -> int:
    """Return a time of a unit in microseconds; 0 if it has not come."""
    return int(show(device, unit, name))


def stat(device: Device) -> str:
    """Return modes and owners of what systemd-tmpfiles makes."""
    parts = [STORE, *LOCKS, *(lock.rpartition("/")[0] for lock in LOCKS)]
    return device.run(["stat", "--format=%n %A %u:%g", *parts]).stdout
