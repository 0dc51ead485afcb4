"""Transactions with shared layers that are killed midway: what is whole is listed, and runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.device import transaction
from tests.device.device import Device
from tests.device.layer_packages import Rpms, name
from tests.device.packages import Packages
from tests.device.transaction import Place
from tests.support.thorough import only_thorough

DOCTOR = "/usr/libexec/paack/one/doctor"


@pytest.fixture(scope="module")
def device(packages: Packages) -> Iterator[Device]:
    with Device("debian12", packages) as device:
        transaction.prepare(device)
        yield device


@dataclass(frozen=True)
class Killer:
    """Kills transactions; the images ``others`` are whole all the time."""

    device: Device
    host: str
    others: tuple[str, ...]

    def kill(self, place: Place, *arguments: str) -> None:
        """Kill rpm there, cut the power, and see what works."""
        assert place.killed(self.device, *arguments)
        self.device.podman("images")
        self.device.restart()
        transaction.start_services(self.device)
        listed = self.device.names()
        assert self.full(*self.others) <= listed
        assert listed <= self.full(*self.others, "one:1", "one:2", "two:1")
        for image in listed:
            assert self.device.name_in(image) == image.rpartition("/")[2]
        if not listed & self.full("one:1", "one:2") and self.device.outside(DOCTOR).exists():
            found = self.device.run([DOCTOR, "--quiet"], check=False).stdout
            faults = re.findall("^FAIL .*", found, re.MULTILINE)
            assert faults, found
            assert [each for each in faults if not re.search(r" \(.*\)$", each)] == []

    def finish(self, rpms: Sequence[str], *images: str) -> None:
        """Try again: all is as if nothing had been killed."""
        self.device.rpm("--upgrade", "--replacepkgs", *rpms)
        assert self.device.names() == self.full(*self.others, *images)
        for image in self.full(*images):
            assert self.device.name_in(image) == image.rpartition("/")[2]
        found = self.device.run([DOCTOR, "--quiet"], check=False).stdout
        assert re.findall("^FAIL .*", found, re.MULTILINE) == []
        for rpm in rpms:
            assert self.device.verify(name(rpm)) == ""

    def finish_erase(self, names: Sequence[str]) -> None:
        """Try again: erase what rpm still knows."""
        said = self.device.rpm("--query", "--queryformat=%{NAME}\n", *names, check=False).stdout
        left = sorted(set(names) & set(said.splitlines()))
        if left:
            self.device.rpm("--erase", *left)
        assert self.device.names() == self.full(*self.others)

    def full(self, *names: str) -> set[str]:
        """Return the full names of images."""
        return {f"{self.host}/{each}" for each in names}


@pytest.mark.parametrize(
    ("install", "upgrade", "erase"),
    [
        (Place("program", 3), Place("program", 14), Place("program", 10)),
        pytest.param(
            *(Place("renameat", 20), Place("renameat", 9), Place("unlinkat", 30)),
            marks=only_thorough,
        ),
        pytest.param(
            *(Place("program", 12), Place("program", 4), Place("program", 15)), marks=only_thorough
        ),
        pytest.param(
            *(Place("program", 19), Place("program", 9), Place("program", 20)), marks=only_thorough
        ),
    ],
)
def test_beside_another_package(
    install: Place, upgrade: Place, erase: Place, device: Device, rpms: Rpms
) -> None:
    """Its layers stay, also those that it shares with the one that comes, changes and goes."""
    old, new = rpms.one
    if device.rpm("--query", "two", check=False).returncode:
        device.rpm("--install", *rpms.with_layers(rpms.two))
    before = transaction.files(device)
    killer = Killer(device, rpms.host, ("two:1",))
    others = set(rpms.needed(rpms.two))
    first = [str(old), *(each for each in rpms.needed(old) if each not in others)]
    second = [str(new), *(each for each in rpms.needed(new) if each not in {*others, *first})]
    killer.kill(install, "--install", *first)
    killer.finish(first, "one:1")
    killer.kill(upgrade, "--upgrade", *second)
    killer.finish(second, "one:2")
    names = sorted(set(map(name, (*first, *second))))
    killer.kill(erase, "--erase", *names)
    killer.finish_erase(names)
    assert transaction.files(device) == before


@pytest.mark.parametrize(
    ("install", "erase"),
    [
        (Place("program", 25), Place("program", 30)),
        pytest.param(Place("renameat", 20), Place("unlinkat", 70), marks=only_thorough),
    ],
)
def test_with_all_layers(install: Place, erase: Place, device: Device, rpms: Rpms) -> None:
    """Two packages come and go in one transaction, with the layers that both need."""
    killer = Killer(device, rpms.host, ())
    killer.finish_erase([*map(name, rpms.with_layers(rpms.two))])
    before = transaction.files(device)
    packages = rpms.with_layers(rpms.one[0], rpms.two)
    killer.kill(install, "--install", *packages)
    killer.finish(packages, "one:1", "two:1")
    names = [*map(name, packages)]
    killer.kill(erase, "--erase", *names)
    killer.finish_erase(names)
    assert device.mounts() == []
    assert transaction.files(device) == before
