"""Several packages on one device that share an image and layers."""

from __future__ import annotations

import tomllib

from tests.device.device import RUN, Device
from tests.device.packages import APP, OTHER, Packages

PINNED = "/etc/crio/crio.conf.d/99-paack-pinned-images.conf"


def test_shared_image(device: Device, packages: Packages) -> None:
    before = device.state()
    images = {
        APP: [packages.image(name) for name in ("app:1", "common:1")],
        OTHER: [packages.image(name) for name in ("common:1", "tool:1")],
    }
    device.rpm("--install", packages.v1, packages.other)
    # Each store is listed once: the image that both have comes twice
    assert [image.read_only for image in device.images()] == [True] * 4
    names = sorted(name for image in device.images() for name in image.names if "@" not in name)
    assert names == sorted(images[APP] + images[OTHER])
    for image in {*images[APP], *images[OTHER]}:
        assert device.name_in(image) == image.rpartition("/")[2]
    for name in ("running", "stopped"):
        shared = packages.image("common:1")
        device.podman("run", "--detach", f"--name={name}", *RUN, shared, "sleep", "infinity")
    device.podman("stop", "--time=0", "stopped")

    # The one that goes first is the one whose layers were found first, or the other one
    first_to_go, left = (APP, OTHER) if device.kind == "debian12" else (OTHER, APP)
    device.rpm("--erase", first_to_go)
    assert device.names() == set(images[left])
    for image in images[left]:
        assert device.name_in(image) == image.rpartition("/")[2]
    assert device.verify(left) == ""
    # The layers of the shared image are still there, with the same IDs and links
    assert device.podman("exec", "running", "cat", "/name").stdout == "common:1\n"
    device.podman("start", "stopped")
    assert device.podman("exec", "stopped", "cat", "/name").stdout == "common:1\n"
    device.podman("rm", "--force", "--time=0", "running", "stopped")
    device.rpm("--erase", left)
    assert device.images() == []
    assert device.state() == before


def test_pinned_images(device: Device, packages: Packages) -> None:
    """One list for all packages, in one file."""
    device.rpm("--install", packages.v1)
    assert pinned(device) == names_of(packages, "app:1", "common:1")
    device.rpm("--install", packages.other)
    assert pinned(device) == names_of(packages, "app:1", "common:1", "tool:1")
    device.rpm("--upgrade", packages.v2)
    assert pinned(device) == names_of(packages, "app:2", "common:1", "tool:1")
    assert device.crio_log()[-1] == "reload 9"
    device.rpm("--erase", OTHER)
    assert pinned(device) == names_of(packages, "app:2")
    owners = device.rpm("--query", "--file", PINNED).stdout.split()
    assert owners == [f"{APP}-2.0-1.x86_64"]
    device.rpm("--erase", APP)
    assert device.run(["test", "-e", PINNED], check=False).returncode == 1


def pinned(device: Device) -> list[str]:
    """Return what is pinned, sorted."""
    content = tomllib.loads(device.run(["cat", PINNED]).stdout)
    assert content.keys() == {"crio"}
    names: list[str] = content["crio"]["image"]["pinned_images"]
    return sorted(names)


def names_of(packages: Packages, *images: str) -> list[str]:
    """Return every name that the images have in a store, sorted."""
    return sorted(
        name for image in images for name in (packages.image(image), *packages.by_digest(image))
    )
