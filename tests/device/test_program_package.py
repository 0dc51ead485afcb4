"""The program of devices as a package of its own, beside packages that bring it themselves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from paack.helpers.rpm.device_program import device_program, program_name
from paack.helpers.rpm.part_name import is_part_file
from tests.device.device import Device
from tests.device.layer_packages import DEFINITION, Rpms, name
from tests.device.packages import APP, Packages
from tests.device.test_layers import doctor, images
from tests.device.test_program import programs
from tests.support.commands import run
from tests.support.product import PROGRAM, Paack

DOCTOR = f"{device_program().directory}/doctor"
#: What another paack does otherwise: its number; the program in each package, as before.
_NEWER = "import paack.helpers.rpm.device_program as p; p.NUMBER += 1"
_INSIDE = (
    "from paack.helpers.definition import Package; Package.is_thin = property(lambda _: False)"
)


@dataclass(frozen=True)
class Others:
    """RPMs of ``one`` by others: by a newer paack (version 3), with the program inside (1.5)."""

    newer: Path
    newer_program: Path
    inside: Path
    repository: Path


@pytest.fixture(scope="module")
def others(packages: Packages, rpms: Rpms) -> Others:
    built: dict[str, list[Path]] = {}
    for version, patch in (("3", _NEWER), ("1.5", _INSIDE)):
        paack = Paack(packages.repository / f"other-{version}", rpms.registry.registries_conf)
        paack.program = f"{patch}; {PROGRAM}"
        paack.home.mkdir()
        # The same groups
        shutil.copy(rpms.paack.home / "app.lock.yaml", paack.home)
        text = DEFINITION.format(version=2, host=rpms.host)
        definition = paack.define(text.replace("version: '2'", f"version: '{version}'"))
        built[version] = [rpm for rpm in paack.build(definition) if name(rpm) != "two"]
    repository = packages.repository / "thin"
    repository.mkdir()
    for rpm in (*rpms.one, *rpms.groups, rpms.program, *built["3"]):
        shutil.copy(rpm, repository)
    run(["createrepo_c", "--quiet", str(repository)])
    newer, newer_program = (
        next(rpm for rpm in built["3"] if name(rpm).startswith(start))
        for start in ("one", "container-device-")
    )
    (inside,) = (rpm for rpm in built["1.5"] if not is_part_file(rpm.name))
    assert not any(name(rpm) == program_name() for rpm in built["1.5"])
    return Others(newer, newer_program, inside, repository)


def owners(device: Device) -> list[str]:
    """Return the packages that have this paack's program."""
    said = device.rpm("--query", "--queryformat=%{NAME}\n", "--file", DOCTOR).stdout
    return sorted(said.splitlines())


def test_dnf_brings_and_removes_it(device: Device, rpms: Rpms, others: Others) -> None:
    before = device.state()

    def dnf(*words: str) -> None:
        where = f"--repofrompath=thin,file://{others.repository}"
        device.dnf(where, "--setopt=thin.gpgcheck=0", *words)

    dnf("install", "one-1")
    assert device.names() == images(rpms, "one:1")
    assert programs(device) == [device_program().name]
    assert owners(device) == [program_name()]
    assert device.verify(program_name()) == device.verify("one") == ""
    assert doctor(device) == []
    dnf("upgrade", "one-2")
    assert programs(device) == [device_program().name]

    dnf("upgrade")
    new = name(others.newer_program).removeprefix("container-device-")
    assert programs(device) == [device_program().name, new]
    assert device.names() == images(rpms, "one:2")
    dnf("autoremove")
    assert programs(device) == [new]
    assert device.names() == images(rpms, "one:2")
    assert doctor(device) == []
    device.restart()
    assert device.names() == images(rpms, "one:2")
    dnf("downgrade", "one-1")
    dnf("autoremove")
    assert programs(device) == [device_program().name]
    assert device.names() == images(rpms, "one:1")
    assert doctor(device) == []
    dnf("remove", "one")
    assert device.rpm("--query", program_name(), check=False).returncode == 1
    assert device.state() == before


def test_from_packages_with_it_inside_and_back(device: Device, rpms: Rpms, others: Others) -> None:
    """Both have the same files: what one of them takes away stays for the other."""
    before = device.state()
    layers = rpms.needed(rpms.one[1])
    device.rpm("--install", str(others.inside), *layers)
    assert owners(device) == ["one"]
    for _ in range(2):
        device.rpm("--upgrade", str(rpms.one[1]), str(rpms.program))
        assert owners(device) == [program_name()]
        assert device.verify("one") == device.verify(program_name()) == ""
        assert device.names() == images(rpms, "one:2")
        assert doctor(device) == []
        device.rpm("--upgrade", "--oldpackage", str(others.inside))
        assert owners(device) == sorted(["one", program_name()])
        device.rpm("--erase", program_name())
        assert owners(device) == ["one"]
        assert device.verify("one") == ""
        assert device.names() == images(rpms, "one:2")
        assert doctor(device) == []
    device.rpm("--erase", "one", *map(name, layers))
    assert device.state() == before


def test_beside_packages_with_all_layers(
    device: Device, packages: Packages, rpms: Rpms, others: Others
) -> None:
    """And beside the program of another paack: each goes when nothing has it any more."""
    before = device.state()
    bundled = {packages.image("app:1"), packages.image("common:1")}
    one = [str(rpms.one[1]), *rpms.needed(rpms.one[1])]
    # The program last: rpm puts it before what needs it
    device.rpm("--install", packages.v1, *one, str(rpms.program))
    assert owners(device) == sorted([APP, program_name()])
    assert device.names() == bundled | images(rpms, "one:2")
    refused = device.rpm("--erase", program_name(), check=False)
    assert f"{program_name()} = 1-1 is needed by (installed) one-2-1" in refused.stderr
    device.rpm("--upgrade", str(others.newer), str(others.newer_program))
    assert len(programs(device)) == 2
    device.rpm("--erase", program_name())
    assert owners(device) == [APP]
    assert device.verify(APP) == device.verify("one") == ""
    assert device.names() == bundled | images(rpms, "one:2")
    assert doctor(device) == doctor(device, APP) == []

    device.rpm("--upgrade", "--oldpackage", str(rpms.one[1]), str(rpms.program))
    device.rpm("--erase", APP, name(others.newer_program))
    assert owners(device) == [program_name()]
    assert device.verify("one") == device.verify(program_name()) == ""
    assert device.names() == images(rpms, "one:2")
    assert doctor(device) == []
    device.rpm("--erase", program_name(), *map(name, one))
    assert device.state() == before


def test_without_it(device: Device, rpms: Rpms) -> None:
    """Where rpm was told to ignore that it is needed, podman starts all the same."""
    one = [str(rpms.one[1]), *rpms.needed(rpms.one[1])]
    device.rpm("--install", "--nodeps", *one)
    assert device.images() == []
    device.rpm("--install", str(rpms.program))
    device.restart()  # which lists what is there
    assert device.names() == images(rpms, "one:2")
    assert doctor(device) == []
    device.rpm("--erase", "--nodeps", program_name())
    device.restart()
    assert device.names() == images(rpms, "one:2")
    device.rpm("--erase", *map(name, one))
    assert device.images() == []
    assert device.mounts() == []
