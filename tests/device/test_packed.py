"""The life of a package over packs with systemd 252 and 257, where no device-mapper is.

dmsetup is a stand-in, which makes a loop device of the pieces that it is given, and has the nodes
of its devices in /run/mapper. tests/vm/test_packs.py has the real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from paack.helpers.rpm import device_program as program
from paack.helpers.rpm.device_program import device_program
from paack.helpers.templates import render
from tests.device import transaction
from tests.device.device import RUN, Device
from tests.device.packages import Packages
from tests.device.transaction import start_services
from tests.support.debian import busybox_rootfs, push_multiarch
from tests.support.packed import Packed, files
from tests.support.podman import Kind
from tests.support.thorough import THOROUGH
from tests.unit.images import layer_of

MOUNT, SERVICE = "run-paack-app.mount", "paack-packs-app.service"
PACKS = "/usr/lib/container-packs"
_DMSETUP = """\
#!/bin/sh
set -eu
# A node that is free again may be another's: tests beside this one use loop devices, too.
file_of() {
    losetup --noheadings --output=BACK-INO,BACK-MAJ:MIN "$1" 2>/dev/null
}
case $1 in
info | mknodes) name=$2 ;;
--deferred) [ ! -L "$3" ] && name=$3 || name=$(readlink "$3") ;;
--readonly) name=$3 ;;
esac
name=${name##*/} node=''
[ ! -L "/run/mapper/$name" ] || node=$(readlink "/run/mapper/$name")
case $1 in
info) [ -n "$node" ] && [ "$(file_of "$node")" = "$(cat "/run/mapper/.$name.file")" ] ;;
--deferred)
    kill "$(cat "/run/mapper/.$name.pid")" 2>/dev/null || :
    ;;
--readonly)
    mkdir -p /run/mapper
    while read -r _ count _ device start; do
        dd if="$device" bs=512 skip="$start" count="$count" 2>/dev/null
    done >"/run/mapper/.$name"
    node=$(losetup --read-only --find --show "/run/mapper/.$name")
    unlink "/run/mapper/.$name"
    file_of "$node" >"/run/mapper/.$name.file"
    # Busy, it goes when the last user does: with the power, too.
    exec 9<"$node"
    sleep infinity >/dev/null 2>&1 &
    echo $! >"/run/mapper/.$name.pid"
    losetup --detach "$node"
    ln -sf "$node" "/run/mapper/$name"
    ;;
