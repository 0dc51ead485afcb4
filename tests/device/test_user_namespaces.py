"""Containers in user namespaces of their own, on both filesystems: by mapped mounts, not copies."""

from __future__ import annotations

from tests.device.device import RUN, Device
from tests.device.packages import APP, EROFS, Packages

MAPS = ("--uidmap=0:100000:65536", "--gidmap=0:100000:65536")


def test_user_namespaces(device: Device, packages: Packages) -> None:
    device.rpm("--install", packages.v1, str(packages.rpms[EROFS, "1.0"]))
    files = "/proc/self/uid_map && grep lowerdir= /proc/self/mounts"
    script = f"cat /name && stat -c '%u %g' /name && cat {files}"
    for package, name in ((APP, "app:1"), (EROFS, "tool:1")):
        command = ["run", "--rm", *MAPS, *RUN, packages.image(name), "sh", "-c", script]
        said = device.podman(*command).stdout.splitlines()
        assert said[:2] == [name, "0 0"], package
        assert said[2].split() == ["0", "100000", "65536"], package
        assert "/mapped/" in said[3].partition("lowerdir=")[2].partition(",")[0], package
