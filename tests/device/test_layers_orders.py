"""Packages with shared layers go and come in every order: what is left works, and nothing else is.

One at a time: ``one``, ``two``, the layers that both need and those that only ``one`` needs; the
other two packages of layers stay. What is there after each step must depend only on which packages
are there, however they came to be the ones: so each erasure and installation in each state, once,
stands for every order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from tests.device.device import Device
from tests.device.layer_packages import GROUP, Rpms, name
from tests.device.packages import Packages
from tests.support.thorough import only_thorough

#: The packages that are there, of those that go and come.
Installed = frozenset[str]
CONF = "/etc/containers/storage.conf"


def test_rpm_allows(packages: Packages, rpms: Rpms) -> None:
    """On a newer podman, which also lists an image that lacks its layers."""
    with Device("debian13", packages) as device:
        orders = Orders(device, rpms)
        before = device.state()
        device.rpm("--install", "--noorder", *orders.paths.values())  # images before their layers
        assert orders.walk(orders.is_whole) == 2 * 10
        erase_at_once(device, [*sorted(orders.layers, reverse=True), "two", "one", orders.program])
        assert device.state() == before


@only_thorough
def test_rpm_does_not_allow(packages: Packages, rpms: Rpms) -> None:
    """All orders there are, on an older podman, which lists no image when one lacks a layer.

    Here ``two`` stays, too: it also needs layers that go and come.
    """
    with Device("debian12", packages) as device:
        orders = Orders(device, rpms, stay="two")
        before = device.state()
        device.rpm("--install", *orders.paths.values())
        assert orders.walk(lambda _: True) == 2 * 3 * 2**2
        for installed in orders.known.keys() - {orders.everything}:
            names = orders.everything - installed
            test = device.rpm("--erase", "--test", *names, check=False)
            assert (test.returncode == 0) == orders.is_whole(installed), (installed, test.stderr)
        erase_at_once(device, ["one", *sorted(orders.layers), "two", orders.program])
        assert device.state() == before


def erase_at_once(device: Device, names: list[str]) -> None:
    """Erase packages in this order in one transaction.

    rpm must be told not to order them: else it erases layers last, whatever their order.
    """
    chosen = random.Random(4)
    orders = [chosen.sample(names, len(names)) for _ in range(20)]
    own_order = order_of_erase(device, orders[0])
    assert all(order_of_erase(device, order) == own_order for order in orders)
    assert set(own_order[:2]) == {"one", "two"}
    assert order_of_erase(device, names, "--noorder") == names
    device.rpm("--erase", "--noorder", *names)


def order_of_erase(device: Device, names: Sequence[str], *options: str) -> list[str]:
    """Return in which order rpm would erase them."""
    said = device.rpm("--erase", "--test", "-vv", *options, *names).stderr
    return re.findall(r"^D: =+ \+\+\+ (\S+)-1-1 ", said, re.MULTILINE)


def tour(start: Installed, neighbours: Callable[[Installed], list[Installed]]) -> list[Installed]:
    """Return a closed walk that goes over each edge once in either direction (Hierholzer's)."""
    left: dict[Installed, list[Installed]] = {}
    way, walk = [start], []
    while way:
        ends = left.setdefault(way[-1], neighbours(way[-1]))
        if ends:
            way.append(ends.pop())
        else:
            walk.append(way.pop())
    return walk[::-1]


class Orders:
    """Two packages and some of their layers, which go and come on a device one by one."""

    def __init__(self, device: Device, rpms: Rpms, stay: str = "") -> None:
        self.device = device
        self.host = rpms.host
        one = rpms.one[0]
        self.needed = {
            package: frozenset(map(name, rpms.needed(rpm)))
            for package, rpm in (("one", one), ("two", rpms.two))
        }
        self.paths = {name(path): path for path in rpms.with_layers(one, rpms.two)}
        base = self.needed["one"] & self.needed["two"]
        # The smaller one: what is in it differs between the versions
        own = min(self.needed["one"] - base, key=lambda each: Path(self.paths[each]).stat().st_size)
        self.everything = frozenset({"one", "two", *base, own} - {stay})
        self.program = name(rpms.program)
        self.layers = self.paths.keys() - self.needed.keys() - {self.program}
        self.stay = self.paths.keys() - self.everything
        self.known: dict[Installed, dict[str, str]] = {}

    def whole(self, installed: Installed) -> Installed:
        """Return which of the two packages are there with all their layers."""
        there = installed | self.stay
        return frozenset(each for each in self.needed if self.needed[each] | {each} <= there)

    def is_whole(self, installed: Installed) -> bool:
        """Return whether all that is there has what it needs."""
        return (installed | self.stay) & self.needed.keys() == self.whole(installed)

    def walk(self, allowed: Callable[[Installed], bool]) -> int:
        """Make each step between two allowed states once; return the number of steps.

        Before and after that, all packages are there.
        """

        def neighbours(installed: Installed) -> list[Installed]:
            ends = (installed ^ {each} for each in sorted(self.everything))
            return [end for end in ends if allowed(end)]

        steps = tour(self.everything, neighbours)
        for start, end in pairwise(steps):
            force = () if self.is_whole(start) and self.is_whole(end) else ("--nodeps",)
            for package in start - end:
                self.device.rpm("--erase", *force, package)
            for package in end - start:
                self.device.rpm("--install", *force, self.paths[package])
            self.check(end)
        return len(steps) - 1

    def check(self, installed: Installed) -> None:
        """podman and CRI-O are as they were when the same packages were there before."""
        images = {f"{self.host}/{each}:1" for each in self.whole(installed)}
        assert self.device.names() == images, installed
        stores = {self.store(each) for each in (installed | self.stay) - {self.program}}
        starts = [line for line in self.device.crio_log() if line.startswith("start ")]
        assert set(starts[-1].split()[1:]) == stores, installed
        if installed not in self.known:
            for image in images:
                assert self.device.name_in(image) == image.rpartition("/")[2]
        found = self.device.state_after_podman()
        # The stores as they came; without a package that needs them, layers are not listed there
        found[CONF] = "".join(sorted(found.get(CONF, "")))
        assert found == self.known.setdefault(installed, found), installed

    @staticmethod
    def store(package: str) -> str:
        """Return where podman and CRI-O find the store of a package."""
        if package.startswith(GROUP):
            return f"/usr/lib/container-layers/{package.removeprefix(GROUP)}"
        return f"/usr/lib/container-images/{package}"
