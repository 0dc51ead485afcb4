"""CRI-O, the main consumer, with an installed package: from the first boot to the erase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crio.crio import Crio, programs
from tests.support.host import Host
from tests.support.product import Paack, definition_text
from tests.support.registry import Registry
from tests.support.releases import Images, push_images

pytestmark = pytest.mark.crio

NAME = "app"
STORE = f"/usr/lib/container-images/{NAME}.squashfs"


@dataclass(frozen=True)
class Site:
    """A registry, two images and packages of them, on a host with CRI-O."""

    registry: Registry
    images: Images
    packages: dict[str, Path]
    host: Host
    crio: Crio


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = programs()
    if path is None:
        pytest.skip("crio, crictl, crun, pinns or conmon is not installed (see PAACK_TEST_CRIO)")
    base = tmp_path_factory.mktemp("crio")
    with Registry(base) as registry, Host(Path("/"), shared=[base]) as host:
        images = push_images(registry, base)
        packages = build(base, registry, images)
        storage = base / "storage"
        storage.mkdir()
        host.run(["mkdir", "--parents", "/etc/containers", "/var/lib/containers/storage"])
        # Overlay does not work on overlay: the storage is on a plain directory of the machine.
        host.run(["mount", "--bind", str(storage), "/var/lib/containers/storage"])
        conf = registry.registries_conf.read_text()
        host.outside(Path("/etc/containers/registries.conf")).write_text(conf)
        policy = host.outside(Path("/etc/containers/policy.json"))
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        crio = Crio(host, path, base / "crio.log")
        yield Site(registry, images, packages, host, crio)


def build(base: Path, registry: Registry, images: Images) -> dict[str, Path]:
    """Build app 1 (with the image app), app 2 (with other) and a second package with both."""
    paack = Paack(base, registry.registries_conf)
    wanted = {
        "v1": (NAME, "1", [images.app]),
        "v2": (NAME, "2", [images.other]),
        "second": ("second", "1", [images.app, images.other]),
    }
    packages = {}
    for key, (name, version, references) in wanted.items():
        text = definition_text(name, references, version=f"'{version}'")
        (packages[key],) = paack.build(paack.define(text, f"{key}.yaml"))
    return packages


def mount(host: Host, name: str = NAME) -> None:
    """Mount as the unit says; no systemd runs on this host."""
    host.run(["systemd-tmpfiles", "--create", f"/usr/lib/tmpfiles.d/paack-{name}.conf"])
    file = Path(f"/usr/lib/container-images/{name}.squashfs")
    host.mount_image(file, Path(f"/run/paack/{name}"), "squashfs")


def skeleton(host: Host, name: str = NAME) -> None:
    host.run(["systemd-tmpfiles", "--create", f"/usr/lib/tmpfiles.d/paack-{name}.conf"])


def references(host: Host, name: str = NAME) -> list[str]:
    text = host.outside(Path(f"/usr/share/paack/{name}/images")).read_text()
    return text.split()


def test_life_of_a_package(site: Site) -> None:
    """One long story, since each step starts from what the one before left."""
    host, crio, images = site.host, site.crio, site.images
    host.run(["rpm", "--install", "--nodeps", str(site.packages["v1"])])
    crio.configure(images.app)
    skeleton(host)
    crio.start()
    assert crio.images() == []

    mount(host)  # seen at once, with no restart and no signal
    assert crio.images() == [images.app]
    assert all(crio.knows(reference) for reference in references(host))
    running = {
        name: crio.run_pod(name, reference)
        for name, reference in zip(("tag", "list", "arch"), by_kind(site), strict=True)
    }
    assert {crio.read(each, "/etc/motd") for each in running.values()} == {"app"}

    # A crash while containers of the store's image run.
    crio.kill()
    crio.start()
    assert {crio.read(each, "/etc/motd") for each in running.values()} == {"app"}

    # An upgrade that drops the image, while its containers run.
    host.run(["rpm", "--upgrade", "--nodeps", str(site.packages["v2"])])
    host.run(["umount", f"/run/paack/{NAME}"])
    mount(host)
    assert {crio.read(each, "/etc/motd") for each in running.values()} == {"app"}
    assert crio.knows(images.other)
    assert not crio.knows(images.app)
    crio.crictl("stop", "--timeout=0", running["tag"])
    assert crio.crictl("start", running["tag"], check=False).returncode
    crio.crictl("rm", running["tag"])
    assert crio.read(crio.run_pod("new", images.other), "/etc/motd") == "other"

    # Pulls that share layers with the store do not depend on it.
    crio.crictl("pull", images.app)
    crio.crictl("pull", images.other)
    assert crio.knows(images.app)

    # A second package that shares layers and images.
    host.run(["rpm", "--install", "--nodeps", str(site.packages["second"])])
    skeleton(host, "second")
    crio.stop()
    crio.start()
    mount(host, "second")
    # Each store once: what was pulled, app 2 (only other), second (both).
    assert crio.images() == sorted([*[images.app] * 2, *[images.other] * 3])
    assert all(crio.knows(reference) for reference in references(host, "second"))

    erase(host, NAME)
    erase(host, "second")
    crio.stop()
    crio.start()
    assert crio.read(crio.run_pod("pulled", images.app), "/etc/motd") == "app"
    assert crio.read(crio.run_pod("pulled-2", images.other), "/etc/motd") == "other"
    crio.crictl("rmp", "--force", "--all")
    crio.stop()


def by_kind(site: Site) -> list[str]:
    """Return the references of app by tag, by the list's digest and by the arch's."""
    digests = site.images.digests["app"]
    repo = site.images.app.rpartition(":")[0]
    return [site.images.app, f"{repo}@{digests.list}", f"{repo}@{digests.per_arch['amd64']}"]


def erase(host: Host, name: str) -> None:
    host.run(["rpm", "--erase", "--nodeps", name])
    assert not host.outside(Path(f"/etc/crio/crio.conf.d/50-{name}.conf")).exists()
    assert f"/run/paack/{name}" not in host.run(["cat", "/proc/self/mounts"]).stdout
