"""CRI-O, the main consumer, on a device with systemd: from the first boot to the erase."""

from __future__ import annotations

import pytest

from paack.helpers.rpm.device_program import device_program
from tests.crio.crio import CrioDevice
from tests.device.doctor_host import DOCTOR, diagnosis
from tests.device.packages import APP, EROFS, OTHER, Packages

pytestmark = pytest.mark.crio

PATH = f"/usr/lib/container-images/{APP}"
MOUNT = "run-paack-app\\x2dcontainers.mount"
REPAIR = f"paack-repair-{device_program().name}.service"


def test_life_of_packages(device: CrioDevice, packages: Packages) -> None:
    """One long story, since each step starts from what the one before left."""
    app, common, new, tool = (
        packages.image(name) for name in ("app:1", "common:1", "app:2", "tool:1")
    )
    before = device.state()
    assert device.crio_images() == []
    device.rpm("--install", packages.v1, packages.other)
    assert device.crio_images(pinned=True) == sorted([app, common, common, tool])
    names = [app, *packages.by_digest("app:1")]
    running = [device.run_pod(f"app-{number}", name) for number, name in enumerate(names)]
    shared = device.run_pod("shared", common)
    assert {device.name_of(each) for each in running} == {"app:1"}
    assert doctor(device, APP) == doctor(device, OTHER) == (0, [])
    assert device.crio_images(pinned=False) == []

    # A crash while containers of the store's images run
    device.kill_crio()
    assert {device.name_of(each) for each in running} == {"app:1"}
    starts = len(device.crio_log())

    # An upgrade that drops the image, while its containers run: CRI-O only reloads what is pinned
    device.rpm("--upgrade", packages.v2)
    assert device.crio_log()[starts:] == ["reload 9"]
    assert device.crio_images(pinned=True) == sorted([new, common, tool])
    assert not any(device.knows(name) for name in names)
    assert {device.name_of(each) for each in running} == {"app:1"}
    device.crictl("stop", "--timeout=0", running[0])
    assert device.crictl("start", running[0], check=False).returncode
    device.crictl("rm", running[0])
    assert device.name_of(device.run_pod("new", new)) == "app:2"
    device.kill_crio()
    assert {device.name_of(each) for each in (*running[1:], shared)} == {"app:1", "common:1"}

    # Pulls that share layers with the stores do not depend on them
    online = [packages.image("online:1"), app, tool]
    for each in online:
        device.crictl("pull", each)
    code, problems = doctor(device, OTHER)
    assert code == 0
    assert ["which is gone, but is in use" in line for line in problems] == [True, True]
    device.rpm("--upgrade", "--oldpackage", packages.v1)
    assert device.crio_images() == sorted([app, app, common, common, online[0], tool, tool])

    # What is shared still runs when one of both is gone; and what was pulled without any
    device.rpm("--erase", OTHER)
    assert device.crio_images() == sorted([app, app, common, online[0], tool])
    assert device.name_of(shared) == "common:1"
    assert device.name_of(device.run_pod("shared-2", common)) == "common:1"
    device.crictl("rmp", "--force", "--all")
    device.rpm("--erase", APP)
    assert device.crio_images() == sorted(online)
    assert device.crio_images(pinned=True) == [tool]  # CRI-O pins its pause image
    for number, each in enumerate(online):
        container = device.run_pod(f"online-{number}", each)
        assert device.name_of(container) == each.rpartition("/")[2]
    device.crictl("rmp", "--force", "--all")
    assert device.state() == before


def test_store_comes_later(device: CrioDevice, packages: Packages) -> None:
    """CRI-O starts on the empty store, and sees the real one at once when it is mounted."""
    device.rpm("--install", packages.v1)
    device.run(["systemctl", "stop", MOUNT])
    device.run(["systemd-tmpfiles", "--create", f"/usr/lib/tmpfiles.d/paack-{APP}.conf"])
    device.run(["systemctl", "restart", "crio.service"])
    assert device.crio_images() == []
    code, problems = doctor(device, APP)
    assert code == 1
    assert any(line.startswith("images: cri-o does not find") for line in problems)
    device.run(["systemctl", "start", MOUNT])
    assert device.knows(packages.image("app:1"))
    assert doctor(device, APP) == (0, [])


