"""Quadlet units of packages, under real systemd and podman's real generators, with no registry."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.device.device import Device
from tests.device.packages import Packages
from tests.support.apt import bootstrap
from tests.support.cache import cached
from tests.support.commands import run
from tests.support.podman import Kind
from tests.support.product import Paack

NAME = "shop-containers"
MOUNT = "run-paack-shop"
ALWAYS = ("web", "shop-pod", "db", "crate", "data-volume", "job@1")
OLD, NEW = ("old",), ("new", "tick@a")
DOCTOR = f"/usr/libexec/paack/{NAME}/doctor"
QUADLET = "(/usr/libexec/podman/quadlet -dryrun says why)"
#: Devices have no generators of the machine's.
GENERATOR = "/etc/systemd/system-generators/podman-system-generator"
# After a power cut the first call of podman 5.4 may crash, whichever unit it is of.
_INSTALL = "[Service]\nRestart=on-failure\n[Install]\nWantedBy=multi-user.target\n"
# This machine gives no control groups to containers of containers.
_HERE = "PodmanArgs=--cgroups=disabled\n"
_EXEC = "Exec=sh -c 'trap exit TERM; while :; do sleep 1; done'\n"
_CRATE = """
apiVersion: v1
kind: Pod
metadata: {name: crate}
spec:
  containers:
  - {name: only, image: IMAGE, command: [sleep, infinity]}
  terminationGracePeriodSeconds: 0
"""


def units(packages: Packages, version: int) -> Mapping[str, str]:
    """Return the files of a version's units."""

    def container(image: str, more: str) -> str:
        return f"[Container]\nImage={packages.image(image)}\n{_HERE}{_EXEC}{more}"

    alone = f"Network=none\n{_INSTALL}"
    new = {
        "new.container": container("common:1", alone),
        "tick@.container": container("online:1", f"{alone}DefaultInstance=a\n"),
    }
    return {
        "web.container": container(f"app:{version}", f"Volume=data.volume:/data\n{alone}"),
        "data.volume": f"[Volume]\nDriver=image\nImage={packages.image('tool:1')}\n{_INSTALL}",
        "shop.pod": f"[Pod]\nPodName=shop\nNetwork=none\n{_INSTALL}",
        "db.container": container("common:1", "Pod=shop.pod\n[Service]\nRestart=on-failure\n"),
        "crate.kube": f"[Kube]\nYaml=crate.yaml\n{alone}",
        "crate.yaml": _CRATE.replace("IMAGE", packages.image("online:1")),
        "job@.container": container("online:1", f"Environment=JOB=%i\n{alone}"),
        **({"old.container": container("common:1", alone)} if version == 1 else new),
    }


@pytest.fixture(scope="module")
def shop(packages: Packages) -> list[str]:
    """Three versions of a package with units; the third one starts them."""
    home = packages.repository / "units"
    home.mkdir()
    paack = Paack(home, packages.registry.registries_conf)
    text = ""
    for version, start in ((1, "boot"), (2, "boot"), (3, "now")):
        release = min(version, 2)
        directory = home / f"units{version}"
        directory.mkdir()
        for name, content in units(packages, release).items():
            (directory / name).write_text(content)
        (directory / "job@1.container").symlink_to("job@.container")
        images = [f"app:{release}", "common:1", "tool:1", "online:1"]
        named = ", ".join(map(packages.image, images))
        text = f"name: {NAME}\nversion: '{version}'\narches: [x86_64]\nimages: [{named}]\n"
        text += f"units: [{directory.name}]\nstartUnits: {start}\n"
        paack.build(paack.define(text, f"{version}.yaml"))
    return [str(home / f"out/rpms/x86_64/{NAME}-{each}-1.x86_64.rpm") for each in (1, 2, 3)]


