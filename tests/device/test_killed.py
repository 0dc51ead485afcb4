"""Transactions that are killed midway: podman and CRI-O work after it, and another try repairs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from tests.device import transaction
from tests.device.device import Device
from tests.device.packages import APP, KILL_FILE, KILLER, OTHER, Packages
from tests.device.transaction import files, start_services
from tests.support.thorough import THOROUGH


@pytest.fixture(scope="module")
def device(packages: Packages) -> Iterator[Device]:
    with Device("debian12", packages) as device:
        transaction.prepare(device)
        yield device


def test_in_scriptlets(device: Device, packages: Packages) -> None:
    """At the first program of each transaction, then at one that follows, ..."""
    v1, v2 = packages.v1, packages.v2
    before = device.state()
    step = 1 if THOROUGH else 3
    kills = {option: count(1, step) for option in ("--install", "--upgrade", "--erase")}
    killed = dict.fromkeys(kills, 0)

    def kill(option: str, argument: str) -> bool:
        """Return False when it was done, as there is no further program to be killed at."""
        if option not in kills:
            device.rpm(option, argument)
            return False
        number = next(kills[option])
        if not transaction.killed_at_program(device, number, option, argument):
            del kills[option]
            return False
        killed[option] = number
        if number % 2:
            device.restart()  # the power is cut
        start_services(device)
        return True

    while kills:
        if kill("--install", v1):
            device.rpm("--upgrade", "--replacepkgs", v1)
            assert device.names() == {packages.image("app:1"), packages.image("common:1")}
            assert device.verify(APP) == ""
        if kill("--upgrade", v2):
            device.rpm("--upgrade", "--replacepkgs", v2)
            assert device.names() == {packages.image("app:2")}
            assert device.rpm("--query", APP).stdout == f"{APP}-2.0-1.x86_64\n"
            assert device.verify(APP) == ""
        if kill("--erase", APP):
            device.rpm("--erase", APP)
        assert device.state() == before
    assert min(killed.values()) > 5, killed


@pytest.mark.parametrize("number", [1, 5, 9] if THOROUGH else [5])
def test_between_files(number: int, device: Device, packages: Packages) -> None:
    """And the power is cut at once."""
    kill = partial(transaction.killed_at_call, device, number)
    before = files(device)
    for option, rpm in (("--install", packages.v1), ("--upgrade", packages.v2)):
        assert kill("renameat", option, rpm)
        device.restart()
        assert device.run(["systemctl", "is-active", "crio.service"]).stdout == "active\n"
        start_services(device)
        device.rpm("--upgrade", "--replacepkgs", rpm)
        assert device.verify(APP) == ""
        image = "app:1" if option == "--install" else "app:2"
        assert device.name_in(packages.image(image)) == image
    assert kill("unlinkat", "--erase", APP)
    device.restart()
    start_services(device)
    device.rpm("--erase", APP)
    assert files(device) == before
    assert [path for path in device.state() if ".squashfs" in path] == []


def test_dnf_between_packages(device: Device, packages: Packages) -> None:
    before = files(device)
    names = [f"{APP}-2.0", OTHER, KILLER]
    device.run(["touch", KILL_FILE])
    done = device.dnf("install", *names, check=False)
    assert done.returncode in (-9, 137), done.stderr
    assert device.rpm("--query", APP, KILLER, check=False).stdout.count("not installed") == 0
    start_services(device)
    device.run(["rm", KILL_FILE])
    device.dnf("install", *names)
    assert device.names() == {packages.image("app:2"), packages.image("tool:1")}
    assert device.verify(APP) == device.verify(OTHER) == ""
    device.dnf("remove", APP, OTHER, KILLER)
    assert files(device) == before