def test_power_is_cut(device: CrioDevice, packages: Packages) -> None:
    """With pods of the store's images: CRI-O's own repair would wipe what was pulled."""
    online = packages.image("online:1")
    device.rpm("--install", packages.v1, packages.other)
    device.crictl("pull", online)
    device.run_pod("app", packages.image("app:1"))
    listed = device.crio_images()
    assert online in listed
    device.restart()
    assert device.crio_images() == listed
    assert device.crictl("ps", "--all", "--quiet").stdout == ""
    assert device.name_of(device.run_pod("again", packages.image("app:1"))) == "app:1"
    assert doctor(device, APP) == (0, [])


def test_records_that_an_update_left(device: CrioDevice, packages: Packages) -> None:
    """They make CRI-O list nothing at all, until the boot that removes them."""
    app = packages.image("app:1")
    device.rpm("--install", packages.v1, packages.other)
    device.run_pod("runs", app)
    stopped = device.run_pod("stopped", app)
    device.crictl("stop", "--timeout=0", stopped)
    device.run(["rm", "/usr/bin/podman"])
    device.crictl("rmi", packages.image("common:1"))  # which leaves its digest to it
    device.rpm("--erase", OTHER)
    device.rpm("--upgrade", packages.v2)
    device.kill_crio()
    listed = device.crictl("images", check=False)
    assert (listed.returncode, "layer not known" in listed.stderr) == (1, True)
    code, problems = doctor(device, APP)
    assert code == 1
    assert sum(line.startswith("records: image ") for line in problems) == 1
    assert sum("(k8s_" in line for line in problems) == 4  # both pods have two containers

    device.restart()
    assert device.run(["systemctl", "is-system-running"]).stdout == "running\n"
    log = device.run(["systemctl", "status", "--no-pager", REPAIR], check=False).stdout
    assert "removed the image" in log
    assert "it cannot start, but is kept" in log
    # CRI-O itself removes its containers at a boot, also those
    assert device.crio_images() == [packages.image("app:2")]
    assert device.crictl("ps", "--all", "--quiet").stdout == ""
    assert doctor(device, APP) == (0, [])


def test_rmi_of_a_tag(device: CrioDevice, packages: Packages) -> None:
    """It hides the tag and bars pulls of it; the doctor tells how to get rid of that."""
    app = packages.image("app:1")
    device.run(["rm", "/usr/bin/podman"])
    device.rpm("--install", packages.v1, packages.other)
    device.crictl("rmi", app)
    assert not device.knows(app)
    assert all(device.knows(name) for name in packages.by_digest("app:1"))
    assert "that ID is already in use" in device.crictl("pull", app, check=False).stderr
    code, problems = doctor(device, APP)
    assert code == 1
    (line,) = (line for line in problems if line.startswith("records: "))
    cure = line.partition("(crictl ")[2].partition(" removes them")[0]
    assert "layer not known" in device.crictl(*cure.split(), check=False).stderr
    assert doctor(device, APP) == (0, [])
    device.crictl("pull", app)
    assert device.crio_images().count(app) == 2
    assert doctor(device, APP) == (0, [])


def test_user_namespaces(device: CrioDevice, packages: Packages) -> None:
    device.rpm("--install", packages.v1, str(packages.rpms[EROFS, "1.0"]))
    for name in ("app:1", "tool:1"):
        container = device.run_pod(name.partition(":")[0], packages.image(name), mapped=True)
        assert device.name_of(container) == name
        words = ["stat", "-c", "%u", "/name"]
        assert device.crictl("exec", "--sync", container, *words).stdout.strip() == "0"
        words = ["cat", "/proc/self/uid_map"]
        map_ = device.crictl("exec", "--sync", container, *words).stdout.split()
        assert map_ == ["0", "100000", "65536"]


def doctor(device: CrioDevice, package: str) -> tuple[int, list[str]]:
    """Return the exit code of a package's doctor, and what it says is not well."""
    said = diagnosis(device.run([DOCTOR.replace(APP, package)], check=False))
    return said.code, said.of("WARN") + said.of("FAIL")
