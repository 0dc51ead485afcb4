"""What the doctor says of packs. The joined image is a file here: tests/vm has device-mapper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from paack.helpers.rpm.device_program import device_program
from tests.device.doctor_host import diagnosis
from tests.device.shells import DIAGONAL, Combination
from tests.support.host import Host
from tests.support.packed import Packed, files, joined, push
from tests.support.product import unpack_rpm
from tests.support.registry import Registry

NAMES = ("one", "two")
PATH = "/usr/lib/container-images"
RESTART = "systemctl restart 'run-paack-{}.mount'"


class PackedHost:
    """A host with the packages NAMES, which need a pack of both; ``two`` has one of its own."""

    def __init__(self, host: Host, packed: Packed, rpms: list[Path]) -> None:
        self.host = host
        self.packs = [each.digest.removeprefix("sha256:") for each in packed.locked.packs]
        root = host.outside(Path("/"))
        for rpm in rpms:
            unpack_rpm(rpm, root)
        for name in NAMES:
            image = Path("/") / joined(root, name).name
            host.mount_image(image, Path(f"/run/paack/{name}"), "squashfs")

    def use(self, combination: Combination) -> None:
        """Have the doctor run by another shell, with another awk, from now on."""
        awk = {"busybox": "/usr/bin/busybox"}.get(combination.awk, f"/usr/bin/{combination.awk}")
        options = {"bash": " --posix", "busybox": " sh"}.get(combination.shell, "")
        self.host.run(["ln", "--symbolic", "--force", awk, "/usr/bin/awk"])
        first = f"1s|.*|#!/usr/bin/{combination.shell}{options}|"
        self.host.run(["sed", "--in-place", first, f"{device_program().directory}/doctor"])

    def said(self, *options: str) -> list[str]:
        """Return what the doctor of all packages says of packs."""
        done = self.host.run(["/usr/libexec/paack/one/doctor", "--all", *options], check=False)
        assert done.stderr == ""
        return [
            f"{status} {what}" for status, check, what in diagnosis(done).lines if check == "packs"
        ]

    def file(self, number: int) -> Path:
        """Return a pack, as this process finds it."""
        return self.host.outside(Path(f"/usr/lib/container-packs/{self.packs[number]}"))

    def fault(self, number: int, problem: str, name: str) -> str:
        """Return what is said of a pack, because of the package ``name``."""
        owner = f"container-pack-{self.packs[number][:24]}"
        cure = f"dnf install {owner}; {RESTART.format(name)}"
        file = f"/usr/lib/container-packs/{self.packs[number]}"
        return f"FAIL {file} of {owner} is {problem} ({cure})"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Packed, list[Path]]]:
    home = tmp_path_factory.mktemp("packs")
    both, own = files("both/", 60), files("own/", 10)
    with Registry(home) as registry, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_REGISTRIES_CONF", str(registry.registries_conf))
        packed = Packed(home / "app")
        packed.define(one=[push(registry, "one", both)], two=[push(registry, "two", both, own)])
        packed.lock()
        yield packed, packed.build()


@pytest.fixture(params=DIAGONAL[:1], ids=str)
def device(
    request: pytest.FixtureRequest, built: tuple[Packed, list[Path]]
) -> Iterator[PackedHost]:
    with Host(Path("/"), shared=[built[0].home]) as host:
        found = PackedHost(host, *built)
        found.use(request.param)
        yield found


@pytest.mark.parametrize("device", DIAGONAL, indirect=True, ids=str)
def test_all_are_there(device: PackedHost) -> None:
    assert device.said() == ["ok all 1 packs are there", "ok all 2 packs are there"]
    more = ", and what packages brought"
    assert device.said("--deep") == [
        f"ok all 1 packs are there{more}",
        f"ok all 2 packs are there{more}",
    ]


@pytest.mark.parametrize("device", DIAGONAL, indirect=True, ids=str)
def test_what_is_missing_or_damaged(device: PackedHost) -> None:
    """A pack that both need is said of both."""
    device.file(0).unlink()
    own = device.file(1).read_bytes()
    device.file(1).write_bytes(own[:-1])
    assert device.said() == [
        device.fault(0, "missing", "one"),
        device.fault(0, "missing", "two"),
        device.fault(1, "damaged", "two"),
    ]


def test_a_changed_byte(device: PackedHost) -> None:
    """All of a pack is read with --deep alone."""
    content = bytearray(device.file(1).read_bytes())
    content[5000] ^= 1
    device.file(1).write_bytes(content)
    assert device.said()[-1] == "ok all 2 packs are there"
    assert device.said("--deep")[-1] == device.fault(1, "damaged", "two")


@pytest.mark.parametrize("table", [b"", b"\0" * 200, None], ids=["empty", "zeros", "missing"])
def test_the_list_of_packs(device: PackedHost, table: bytes | None) -> None:
    place = device.host.outside(Path(f"{PATH}/two.packs"))
    place.unlink()
    if table is not None:
        place.write_bytes(table)
    said = device.said()
    assert said[:2] == [
        "ok all 1 packs are there",
        f"FAIL {PATH}/two.packs, the list of packs, is missing or damaged (dnf reinstall two)",
    ]
    # What it named is not known then.
    assert [line.partition(" ")[0] for line in said[2:]] == ["WARN"]


def test_a_pack_that_no_package_needs(device: PackedHost) -> None:
    (device.file(0).parent / ("ab" * 32)).write_bytes(b"old")
    name = "container-pack-" + ("ab" * 32)[:24]
    assert device.said()[-1] == (
        f"WARN no package needs {name} (dnf autoremove; what that leaves: dnf remove {name})"
    )
