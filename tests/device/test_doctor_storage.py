"""The doctor's repair of storage without podman's help, as on hosts of CRI-O alone."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device.doctor_host import (
    DOCTOR,
    GONE,
    OTHER_STORE,
    THERE,
    DoctorHost,
    crio_host,
    without,
)
from tests.device.doctor_storage import FILES, Record, Storage, dump, identifier, link_of
from tests.device.packages import Packages
from tests.device.shells import COMBINATIONS, DIAGONAL, Combination

LAYERS, VOLATILE_LAYERS, IMAGES, _, VOLATILE_CONTAINERS = FILES
_KILLER = """#!/bin/sh
read -r left </run/calls-left
case $left in
'' | 0 | *[!0-9]*) ;; # programs in a pipeline come at the same time
1) : >/run/killed && echo 0 >/run/calls-left && kill -KILL $PPID ;;
*) echo "$((left - 1))" >/run/calls-left ;;
esac
exec /usr/bin/{program} "$@"
"""


@pytest.fixture(scope="module")
def crio(packages: Packages) -> Iterator[DoctorHost]:
    with crio_host(packages) as host:
        yield host


def crio_container(number: int, layer: str) -> Record:
    """Return a record as CRI-O makes it."""
    name = f"k8s_app_app-{number}_default_11111111-2222-3333-4444-555555555555_0"
    metadata = {"pod-name": f"app-{number}", "pod-id": identifier(500), "image-name": "a/b:1"}
    return {
        "id": identifier(number),
        "names": [name, f"{name}-alias"],
        "image": identifier(600),
        "layer": layer,
        "metadata": dump({**metadata, "name": name, "created-at": 1795508071, "attempt": 1}),
        "created": "2026-11-24T08:14:31.749408982Z",
        "flags": {"MountLabel": "", "ProcessLabel": "a:b:c:s0:c1,c2", "Volatile": True},
    }


def crio_storage() -> tuple[Storage, set[tuple[str, str]]]:
    """Return storage of CRI-O after an update took an image away, and what dangles in it."""
    on_store, on_gone, pulled, top = (identifier(number) for number in (30, 31, 32, 33))
    records: dict[str, list[Record]] = {
        LAYERS: [{"id": pulled}, {"id": top, "parent": GONE, "names": ["odd \"name\" \\"]}],
        VOLATILE_LAYERS: [
            {"id": on_store, "parent": THERE[0], "names": ["x-layer"]},
            {"id": on_gone, "parent": GONE, "uidset": [0, 1000620000]},
        ],
        IMAGES: [
            {"id": identifier(40), "names": ["quay.io/a/pulled:1"], "layer": pulled},
            {"id": identifier(41), "names": ["quay.io/a/gone:1"], "layer": GONE},
            {"id": identifier(42), "names": ["quay.io/a/built:1"], "layer": top},
            {"id": identifier(43), "names": ["quay.io/a/empty:1"]},
        ],
        VOLATILE_CONTAINERS: [
            crio_container(50, on_gone),
            crio_container(51, on_store),
            crio_container(52, identifier(97)),
        ],
    }  # fmt: skip
    gone = {("layer", top), ("layer", on_gone), ("image", identifier(41))}
    gone |= {("image", identifier(42)), *(("container", identifier(n)) for n in (50, 52))}
    return Storage(records), gone


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_storage_of_crio(crio: DoctorHost, combination: Combination) -> None:
    crio.use(combination)
    storage, gone = crio_storage()
    assert storage.dangling(THERE) == gone
    storage.write(crio.graphroot)
    before = crio.files()
    said = crio.doctor()
    assert (said.code, said.errors) == (1, "")
    names = {line.split("(")[1].split(")")[0] for line in said.of("FAIL")}
    containers = {
        f"k8s_app_app-{n}_default_11111111-2222-3333-4444-555555555555_0" for n in (50, 52)
    }
    assert names == {"quay.io/a/gone:1", "quay.io/a/built:1", *containers}
    assert crio.files() == before
    repaired = crio.doctor("--repair")
    assert (repaired.code, repaired.errors, len(repaired.lines)) == (0, "", 5)
    assert without(crio.files(), ".lock") == without(crio.files_of(storage.without(gone)), ".lock")
    assert crio.doctor().code == 0
    assert crio.doctor("--repair").lines == crio.doctor().lines[-1:]


def test_containers_are_kept(crio: DoctorHost) -> None:
    """At boot: with all that they are made of, they are an administrator's affair."""
    storage, gone = crio_storage()
    storage.write(crio.graphroot)
    kept = {("container", identifier(50)), ("container", identifier(52)), ("layer", identifier(31))}
    assert storage.of_containers(THERE) == kept
    said = crio.doctor("--repair", "--keep-containers")
    assert (said.code, said.errors) == (0, "")
    assert len(said.of("ok")) == 2
    assert [line.partition(" (")[0] for line in said.of("WARN")] == [
        f"records: container {identifier(number)[:12]}" for number in (50, 52)
    ]
    removal = f"but is kept ({DOCTOR} --repair removes it, with what was written in it"
    assert [line.partition(removal)[2] for line in said.of("WARN")] == [
        f": {crio.graphroot}/overlay/{identifier(31)}/diff)",
        ")",
    ]
    expected = crio.files_of(storage.without(gone - kept))
    assert without(crio.files(), ".lock") == without(expected, ".lock")
    again = crio.files()
    assert crio.doctor("--repair", "--keep-containers").of("ok") == []
    assert crio.files() == again
    assert crio.doctor("--repair").code == 0
    assert without(crio.files(), ".lock") == without(crio.files_of(storage.without(gone)), ".lock")


