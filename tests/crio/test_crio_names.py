"""CRI-O and the names of images: of two stores, hidden by records, refused by policies, broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.crio.crio import CrioDevice
from tests.device.doctor_host import DOCTOR, Diagnosis, diagnosis
from tests.device.mirror_package import MIRROR, build_mirror
from tests.device.packages import APP, Packages
from tests.support.commands import CommandFailed
from tests.support.other_store import Config, copy_records
from tests.support.product import Paack, definition_text

pytestmark = pytest.mark.crio

UNITS = "/usr/lib/systemd/system/crio.service.d"


@pytest.fixture(scope="module")
def mirror(packages: Packages) -> str:
    """An RPM with the image app:1 as mirror:1."""
    return str(build_mirror(packages))


def doctor(device: CrioDevice, package: str = APP, *options: str) -> Diagnosis:
    """Run a package's doctor."""
    return diagnosis(device.run([DOCTOR.replace(APP, package), *options], check=False))


def names_of(packages: Packages, name: str) -> list[str]:
    """Return the names of app:1 as ``name``."""
    image = packages.image(name)
    repository = image.rpartition(":")[0]
    digests = packages.digests["app:1"]
    return [
        image,
        *(f"{repository}@{digest}" for digest in (digests.list, digests.per_arch["amd64"])),
    ]


def test_two_repositories(device: CrioDevice, packages: Packages, mirror: str) -> None:
    """CRI-O finds the name of the second store after an install, an update and each start."""
    names = [*names_of(packages, "app:1"), *names_of(packages, "mirror:1")]

    def unknown() -> list[str]:
        return [name for name in names if not device.knows(name)]

    device.rpm("--install", packages.v1, mirror)
    assert unknown() == []
    for kind in ("restart", "kill", "power"):
        if kind == "restart":
            device.run(["systemctl", "restart", "crio.service"])
        elif kind == "kill":
            device.kill_crio()
        else:
            device.restart()
        assert unknown() == [], kind
    assert device.name_of(device.run_pod("mirror", packages.image("mirror:1"))) == "app:1"
    # Only stores whose list is the same change: CRI-O is not started again.
    device.rpm("--upgrade", packages.v2)
    starts = len(device.crio_log())
    device.rpm("--upgrade", "--oldpackage", packages.v1)
    assert not any(line.startswith("start") for line in device.crio_log()[starts:])
    assert unknown() == []
    assert doctor(device, MIRROR).code == 0

    # Without the drop-in it does not; the doctor makes it do so.
    device.run(["sh", "-c", f"rm -r {UNITS}; systemctl daemon-reload"])
    device.run(["systemctl", "restart", "crio.service"])
    assert unknown() == names[3:]
    said = doctor(device, MIRROR)
    assert (said.code, len(said.of("WARN"))) == (0, 1)
    assert "cri-o found some only now that it listed all" in said.of("WARN")[0]
    assert unknown() == []
    assert doctor(device, MIRROR).of("WARN") == []


@pytest.mark.parametrize("way", ["podman", "files"])
def test_a_hidden_name(device: CrioDevice, packages: Packages, mirror: str, way: str) -> None:
    """After a pull by another name, while a container of the image runs."""
    hidden, pulled = packages.image("mirror:1"), packages.image("app:1")
    if way == "files":
        device.run(["rm", "/usr/bin/podman"])
    device.rpm("--install", packages.v1, mirror)
    device.crictl("pull", pulled)
    container = device.run_pod("runs", pulled)
    assert not device.knows(hidden)
    said = doctor(device, MIRROR)
    assert said.code == 1
    line = next(line for line in said.of("FAIL") if line.startswith("images: cri-o "))
    does_not = f"images: cri-o does not find {hidden}: its own storage has the image by other names"
    assert line.startswith(f"{does_not} (")
    cure = line.removeprefix(f"{does_not} (").removesuffix(")")
    if way == "files":
        refused = doctor(device, MIRROR, "--repair")
        assert refused.code == 1
        assert any("stay hidden: storage is in use by crio" in line for line in refused.of("FAIL"))
    device.run(["sh", "-ec", cure])
    assert device.knows(hidden) and device.knows(pulled)
    assert device.name_of(container) == "app:1"
    assert device.name_of(device.run_pod("new", hidden)) == "app:1"
    assert doctor(device, MIRROR).code == doctor(device).code == 0
    assert device.crio_images().count(pulled) == 2

    # A boot heals it, too
    device.crictl("rmi", hidden)
    assert not device.knows(hidden)
    device.restart()
    assert device.knows(hidden)
    assert doctor(device, MIRROR).code == 0


