"""A package that gets another name: the new one obsoletes the old, and takes over its store."""

from __future__ import annotations

import pytest

from tests.device.device import RUN, Device
from tests.device.packages import APP, SUCCESSOR, Packages

PATHS = {name: f"/usr/lib/container-images/{name}" for name in (APP, SUCCESSOR)}


@pytest.mark.parametrize(
    ("program", "version", "path"),
    [("rpm", "2.0", PATHS[SUCCESSOR]), ("dnf", "2.1", PATHS[APP])],
    ids=["path of its own", "same path"],
)
def test_the_new_store_takes_over(
    device: Device, packages: Packages, program: str, version: str, path: str
) -> None:
    """`common:1` is in both: its containers go on, and new ones start."""
    before = device.state()
    device.rpm("--install", packages.v1)
    names = {packages.image(name) for name in ("app:1", "common:1")}
    assert device.names() == names
    common = packages.image("common:1")
    device.podman("run", "--detach", "--name=kept", *RUN, common, "sleep", "infinity")

    successor = str(packages.rpms[SUCCESSOR, version])
    if program == "rpm":
        device.rpm("--upgrade", successor)
    else:
        device.dnf("install", successor)
    assert device.rpm("--query", APP, check=False).returncode == 1
    assert device.mounts() == [f"/run/paack/{SUCCESSOR}"]
    assert device.names() == {packages.image(name) for name in ("app:2", "common:1")}
    for name in ("app:2", "common:1"):
        assert device.name_in(packages.image(name)) == name
    assert device.podman("exec", "kept", "cat", "/name").stdout == "common:1\n"
    assert device.verify(SUCCESSOR) == ""
    assert device.crio_log()[-1] == f"start {path}"
    found = "".join(device.state().values())
    assert path in found
    assert (PATHS[APP] in found) is (path == PATHS[APP])

    device.restart()
    assert device.mounts() == [f"/run/paack/{SUCCESSOR}"]
    assert device.name_in(common) == "common:1"
    device.podman("rm", "--force", "--time=0", "kept")
    device.rpm("--erase", SUCCESSOR)
    assert device.images() == []
    assert device.state() == before


def test_it_does_not_come_back(device: Device, packages: Packages) -> None:
    """The old name, in the versions that are obsoleted, is no upgrade and cannot be beside it."""
    device.rpm("--install", str(packages.rpms[SUCCESSOR, "2.0"]))
    refused = device.rpm("--upgrade", packages.v1, check=False)
    assert "obsoleted by" in refused.stderr
    assert device.mounts() == [f"/run/paack/{SUCCESSOR}"]
    # A version that is not obsoleted is another package.
    device.rpm("--upgrade", packages.v2)
    assert sorted(device.mounts()) == [f"/run/paack/{APP}", f"/run/paack/{SUCCESSOR}"]
