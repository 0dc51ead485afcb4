"""The doctor of a package, on hosts with podman 4.3 and 5.4: it tells what is wrong, and heals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from paack.helpers.lock.lock import read_lock
from paack.helpers.rpm.device_program import device_program
from tests.device.device import RUN, Device
from tests.device.doctor_host import (
    CONTAINER,
    DOCTOR,
    GREENBOOT,
    MOUNT,
    PATH,
    DoctorHost,
    diagnosis,
    without,
)
from tests.device.packages import APP, Packages
from tests.device.shells import DIAGONAL, Combination
from tests.support.commands import run
from tests.support.layer_ids import make_unsalted
from tests.support.podman import KINDS, Kind

FINE = [
    "kernel: it can mount squashfs",
    f"store: {PATH}.squashfs is mounted",
    f"podman: it lists the store {PATH}",
    "images: podman finds all references, by tag and by digest",
]
REPAIR = f"({DOCTOR} --repair)"
#: What podman writes when it only looks, or when it cleans up behind a container that has ended.
PODMANS = (".lock", "bolt_state.db", "db.sql")
#: What podman and the repair themselves write besides the records.
WRITTEN = (*PODMANS, "images.json", "layers.json", "containers.json")


@pytest.fixture(params=KINDS)
def host(request: pytest.FixtureRequest, packages: Packages) -> Iterator[DoctorHost]:
    kind: Kind = request.param
    with DoctorHost(kind, packages) as host:
        yield host


@pytest.fixture
def debian13(packages: Packages) -> Iterator[DoctorHost]:
    with DoctorHost("debian13", packages) as host:
        yield host


def short(record: dict[str, str]) -> str:
    """Return the ID of a record as the doctor shows it."""
    return record["id"][:12]


def test_the_program(debian13: DoctorHost) -> None:
    program = "".join(file.content for file in device_program().files[:2])
    checked = run(["shellcheck", "--shell=sh", "--exclude=SC2317", "-"], stdin=program, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")
    for wrong in (["--no"], ["x"], ["--force"], ["--keep-containers"], ["--repair", "--yes"]):
        said = debian13.doctor(*wrong)
        assert (said.code, said.lines) == (2, [])
        assert said.errors.startswith("usage: doctor ")
    nobody = debian13.host.run(["setpriv", "--reuid=65534", DOCTOR], check=False)
    assert (nobody.returncode, nobody.stdout) == (2, "")
    assert "only root" in nobody.stderr


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_a_healthy_host(packages: Packages, combination: Combination) -> None:
    with DoctorHost("debian12", packages) as host:
        host.use(combination)
        nothing = f"records: nothing in {host.graphroot} needs a layer that is gone"
        said = host.doctor()
        assert (said.code, said.errors) == (0, "")
        assert (said.of("ok"), len(said.lines)) == ([*FINE, nothing], len(FINE) + 1)
        before = host.files()
        repaired = host.doctor("--repair")
        assert (repaired.code, repaired.errors, repaired.of("ok")) == (0, "", [nothing])
        assert host.files() == before
        greenboot = host.host.run([GREENBOOT])
        assert diagnosis(greenboot) == said
        strict = host.host.run([DOCTOR], env={"POSIXLY_CORRECT": "1"})
        assert diagnosis(strict) == said
        assert host.doctor("--quiet").lines == []
        printed = json.loads(host.host.run([DOCTOR, "--json"]).stdout)
        assert (printed["package"], printed["ok"]) == (APP, True)
        assert [f"{each['check']}: {each['message']}" for each in printed["checks"]] == [
            *FINE,
            nothing,
        ]


@pytest.mark.parametrize("way", ["podman", "files"])
def test_records_of_images_that_are_gone(host: DoctorHost, packages: Packages, way: str) -> None:
    """A tag, an untag, a created and a stopped container; and others, which stay."""
    app, common, online = (packages.image(name) for name in ("app:1", "common:1", "online:1"))
    host.podman("pull", "--quiet", f"docker://{online}")
    host.podman("create", "--name=alive", *CONTAINER, online, "cat", "/name")
    host.podman("tag", online, "localhost/online:mine")
    innocent = {kind: host.records(kind) for kind in ("images", "layers", "containers")}
    host.podman("tag", app, "localhost/app:mine")
    host.podman("create", "--name=created", *CONTAINER, app, "cat", "/name")
    host.podman("run", "--name=stopped", *CONTAINER, common, "true")
    host.podman("untag", common, common)
    gone = {
        kind: [record for record in host.records(kind) if record not in innocent[kind]]
        for kind in innocent
    }
    assert [len(records) for records in gone.values()] == [2, 2, 2]
    host.install(packages.v2)
    before = host.files()

    said = host.doctor()
    assert said.code == 1
    names = [f"container {short(record)} ({record['names'][0]})" for record in gone["containers"]]
    shown = [line.partition(" needs the layer ")[0] for line in said.of("FAIL")]
    assert shown[-4:-2] == [f"records: {name}" for name in names]
    assert [line.split()[2] for line in shown[-2:]] == [short(each) for each in gone["images"]]
    assert all(line.endswith(f"which is gone {REPAIR}") for line in said.of("FAIL")[-2:])
    removal = f"which is gone ({DOCTOR} --repair removes it, with what was written in it: "
    assert [line.partition(removal)[2] for line in said.of("FAIL")[-4:-2]] == [
        f"{host.graphroot}/overlay/{record['layer']}/diff)" for record in gone["containers"]
    ]
    assert without(host.files(), *PODMANS) == without(before, *PODMANS)

    repaired = host.doctor("--repair") if way == "podman" else host.without_podman("--repair")
    assert (repaired.code, repaired.errors) == (0, "")
    removed = sorted(line.partition(" (")[0] for line in repaired.of("ok")[:-1])
    assert removed == sorted(
        f"records: removed the {kind[:-1]} {short(record)}"
        for kind in ("images", "containers")
        for record in gone[kind]
    )
    assert {kind: host.records(kind) for kind in innocent} == innocent
    identifiers = [record["id"] for records in gone.values() for record in records]
    links = [
        path
        for path, what in before.items()
        if path.startswith("overlay/l/") and any(name in what for name in identifiers)
    ]
    assert len(links) == 2
    expected = without(before, *identifiers, *links, *WRITTEN)
    assert without(host.files(), *WRITTEN) == expected
    if way == "files":  # podman has records of its own of its containers
        host.podman("rm", "created", "stopped")
    assert host.doctor().of("ok")[: len(FINE)] == FINE
    assert host.doctor().code == 0
    assert host.podman("ps", "--all", "--format={{.Names}}").stdout == "alive\n"
    assert host.podman("start", "--attach", "alive").stdout == "online:1\n"
    assert host.run(packages.image("app:2"), "cat", "/name").stdout == "app:2\n"
    assert host.run("localhost/online:mine", "cat", "/name").stdout == "online:1\n"
    host.podman("pull", "--quiet", f"docker://{app}")
    assert host.run(app, "cat", "/name").stdout == "app:1\n"


def test_a_running_container_goes_on(host: DoctorHost, packages: Packages) -> None:
    app = packages.image("app:1")
    host.podman("run", "--detach", "--name=runs", *CONTAINER, app, "sleep", "1000")
    host.podman("tag", app, "localhost/app:mine")
    (image,) = host.records("images")
    host.install(packages.v2)
    said = host.without_podman("--repair", "--force")
    assert said.code == 0
    assert [line.partition(" (")[0] for line in said.of("ok")] == [
        f"records: removed the image {short(image)}"
    ]
    (warning,) = said.of("WARN")
    assert "(runs) needs the layer " in warning
    assert "is in use" in warning
    assert host.podman("exec", "runs", "cat", "/name").stdout == "app:1\n"
    assert host.doctor().code == 0
    host.podman("kill", "runs")
    host.podman("wait", "runs", check=False)
    assert host.doctor().code == 1
    assert host.doctor("--repair").code == 0
    assert host.podman("ps", "--all", "--quiet").stdout == ""
    assert host.records("layers") == []


def test_layers_on_top_of_one_that_is_gone(host: DoctorHost, packages: Packages) -> None:
    """As a store with podman's own layer IDs leaves them behind after a pull."""
    home = packages.repository
    lock = read_lock(home / "0.lock.yaml")
    assert lock is not None
    store = Path("/run/unsalted")
    unsalted = home / "unsalted.squashfs"
    if not unsalted.exists():
        make_unsalted(unsalted, lock, home / "cache" / "paack")
    host.mount_image(unsalted, store, "squashfs")
    host.use_stores([PATH, store])
    online = packages.image("online:1")
    host.podman("pull", "--quiet", f"docker://{online}")
    (layer,) = host.records("layers")
    assert host.doctor().code == 0
    before = host.files()
    host.umount(store)
    missing = host.doctor("--repair")
    assert missing.of("FAIL")[0] == (
        f"repair: not done: the store {store} is listed, but not there "
        "(mount it or take it off the list, then try again)"
    )
    assert host.files() == before
    host.use_stores([PATH])
    said = host.doctor()
    assert said.code == 1
    assert said.of("FAIL")[-1].endswith(
        f"({online}) needs the layer {layer['parent'][:12]}, which is gone {REPAIR}"
    )
    assert host.doctor("--repair").code == 0
    assert (host.records("images"), host.records("layers")) == ([], [])
    assert [path for path in host.files() if layer["id"] in path] == []
    host.podman("pull", "--quiet", f"docker://{online}")
    assert host.run(online, "cat", "/name").stdout == "online:1\n"