def test_policies(device: CrioDevice, packages: Packages) -> None:
    """What the doctor says is refused is; and when it says nothing, it runs."""
    app, common = packages.image("app:1"), packages.image("common:1")
    device.rpm("--install", packages.v1, packages.other)
    accept, reject = ([{"type": kind}] for kind in ("insecureAcceptAnything", "reject"))
    signed = [{"type": "signedBy", "keyType": "GPGKeys", "keyData": "AAAA"}]
    policy, own = "/etc/crio/policy.json", "/etc/crio/policies/test.json"

    def refused() -> tuple[list[str], list[str]]:
        """Return the images that the doctor calls refused, and those that are."""
        said = doctor(device)
        lines = [line for line in said.of("FAIL") + said.of("WARN") if line.startswith("policy:")]
        refusing = []
        for image in (app, common):
            try:
                device.run_pod("try", image)
            except CommandFailed as error:
                assert "SignatureValidationFailed" in str(error)
                refusing.append(image)
            device.crictl("rmp", "--force", "--all")
        said_of = " ".join(lines).replace(": ", " ").split()
        return [image for image in (app, common) if image in said_of], refusing

    device.write("/etc/containers/policy.json", json.dumps({"default": reject}))
    assert refused() == ([], [])
    device.write(
        "/etc/crio/crio.conf.d/60-x.conf", f'[crio.image]\nsignature_policy = "{policy}"\n'
    )
    device.write(policy, json.dumps({"default": accept, "transports": {"docker": {app: signed}}}))
    device.run(["systemctl", "restart", "crio.service"])
    assert refused() == ([app], [app])
    repository = common.rpartition(":")[0]
    scopes = {repository: accept, "": accept}
    device.write(policy, json.dumps({"default": reject, "transports": {"docker": scopes}}))
    assert refused() == ([], [])
    device.write(
        own, json.dumps({"default": accept, "transports": {"docker": {repository: reject}}})
    )
    assert refused() == ([common], [common])
    device.run(["rm", own])
    assert refused() == ([], [])


def broken_time(config: Config) -> None:
    config["created"] = "yesterday"


def test_an_image_that_breaks_the_listing(device: CrioDevice, packages: Packages) -> None:
    """In a store of another maker; the doctor names it, and what it says helps."""
    device.rpm("--install", packages.v1)
    store = "/var/lib/other-store"
    mounted = Path("/run/paack") / APP
    device.run(["mkdir", store])
    device.run(["ln", "-s", f"{mounted}/overlay", f"{store}/overlay"])
    outside = device.outside
    copy_records(
        outside(str(mounted)),
        outside(store),
        lambda name: f"broken.example.com/{name.split('/')[1]}",
        broken_time,
    )
    drop_in = "/etc/crio/crio.conf.d/70-other.conf"
    device.write(drop_in, f'[crio]\nstorage_option = ["overlay.imagestore={store}"]\n')
    device.run(["systemctl", "restart", "crio.service"])
    assert device.crictl("images", check=False).returncode
    said = doctor(device)
    lines = [line for line in said.of("FAIL") if "cri-o lists no image at all" in line]
    assert {line.partition(" because of ")[2].partition(" in ")[0] for line in lines} == {
        "broken.example.com/app:1",
        "broken.example.com/common:1",
    }
    assert all(f" in {store}: " in line and "parsing time" in line for line in lines)
    device.run(["rm", drop_in])
    device.run(["systemctl", "restart", "crio.service"])
    assert doctor(device).code == 0


def test_short_forms_of_docker_hub(device: CrioDevice, packages: Packages) -> None:
    """CRI-O writes the short forms out before it looks into its stores."""
    paack = Paack(packages.repository, packages.registry.registries_conf)
    names = {"app:1": "docker.io/app:1", "tool:1": "index.docker.io/some/tool:1"}
    entries = [f"{{source: '{packages.image(of)}', name: '{name}'}}" for of, name in names.items()]
    (rpm,) = paack.build(paack.define(definition_text("short-containers", entries), "short.yaml"))
    device.rpm("--install", str(rpm))
    others = ("docker.io/library/app:1", "docker.io/some/tool:1")
    for name in (*names.values(), *others):
        assert device.knows(name), name
    assert device.name_of(device.run_pod("short", "docker.io/app:1")) == "app:1"
    assert doctor(device, "short-containers").of("FAIL") == []
