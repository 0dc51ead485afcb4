"""CRI-O and layers in packages of their own: found across stores, upgraded, missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crio.crio import CrioDevice
from tests.device.layer_packages import build_rpms, name
from tests.device.packages import Packages
from tests.support.commands import run

pytestmark = pytest.mark.crio


def test_life_of_shared_layers(device: CrioDevice, packages: Packages) -> None:
    rpms = build_rpms(packages)
    old, new = rpms.one
    one, newer, two = (f"{rpms.host}/{each}" for each in ("one:1", "one:2", "two:1"))
    before = device.state()
    device.rpm("--install", *rpms.with_layers(old, rpms.two))
    assert device.crio_images(pinned=True) == sorted([one, two])
    running = device.run_pod("old", one)
    assert device.name_of(running) == "one:1"
    assert device.name_of(device.run_pod("two", two)) == "two:1"
    assert doctor(device, "one") == doctor(device, "two") == ""

    # New layers are a new store: CRI-O is restarted, and what runs goes on
    starts = len(device.crio_log())
    come = set(rpms.needed(new)) - set(rpms.needed(old))
    gone = set(rpms.needed(old)) - set(rpms.needed(new))
    device.rpm("--upgrade", str(new), *come, str(probe(packages)))
    # Between the packages, too, CRI-O lists its images
    said = device.run(["cat", "/var/tmp/probe"]).stdout
    assert said.endswith("\n0\n") and "/two" in said, said
    device.rpm("--erase", "probe")
    device.run(["rm", "/var/tmp/probe"])
    assert [line.split()[0] for line in device.crio_log()[starts:]] == ["start"]
    assert listed(device, packages) == sorted([newer, two])
    assert device.name_of(running) == "one:1"
    assert device.name_of(device.run_pod("new", newer)) == "one:2"
    device.rpm("--erase", *map(name, gone))
    assert device.name_of(running) == "one:1"
    device.kill_crio()
    assert device.name_of(running) == "one:1"
    device.crictl("rmp", "--force", "--all")

    # Without its layers, an image is not there, and no other one suffers
    only = min(set(rpms.needed(new)) - set(rpms.needed(rpms.two)))
    device.rpm("--erase", "--nodeps", name(only))
    assert listed(device, packages) == [two]
    assert device.name_of(device.run_pod("two-2", two)) == "two:1"
    assert f"{name(only)} is missing" in doctor(device, "one")
    device.restart()
    assert listed(device, packages) == [two]
    device.rpm("--install", only)
    assert listed(device, packages) == sorted([newer, two])
    assert device.name_of(device.run_pod("new-2", newer)) == "one:2"
    assert doctor(device, "one") == doctor(device, "two") == ""

    # A pull that shares layers with the store does not depend on it
    device.crictl("pull", one)
    device.crictl("rmp", "--force", "--all")
    device.rpm("--erase", *map(name, rpms.with_layers(new, rpms.two)))
    assert listed(device, packages) == [one]
    assert device.name_of(device.run_pod("online", one)) == "one:1"
    device.crictl("rmp", "--force", "--all")
    assert device.state() == before


PROBE = """
Name: probe
Version: 1
Release: 1
Summary: Asks CRI-O for its images after the package one
License: MIT
BuildArch: noarch
Requires: one
%description
None
%post
exec >/var/tmp/probe 2>&1
/usr/local/bin/crictl --runtime-endpoint=unix:///run/crio/crio.sock --timeout=60s images
echo $?
exit 0
%files
"""


def probe(packages: Packages) -> Path:
    """Return an RPM that asks CRI-O for its images in the middle of a transaction."""
    directory = packages.repository / "probe"
    directory.mkdir()
    spec = directory / "probe.spec"
    spec.write_text(PROBE)
    run(["rpmbuild", "-bb", "--define", f"_topdir {directory}", str(spec)])
    (rpm,) = directory.rglob("*.rpm")
    return rpm


def listed(device: CrioDevice, packages: Packages) -> list[str]:
    """Return all images, but for the one that CRI-O makes pods of."""
    return [each for each in device.crio_images() if each != packages.image("tool:1")]


def doctor(device: CrioDevice, package: str) -> str:
    """Return what the doctor finds wrong."""
    done = device.run([f"/usr/libexec/paack/{package}/doctor", "--quiet"], check=False)
    return done.stdout