def test_podman_refuses_to_remove_a_container(debian13: DoctorHost, packages: Packages) -> None:
    """One that is alive depends on it: podman's word counts."""
    host = debian13
    online = packages.image("online:1")
    host.podman("pull", "--quiet", f"docker://{online}")
    host.podman("create", "--name=needed", *CONTAINER, packages.image("app:1"), "true")
    more = ("--name=alive", "--ipc=container:needed", *CONTAINER)
    host.podman("create", *more, online, "true")
    host.install(packages.v2)
    before = host.files()
    said = host.doctor("--repair")
    assert said.code == 1
    (refused,) = said.of("FAIL")
    assert "(needed): podman does not remove it: " in refused
    assert "has dependent containers" in refused
    assert without(host.files(), *WRITTEN) == without(before, *WRITTEN)
    assert len(host.records("containers")) == 2
    host.podman("rm", "alive")
    assert host.doctor("--repair").code == 0
    assert host.records("containers") == []


def test_names_for_an_image_of_the_store(host: DoctorHost, packages: Packages) -> None:
    """They bar a pull of the same image; the doctor tells how to get rid of them."""
    app = packages.image("app:1")
    host.podman("tag", app, "localhost/app:mine")
    (image,) = host.records("images")
    said = host.doctor()
    assert said.code == 0
    (warning,) = said.of("WARN")
    assert warning.startswith(f"records: image {short(image)} (")
    assert "localhost/app:mine" in warning
    before = without(host.files(), *PODMANS)
    assert host.doctor("--repair").code == 0
    assert without(host.files(), *PODMANS) == before
    assert host.podman("pull", f"docker://{app}", check=False).returncode == 125
    cure = f"podman rmi --force {short(image)}"
    assert cure in warning
    host.podman(*cure.split()[1:])
    assert host.doctor().of("WARN") == []
    host.podman("pull", "--quiet", f"docker://{app}")
    assert host.doctor().of("WARN") == []


