"""podman 4.3 and 5.4 see the store that paack put into their storage.conf, and work without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device.scenario import ETC, LIBRARY, VENDOR, add, remove
from tests.device.storage_confs import FEDORA
from tests.support.debian import busybox_rootfs, push_multiarch
from tests.support.podman import KINDS, Kind, Podman
from tests.support.product import Paack, definition_text, store_image, unpack_rpm
from tests.support.registry import Registry

STORE = Path("/run/paack/small")
CONF = Path("/", ETC)
#: The tools' defaults, which a file must have.
ROOTS = 'runroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n'
STORAGE = f'[storage]\ndriver = "overlay"\n{ROOTS}'
#: Ways to write storage.conf, without the store.
FORMS = {
    "no-table": STORAGE,
    "no-final-newline": STORAGE.rstrip(),
    "no-driver": f"[storage]\n{ROOTS}",
    "table": f"{STORAGE}[storage.options]\n[storage.options.overlay]\nmountopt = 'nodev'\n",
    "table-below-it": f"{STORAGE}[storage.options.overlay]\nmountopt = 'nodev'\n",
    "dotted": f"{STORAGE}options.overlay.mountopt = 'nodev'\n",
    "dotted-root": "".join(f"storage.{line}\n" for line in STORAGE.splitlines()[1:]),
    "inline": f"{STORAGE}options = {{ additionalimagestores = [ # none\n], size = '' }}\n",
    "quoted": f"{STORAGE}[\"storage\".'options']\n'additionalimagestores' = [\n]\n",
    "capitals": f"{STORAGE}[Storage.OPTIONS]\nAdditionalImageStores = []\n",
    "overlay2": STORAGE.replace("overlay", "overlay2"),
    "carriage-returns": f"{STORAGE}[storage.options]\nadditionalimagestores = [\n]\n".replace(
        "\n", "\r\n"
    ),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage-conf")


@pytest.fixture(scope="module")
def store(base: Path) -> tuple[Path, str]:
    """A store image, and the name of the image in it."""
    with Registry(base) as registry:
        push_multiarch(registry, "small", "1", {"amd64": [busybox_rootfs("amd64")]})
        image = f"{registry.host}/small:1"
        paack = Paack(base, registry.registries_conf)
        (rpm,) = paack.build(paack.define(definition_text("small-containers", [image])))
    return store_image(unpack_rpm(rpm, base / "rpm")), image


class Device:
    """A host with podman, its default storage on a filesystem of its own, and the store."""

    def __init__(self, podman: Podman, store: Path, library: Path) -> None:
        self.podman = podman
        self.library = library
        podman.host.run(
            ["mkdir", "--parents", "/var/lib/containers", "/usr/lib/containers/storage"]
        )
        podman.host.run(["mount", "--types=tmpfs", "none", "/var/lib/containers"])
        podman.mount_image(store, STORE, "squashfs")

    def write(self, path: str, text: str | None) -> None:
        """Make a file the only storage.conf; None: there is none."""
        for name in (ETC, VENDOR):
            self.podman.host.run(["rm", "--force", f"/{name}"])
        if text is not None:
            self.podman.host.outside(Path("/", path)).write_bytes(text.encode())

    def call(self, step: str) -> str:
        """Run one of the functions and return its messages."""
        return self.podman.host.run(["sh", "-euc", f". {self.library}; {step}"]).stderr

    def images(self) -> list[str]:
        """Return the images with whether they are read-only."""
        shown = "--format={{.Repository}}:{{.Tag}} {{.ReadOnly}}"
        return self.podman.podman("images", shown).stdout.splitlines()

    def settings(self) -> str:
        """Return the driver and the directories in use."""
        shown = "{{.Store.GraphDriverName}} {{.Store.GraphRoot}} {{.Store.RunRoot}}"
        return self.podman.podman("info", f"--format={shown}").stdout.strip()


@pytest.fixture(scope="module", params=KINDS)
def device(request: pytest.FixtureRequest, base: Path, store: tuple[Path, str]) -> Iterator[Device]:
    kind: Kind = request.param
    library = base / LIBRARY.name
    library.write_bytes(LIBRARY.read_bytes())
    with Podman(kind, base) as podman:
        yield Device(podman, store[0], library)


@pytest.mark.parametrize("form", FORMS)
def test_podman_reads_the_edited_file(form: str, device: Device, store: tuple[Path, str]) -> None:
    device.write(ETC, FORMS[form])
    assert device.call(add(str(STORE))) == ""
    assert device.images() == [f"{store[1]} true"]
    assert device.call(remove(str(STORE))) == ""
    assert device.images() == []
    assert device.podman.host.outside(CONF).read_bytes() == FORMS[form].encode()


@pytest.mark.parametrize("vendor", [None, FEDORA])
def test_without_a_file_in_etc_the_settings_stay(
    vendor: str | None, device: Device, store: tuple[Path, str]
) -> None:
    image = store[1]
    device.write(VENDOR, vendor)
    settings = device.settings()
    assert settings == "overlay /var/lib/containers/storage /run/containers/storage"
    for _ in range(2):
        assert device.call(add(str(STORE))) == ""
        assert device.images() == [f"{image} true"]
        assert device.settings() == settings
    assert device.podman.run(image, "echo", "hello").stdout == "hello\n"
    for _ in range(2):
        assert device.call(remove(str(STORE))) == ""
        assert device.images() == []
        assert device.settings() == settings
    assert not device.podman.host.outside(CONF).exists()


def test_a_store_is_listed_once_however_it_is_written(
    device: Device, store: tuple[Path, str]
) -> None:
    twice = f'["{STORE}", "{STORE}/"]'
    device.write(ETC, f"{STORAGE}[storage.options]\nadditionalimagestores = {twice}\n")
    assert device.images() == [f"{store[1]} true"] * 2
    device.call(add(str(STORE)))
    assert device.images() == [f"{store[1]} true"]


def test_a_store_is_not_listed_for_another_driver(device: Device) -> None:
    """podman with vfs and the store in its list does not work, so it is better off without."""
    settings = STORAGE.replace("overlay", "vfs").replace("containers/storage", "containers/vfs")
    text = f"{settings}[storage.options]\nadditionalimagestores = []\n"
    device.write(ETC, text)
    assert "line 2: the driver is vfs" in device.call(add(str(STORE)))
    assert device.images() == []
    device.write(ETC, text.replace("[]", f'["{STORE}"]'))
    failed = device.podman.podman("images", check=False)
    assert (failed.returncode, "read-only file system" in failed.stderr) == (125, True)


def test_a_file_without_directories_was_broken_before(device: Device) -> None:
    """Which is why the file that paack makes names them."""
    device.write(ETC, "")
    assert "runroot must be set" in device.podman.podman("images", check=False).stderr