esac
"""


@dataclass(frozen=True)
class Built:
    """Versions 1 and 2 of the package app, each with its packs, of which the first is in both;
    versions 0 and 3 without packs.
    """

    home: Path
    image: str
    first: list[str]
    second: list[str]
    packs: list[str]
    bundled: list[str]


@pytest.fixture(scope="module")
def built(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    home, registry = tmp_path_factory.mktemp("packed"), packages.registry

    def elsewhere(template: str) -> str:
        return render(template).replace('"/dev/mapper/', '"/run/mapper/')

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_REGISTRIES_CONF", str(registry.registries_conf))
        patch.setattr(program, "render", elsewhere)
        device_program.cache_clear()
        packed, layer = Packed(home / "app"), home / "layer.tar"
        rpms = []
        for version in ("1", "2"):
            layer.write_bytes(layer_of({"name": version.encode()} | files("f", 5, 50_000, version)))
            push_multiarch(registry, "packed", "1", {"amd64": [busybox_rootfs("amd64"), layer]})
            packed.version = version
            packed.define(app=[f"{registry.host}/packed:1"])
            packed.lock(update=True)
            rpms.append([str(rpm) for rpm in packed.build()])
        locked = [each.digest.removeprefix("sha256:") for each in packed.locked.packs]
        bundled = []
        for version in ("0", "3"):
            whole = Packed(home / version, layers="bundled", version=version)
            whole.define(app=[f"{registry.host}/packed:1"])
            whole.lock()
            bundled += [str(rpm) for rpm in whole.build()]
    device_program.cache_clear()
    assert (len(rpms[0]), len(rpms[1]), len(locked)) == (3, 4, 2)
    second = [rpm for rpm in rpms[1] if rpm not in rpms[0]]
    packs = [f"{PACKS}/{digest}" for digest in locked]
    yield Built(home, f"{registry.host}/packed:1", rpms[0], second, packs, bundled)


@pytest.fixture
def device(packages: Packages, built: Built) -> Iterator[Device]:
    with packed_device("debian12", packages, built) as device:
        yield device


def packed_device(kind: Kind, packages: Packages, built: Built) -> Device:
    device = Device(kind, packages, on=False, shared=[built.home])
    device.prepare("/usr/sbin/dmsetup", _DMSETUP, 0o755)
    device.switch_on()
    return device


def install(device: Device, rpms: list[str]) -> None:
    device.rpm("--upgrade", "--nodeps", "--replacepkgs", *rpms)


def states(device: Device) -> str:
    return device.run(["systemctl", "is-active", MOUNT, SERVICE], check=False).stdout


def mapped(device: Device) -> list[str]:
    """Return the mapped devices that there are."""
    directory = device.outside("/run/mapper")
    names = sorted(path.name for path in directory.glob("[!.]*")) if directory.exists() else []
    there = (device.run(["dmsetup", "info", name], check=False).returncode for name in names)
    return [name for name, code in zip(names, there, strict=True) if code == 0]


def test_its_life(device: Device, built: Built) -> None:
    """With the systemd that EL 9 has."""
    before = device.state()
    install(device, built.first)
    assert states(device) == "active\nactive\n"
    assert device.name_in(built.image) == "1"
    units = ("/usr/lib/systemd/system/run-paack-app.mount", f"/usr/lib/systemd/system/{SERVICE}")
    assert device.run(["systemd-analyze", "verify", *units]).stderr == ""
    device.restart()
    assert states(device) == "active\nactive\n"
    waits = ("sh", "-c", "until [ -e /go ]; do sleep 0.1; done; cat /name")
    device.podman("run", "--detach", "--name=old", *RUN, built.image, *waits)

    install(device, built.second)
    assert mapped(device) == ["paack-app-1", "paack-app-2"]
    assert device.name_in(built.image) == "2"
    device.podman("exec", "old", "touch", "/go")
    device.podman("wait", "old")
    assert device.podman("logs", "old").stdout == "1"
    device.podman("rm", "old")
    assert mapped(device) == ["paack-app-2"]

    device.rpm("--erase", "app")
    assert mapped(device) == []
    assert states(device) == "inactive\ninactive\n"
    device.rpm("--erase", *(Path(rpm).name[: -len(".x86_64.rpm")] for rpm in built.first[:1]))
    device.rpm("--erase", *(Path(rpm).name[: -len(".x86_64.rpm")] for rpm in built.second[:1]))
    device.rpm("--erase", Path(built.first[1]).name[: -len(".noarch.rpm")])
    assert device.state() == before


def test_a_boot_without_a_pack(packages: Packages, built: Built) -> None:
    """The boot goes on, the other stores are there; the pack comes back, and the store with it."""
    with packed_device("debian13", packages, built) as device:
        install(device, [*built.first, packages.other])
        device.run(["mv", built.packs[0], "/root/pack"])
        device.restart()
        assert states(device) == "inactive\nfailed\n"
        assert device.names() == {packages.image("common:1"), packages.image("tool:1")}
        device.run(["mv", "/root/pack", built.packs[0]])
        device.run(["systemctl", "restart", MOUNT])
        assert device.name_in(built.image) == "1"


def test_from_one_file_to_packs_and_back(device: Device, built: Built) -> None:
    before = device.state()
    old, new = built.bundled
    install(device, [old])
    waits = ("sh", "-c", "until [ -e /go ]; do sleep 0.1; done; cat /name")
    device.podman("run", "--detach", "--name=old", *RUN, built.image, *waits)
    install(device, built.first)
    assert states(device) == "active\nactive\n"
    assert device.name_in(built.image) == "1"
    device.podman("run", "--detach", "--name=new", *RUN, built.image, *waits)
    install(device, [new])
    assert states(device) == "active\ninactive\n"
    assert not device.outside("/run/paack-packs-app").exists()
    for name, content in (("old", "2"), ("new", "1")):
        device.podman("exec", name, "touch", "/go")
        device.podman("wait", name)
        assert device.podman("logs", name).stdout == content
        device.podman("rm", name)
    assert mapped(device) == []
    device.rpm("--erase", "app", *(Path(rpm).name.rsplit(".", 2)[0] for rpm in built.first[:2]))
    assert device.state() == before


def test_killed(device: Device, built: Built) -> None:
    """An upgrade at one program of its scriptlets after the other; the next try mends all."""
    transaction.prepare(device)
    for number in count(1, 1 if THOROUGH else 5):
        install(device, built.first)
        options = ("--upgrade", "--nodeps", "--replacepkgs", *built.second)
        if not transaction.killed_at_program(device, number, *options):
            break
        # A join that systemd has begun is ended first: its loop devices are the machine's.
        device.run(["systemctl", "start", MOUNT], check=False)
        if number % 2:
            device.restart()
        start_services(device)
        install(device, built.second)
        assert device.name_in(built.image) == "2"
        assert device.rpm("--verify", "--nodeps", "app").stdout == ""
        assert mapped(device) == [device.outside("/run/paack-packs-app/device").readlink().name]
        device.rpm("--erase", "app")
    assert number > 3