@pytest.mark.parametrize("user", ["podman", "crio"])
def test_storage_in_use_is_left_alone(debian13: DoctorHost, packages: Packages, user: str) -> None:
    host = debian13
    host.podman("tag", packages.image("app:1"), "localhost/app:mine")
    host.install(packages.v2)
    before = host.files()
    commands = {
        "podman": "podman system service --time=0 unix:///run/service.sock",
        "crio": "cp /bin/sleep /run/crio && /run/crio 1000",
    }
    host.host.run(["sh", "-c", f"{commands[user]} >/dev/null 2>&1 & echo $! >/run/user"])
    host.host.run(["sh", "-c", f"until grep -qx {user} /proc/$(cat /run/user)/comm; do :; done"])
    said = host.doctor("--repair")
    assert said.code == 1
    assert said.of("FAIL")[0] == (
        f"repair: not done: storage is in use by {user} (stop that and try again, or --force)"
    )
    assert without(host.files(), *PODMANS) == without(before, *PODMANS)
    assert host.doctor("--repair", "--force").code == 0
    assert host.records("images") == []
    if user == "podman":  # the service reads the records again
        listed = host.podman(
            "--remote", "--url=unix:///run/service.sock", "images", "--format=json"
        )
        assert [each["Names"][0] for each in json.loads(listed.stdout)] == [packages.image("app:2")]


@pytest.mark.parametrize("name", [APP, "another-package"])
def test_a_store_that_is_not_mounted_stops_the_repair(
    debian13: DoctorHost, packages: Packages, name: str
) -> None:
    """Its layers are only away; what needs them must not go."""
    host = debian13
    host.podman("create", "--name=made", *CONTAINER, packages.image("app:1"), "cat", "/name")
    where = MOUNT.with_name(name)
    if name == APP:  # podman makes the locks of a store where they are missing
        host.umount(MOUNT)
        host.host.run(["find", str(MOUNT), "-type", "f", "-delete"])
        host.podman("images")
    else:
        host.skeleton(where)
        host.install(packages.v2)
    before = host.files()
    said = host.doctor("--repair")
    assert said.code == 1
    assert said.of("FAIL")[0] == (
        f"repair: not done: the store {where} is not mounted "
        "(mount it or take it off the list, then try again)"
    )
    assert "(made) needs the layer" in said.of("FAIL")[1]
    assert DOCTOR not in said.of("FAIL")[1]
    assert host.files() == before
    host.install(packages.v1)
    assert host.podman("start", "--attach", "made").stdout == "app:1\n"


def test_it_repairs_at_each_boot(packages: Packages) -> None:
    with Device("debian13", packages) as device:
        device.rpm("--install", packages.v1)
        write = ("sh", "-c", "echo mine >/data")
        device.podman("run", "--name=made", *RUN, packages.image("app:1"), *write)
        device.podman("tag", packages.image("common:1"), "localhost/common:mine")
        device.rpm("--upgrade", packages.v2)
        device.restart()
        assert device.names(read_only=False) == set()
        assert device.name_in(packages.image("app:2")) == "app:2"
        assert device.run(["systemctl", "is-system-running"]).stdout == "running\n"
        # A container is kept with what was written in it. docs/device.md says how to get at that.
        assert device.podman("ps", "--all", "--format={{.Names}}").stdout == "made\n"
        said = diagnosis(device.run([DOCTOR], check=False))
        assert said.code == 1
        (line,) = said.of("FAIL")
        assert "(made) needs the layer" in line
        where = line.rpartition(" ")[2].rstrip(")")
        assert device.run(["cat", f"{where}/data"]).stdout == "mine\n"
        device.run([DOCTOR, "--repair"])
        assert device.podman("ps", "--all", "--quiet").stdout == ""
        assert device.run([DOCTOR]).stderr == ""