def test_no_storage(crio: DoctorHost) -> None:
    """As at the first boot."""
    shutil.rmtree(crio.graphroot, ignore_errors=True)
    said = crio.doctor("--repair", "--keep-containers")
    assert (said.code, said.errors) == (0, "")
    assert said.lines == [("ok", "records", "there is no container storage")]
    assert not crio.graphroot.exists()


def test_a_store_that_cannot_be_read_stops_the_repair(crio: DoctorHost) -> None:
    storage, _ = crio_storage()
    storage.write(crio.graphroot)
    before = crio.files()
    file = OTHER_STORE / "overlay-layers/layers.json"
    good = crio.host.run(["cat", str(file)]).stdout
    crio.write(file, good[:-9])
    said = crio.doctor("--repair")
    crio.write(file, good)
    assert (said.code, len(said.lines)) == (1, 1)
    assert str(file) in said.lines[0][2]
    assert crio.files() == before


def test_only_links_of_the_layer_go(crio: DoctorHost) -> None:
    """A layer may name the link of another one, or a path."""
    mine, other = identifier(1), identifier(2)
    for link in (link_of(other), "../../../../etc/passwd", "", "a\nb"):
        Storage({LAYERS: [{"id": mine, "parent": GONE}, {"id": other}]}).write(crio.graphroot)
        (crio.graphroot / "overlay" / mine / "link").write_text(link)
        assert crio.doctor("--repair").code == 0
        left = [path.name for path in (crio.graphroot / "overlay").iterdir()]
        assert sorted(left) == sorted(["l", other])
        assert (crio.graphroot / "overlay" / "l" / link_of(other)).is_symlink()
    assert crio.host.run(["test", "-s", "/etc/passwd"]).returncode == 0


def test_services_are_told(crio: DoctorHost) -> None:
    """In the 64 bytes of each lock whose records changed, in place."""
    storage, _ = crio_storage()
    storage.write(crio.graphroot)
    locks = [crio.graphroot / f"overlay-{name}s" / f"{name}s.lock" for name in ("layer", "image")]
    locks.append(crio.graphroot / "overlay-containers/containers.lock")
    before = [(lock.stat().st_ino, lock.read_text()) for lock in locks]
    assert crio.doctor("--repair").code == 0
    changed = [(lock.stat().st_ino, lock.read_text()) for lock in locks]
    assert [inode for inode, _ in changed] == [inode for inode, _ in before]
    assert all(len(text) == 64 and int(text, 16) for _, text in changed)
    assert len({text for _, text in changed}) == 3