@pytest.mark.parametrize("kind", ["debian13", "sid"])
def test_life(kind: Kind, packages: Packages, shop: list[str]) -> None:
    first, second, third = shop
    with Device(kind, packages, on=False) as device:
        device.run_beside(["rm", f"@ROOT{GENERATOR}"])
        # Of podman's dependencies, the one that pods need
        device.run_beside(["cp", str(cached("catatonit", _make_catatonit)), "@ROOT/usr/bin/"])
        # This machine has no controller for it
        no_limit = "[containers]\npids_limit = 0\n"
        device.prepare("/etc/containers/containers.conf.d/pids.conf", no_limit)
        device.switch_on()
        before = device.state()
        registry = f'[[registry]]\nlocation = "{packages.registry.host}"\nblocked = true\n'
        device.write("/etc/containers/registries.conf", registry)
        mine = "/etc/containers/systemd/web.container.d/mine.conf"
        device.write(mine, "[Container]\nEnvironment=MINE=1\n")

        device.rpm("--install", first)
        assert active(device) == set()
        device.run(["systemctl", "start", "web.service"])
        assert active(device) == {"web", "data-volume"}
        assert inside(device, "web", "cat", "/name", "/data/name") == "app:1\ntool:1\n"
        for dependency in ("After", "Wants"):
            assert MOUNT in show(device, "web", dependency)

        device.restart()
        comes(device, {*ALWAYS, *OLD})
        assert "JOB=1" in inside(device, "job_1", "env")
        assert "MINE=1" in inside(device, "web", "env")

        assert device.run([DOCTOR, "--quiet"]).stdout == ""
        mount = "/run/containers/systemd/db.container"
        device.write(mount, "[Container]\nNo=1\n")
        device.run(["systemctl", "daemon-reload"])
        said = device.run([DOCTOR, "--quiet"], check=False)
        assert said.stdout == f"FAIL  units: podman makes no db.service of db.container {QUADLET}\n"
        device.run(["rm", mount])
        device.run(["systemctl", "daemon-reload"])

        # What goes is stopped, what comes waits, what changed goes on
        crate = started(device, "crate")
        device.rpm("--upgrade", second)
        assert active(device) == set(ALWAYS)
        assert show(device, "old", "LoadState") == "not-found"
        assert inside(device, "web", "cat", "/name") == "app:1\n"
        device.run(["systemctl", "restart", "web.service"])
        assert inside(device, "web", "cat", "/name") == "app:2\n"

        # Back, and on to the version that starts what is new and restarts what changed
        device.rpm("--upgrade", "--oldpackage", first)
        assert active(device) == set(ALWAYS)
        device.run(["systemctl", "restart", "web.service"])
        assert inside(device, "web", "cat", "/name") == "app:1\n"
        device.rpm("--upgrade", third)
        assert active(device) == {*ALWAYS, *NEW}
        assert inside(device, "web", "cat", "/name") == "app:2\n"
        assert started(device, "crate") == crate

        device.restart()
        comes(device, {*ALWAYS, *NEW})
        assert "MINE=1" in inside(device, "web", "env")
        missing = packages.image("gone:1")
        units_of = f"/usr/share/paack/{NAME}/units"
        device.run(["sed", "-i", f"s|{packages.image('common:1')}|{missing}|", units_of])
        said = device.run([DOCTOR, "--quiet"], check=False)
        assert said.stdout.splitlines() == [
            f"FAIL  units: {unit}.container of {NAME} needs {missing}, which is not there "
            f"(dnf install 'container-image({missing})')"
            for unit in ("db", "new")
        ]
        device.rpm("--erase", NAME)
        assert active(device) == set()
        assert device.podman("ps", "--quiet").stdout == ""
        assert "MINE" in device.run(["cat", mine]).stdout
        device.run(["rm", "-r", mine.rpartition("/")[0]])
        left = {
            path for path in device.state() if not path.startswith("/etc/containers/registries")
        }
        assert left - before.keys() == set()


def comes(device: Device, services: set[str]) -> None:
    """Wait until these services of units are active, which may take a second start."""
    units = [f"{each}.service" for each in sorted(services)]
    all_are = "! systemctl is-active $@ | grep -qv ^active"
    wait = f"for _ in $(seq 50); do {all_are} && exit; sleep 0.2; done"
    device.run(["sh", "-c", wait, "sh", *units])
    assert active(device) == services


def active(device: Device) -> set[str]:
    """Return the services of units that are active."""
    listed = device.run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active"])
    names = {line.split()[0].removesuffix(".service") for line in listed.stdout.splitlines()}
    return names & {*ALWAYS, *OLD, *NEW}


def show(device: Device, service: str, name: str) -> str:
    """Return a property of a service."""
    command = ["systemctl", "show", f"--property={name}", "--value", f"{service}.service"]
    return device.run(command).stdout.strip()


def started(device: Device, service: str) -> str:
    """Return when a service was started."""
    return show(device, service, "ActiveEnterTimestampMonotonic")


def inside(device: Device, unit: str, *command: str) -> str:
    """Run a command in the container of a unit."""
    return device.podman("exec", f"systemd-{unit}", *command).stdout


def _make_catatonit(target: Path) -> None:
    extracted = target.with_name("extracted.tar")
    architecture = run(["dpkg", "--print-architecture"]).stdout.strip()
    bootstrap(extracted, ["catatonit"], variant="extract", architecture=architecture)
    with tarfile.open(extracted) as packages:
        program = packages.extractfile("./usr/bin/catatonit")
        assert program is not None
        target.write_bytes(program.read())
    target.chmod(0o755)
