"""Every command that the doctor names is typed as it stands, in the state in which it names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.device.device import Device
from tests.device.doctor_cases import CONF, CRIO, MASK, PODMAN_6, SHARED, STORE, file, program
from tests.device.doctor_host import DOCTOR, MOUNT, PATH, Diagnosis, diagnosis
from tests.device.packages import APP, Packages

RESTART = "systemctl restart 'run-paack-app\\x2dcontainers.mount'"
REINSTALL = f"dnf reinstall {APP}"
REPAIR = f"{DOCTOR} --repair"
COPY = f"cp {SHARED}/crio.conf {CRIO}; systemctl restart crio"
CRIO_IS_HERE = program("crio", "")


@dataclass(frozen=True)
class State:
    """A shell script that breaks something, the command that heals it, and a script after that."""

    script: str
    command: str
    after: str = ":"


STATES = {
    "not mounted": State(f"umount {MOUNT}", RESTART),
    "another file is mounted": State(
        f"umount {MOUNT}; cp {STORE} /var/tmp/x; mount -o loop,ro /var/tmp/x {MOUNT}", RESTART
    ),
    "replaced": State(f"cp {STORE} {STORE}.new; mv {STORE}.new {STORE}", RESTART),
    "no store in it": State(f"umount {MOUNT}; mount -t tmpfs none {MOUNT}", RESTART),
    "no file": State(f"rm {STORE}", REINSTALL),
    "a link that leads elsewhere": State(f"ln -sfn /mnt {PATH}", REINSTALL),
    "no list of images": State(f"rm {SHARED}/images", REINSTALL),
    "no description": State(f"rm {SHARED}/package", REINSTALL),
    "not listed": State(f"rm {CONF}", REPAIR),
    "a listed store is missing": State(
        f"sed -i 's|\"{PATH}\"|\"/no/such/store\", &|' {CONF}",
        f"sed -i 's|, *\"/no/such/store\"||; s|\"/no/such/store\" *,*||' {CONF}",
    ),
    "CRI-O, not listed": State(f"{CRIO_IS_HERE}; rm {CRIO}", COPY, "rm /usr/sbin/crio"),
    "CRI-O, a listed store is missing": State(
        f"{CRIO_IS_HERE}; mkdir -p /etc/crio/crio.conf.d; " + file(
            "/etc/crio/crio.conf.d/10-x", '[crio]\nstorage_option = ["imagestore=/no/such/store"]'
        ),
        "sed -i 's|\"[a-z.]*imagestore=/no/such/store\" *,*||' /etc/crio/crio.conf.d/10-x",
        "rm /usr/sbin/crio /etc/crio/crio.conf.d/10-x",
    ),
    "CRI-O, repairs": State(
        f"{CRIO_IS_HERE}; " + file("/etc/crio/crio.conf.d/99-x", "crio.internal_repair = true"),
        f"sed -i '/internal_repair/d' /etc/crio/crio.conf.d/99-x; {COPY}",
        "rm /usr/sbin/crio",
    ),
    "podman 6, masked": State(
        f"{PODMAN_6}; {file(MASK, '')}; sed -i '/{APP}/d' {CONF}", f"rm {MASK}",
        f"rm -r /usr/sbin/podman /etc/containers/storage.rootful.conf.d; {REPAIR}",
    ),
    "a file that is not TOML": State(
        f"cp {CONF} /run/; echo '[storage' >>{CONF}", "mend it", f"cp /run/storage.conf {CONF}"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def device(packages: Packages) -> Iterator[Device]:
    with Device("debian13", packages) as device:
        device.rpm("--install", packages.v1)
        repository = f"[packages]\nname=packages\nbaseurl=file://{packages.repository}\n"
        device.write("/etc/yum.repos.d/packages.repo", repository)
        device.write("/etc/dnf/dnf.conf", "[main]\nassumeyes=1\nplugins=0\ngpgcheck=0\n")
        yield device


def doctor(device: Device) -> Diagnosis:
    return diagnosis(device.run([DOCTOR], check=False))


def cures(said: Diagnosis) -> list[str]:
    """Return what stands at the end of each line that is not ok."""
    messages = [message for status, _, message in said.lines if status != "ok"]
    return [message.rpartition(" (")[2][:-1] for message in messages]


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_cure(device: Device, state: State) -> None:
    device.run(["sh", "-c", state.script], check=False)
    said = doctor(device)
    assert state.command in cures(said), said
    device.run(["sh", "-c", state.after if state.command == "mend it" else state.command])
    left = cures(doctor(device))
    assert state.command not in left
    device.run(["sh", "-c", state.after], check=False)
    assert doctor(device).code == 0


def test_restarted_often(device: Device) -> None:
    """By default systemd refuses the sixth start in ten seconds."""
    device.run(["sh", "-ec", f"for i in 1 2 3 4 5 6; do {RESTART}; done"])
    assert doctor(device).code == 0


def test_records(device: Device, packages: Packages) -> None:
    device.podman("tag", packages.image("app:1"), "localhost/app:mine")
    (warning,) = cures(doctor(device))
    device.run(["sh", "-c", warning.partition(" removes them")[0]])
    assert cures(doctor(device)) == []
    device.podman("tag", packages.image("app:1"), "localhost/app:mine")
    device.rpm("--upgrade", packages.v2)
    (command,) = cures(doctor(device))
    device.run(["sh", "-c", command])
    assert cures(doctor(device)) == []