def test_what_is_mounted_stays(crio: DoctorHost) -> None:
    """A container of CRI-O goes on when CRI-O is stopped; its layers and what they need stay."""
    below, own, link = identifier(70), identifier(71), identifier(72)
    storage = Storage(
        {
            LAYERS: [{"id": below, "parent": GONE}, {"id": link, "parent": GONE}],
            VOLATILE_LAYERS: [{"id": own, "parent": below}, {"id": identifier(73), "parent": own}],
            IMAGES: [{"id": identifier(74), "layer": below}, {"id": identifier(75), "layer": GONE}],
            VOLATILE_CONTAINERS: [
                crio_container(76, own), crio_container(77, identifier(73)),
                crio_container(78, GONE),
            ],
        }
    )  # fmt: skip
    storage.write(crio.graphroot)
    lower = f"lowerdir={crio.graphroot}/overlay/l/{link_of(link)}:/etc"
    crio.host.run(["mkdir", f"{crio.graphroot}/overlay/{own}/merged"])
    mounts = [
        ["mount", "--bind", "/etc", f"{crio.graphroot}/overlay/{own}/merged"],
        ["mount", "--types=overlay", f"--options={lower}", "overlay", "/mnt"],
        ["mount", "--types=tmpfs", "x", f"{crio.graphroot}/overlay-containers/{identifier(78)}"],
    ]
    for mount in mounts:
        crio.host.run(mount)
    said = crio.doctor("--repair")
    assert said.code == 0
    assert len(said.of("WARN")) == 4
    gone = {("layer", identifier(73)), ("container", identifier(77)), ("image", identifier(75))}
    expected = storage.without(gone)
    for mount in mounts:
        crio.umount(Path(mount[-1]))
    (crio.graphroot / f"overlay/{own}/merged").rmdir()
    assert without(crio.files(), ".lock") == without(crio.files_of(expected), ".lock")
    assert crio.doctor("--repair").code == 0
    assert all(json.loads((crio.graphroot / file).read_text()) == [] for file in storage.records)


@pytest.mark.parametrize(("program", "step"), [("rm", 1), ("mv", 1), ("od", 1), ("awk", 3)])
def test_killed(crio: DoctorHost, program: str, step: int) -> None:
    """When it calls a program, or a subshell does; the next run completes."""
    crio.use(DIAGONAL[0])
    storage, gone = crio_storage()
    expected = without(crio.files_of(storage.without(gone)), ".lock")
    crio.write(Path("/usr/sbin") / program, _KILLER.format(program=program), 0o755)
    codes = []
    try:
        for call in range(1, 100, step):
            storage.write(crio.graphroot)
            crio.write(Path("/run/calls-left"), f"{call}\n")
            codes.append(crio.host.run([DOCTOR, "--repair"], check=False).returncode)
            crio.write(Path("/run/calls-left"), "0\n")
            killed = crio.host.run(["rm", "/run/killed"], check=False).returncode == 0
            again = crio.doctor("--repair")
            assert (again.code, again.errors) == (0, ""), call
            assert without(crio.files(), ".lock") == expected, call
            if not killed:
                break
    finally:
        crio.host.run(["rm", f"/usr/sbin/{program}"])
    assert len(codes) > 1
    assert codes[-1] == 0
    assert set(codes) <= {0, 1, -signal.SIGKILL}


def test_two_doctors_at_once(crio: DoctorHost) -> None:
    """Each package has one, and all of them run at a boot."""
    storage, gone = crio_storage()
    for _ in range(5):
        storage.write(crio.graphroot)
        both = (
            f"{DOCTOR} --repair >/run/1 & {DOCTOR} --repair >/run/2; code=$?; wait $! && exit $code"
        )
        assert crio.host.run(["sh", "-c", both], check=False).returncode == 0
        assert without(crio.files(), ".lock") == without(
            crio.files_of(storage.without(gone)), ".lock"
        )


def test_full_disk(crio: DoctorHost) -> None:
    images = [{"id": identifier(n), "layer": GONE if n == 5 else ""} for n in range(900)]
    records: dict[str, list[Record]] = {IMAGES: images}
    Storage(records).write(crio.graphroot)
    size = (crio.graphroot / IMAGES).stat().st_size
    crio.host.run(["mount", "--types=tmpfs", f"--options=size={size + 8192}", "x", "/mnt"])
    graph = crio.host.outside(Path("/mnt"))
    lock = "x" * 64
    for path, text in ((IMAGES, dump(records[IMAGES])), ("overlay-images/images.lock", lock)):
        crio.write(Path("/mnt") / path, text)
    crio.write(Path("/etc/crio/crio.conf"), '[crio]\nroot = "/mnt"\n')
    try:
        Storage({}).write(crio.graphroot)
        said = crio.doctor("--repair")
        assert said.code == 1
        assert "/mnt/overlay-images/images.json cannot be written" in said.of("FAIL")[0]
        assert (graph / IMAGES).read_text() == dump(records[IMAGES])
        assert sorted(path.name for path in (graph / "overlay-images").iterdir()) == [
            "images.json",
            "images.lock",
        ]
        crio.host.run(["mount", "--options=remount,size=10m", "/mnt"])
        assert crio.doctor("--repair").code == 0
        assert len(json.loads((graph / IMAGES).read_text())) == 899
    finally:
        crio.umount(Path("/mnt"))
        crio.host.run(["rm", "/etc/crio/crio.conf"])
