"""The first boot with MicroShift's images: real CRI-O starts its pods from the store."""

from __future__ import annotations

import pytest

from tests.crio.crio import CrioDevice
from tests.device.packages import Packages
from tests.microshift.stand_in import (
    OCP,
    QUAY,
    VERSION,
    Registries,
    layers_of,
    turned,
    write_files,
)
from tests.support.image_directory import RPM_ARCHES
from tests.support.product import Paack

pytestmark = pytest.mark.crio

NAMES = ("pod", "cli", "coredns")


def test_first_boot(device: CrioDevice, packages: Packages) -> None:
    """With no registry: pause_image by digest, pods by digest, as IfNotPresent asks for them."""
    home = packages.repository / "microshift"
    home.mkdir()
    with Registries(home) as registries:
        core = {}
        for name in NAMES:
            digests = registries.push(QUAY, OCP, name, layers_of(home, name)).per_arch
            core[name] = {arch: f"{QUAY}/{OCP}@{digests[oci]}" for arch, oci in RPM_ARCHES.items()}
        files = write_files(home / "files", {"core": turned(core)})
        paack = Paack(home, registries.registries_conf(home))
        paack.call("microshift.import", "--from", str(files), "--version", VERSION)
        made = paack.call("microshift", "--arch", "x86_64", "--output", "out").stdout.strip()
    images = {name: arches["x86_64"] for name, arches in core.items()}
    # As MicroShift's own packages configure it
    pause = f'[crio.image]\npause_image = "{images["pod"]}"\n'
    device.write("/etc/crio/crio.conf.d/10-microshift_amd64.conf", pause)
    device.rpm("--install", "--nodeps", str(home / made))
    device.restart()
    assert device.crio_images(pinned=True) == sorted(images.values())
    for name in NAMES[1:]:
        # What kubelet does for IfNotPresent: it asks for the image, and pulls when it is not there
        assert device.knows(images[name])
        container = device.run_pod(name, images[name])
        motd = device.crictl("exec", "--sync", container, "cat", "/etc/motd").stdout
        assert motd.rstrip() == f"{name} for amd64"
    for pod in device.crictl("pods", "--quiet").stdout.split():
        assert images["pod"] in device.crictl("inspectp", pod).stdout
