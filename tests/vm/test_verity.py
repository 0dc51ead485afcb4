"""A verified store in a virtual machine: whole, with a changed byte, with a wrong root hash."""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from tests.support.oddities import LayerTar
from tests.support.product import Paack, definition_text
from tests.vm.machine import boot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("PAACK_TEST_VM" not in os.environ, reason="make test-vm runs it"),
]
STORE = "usr/lib/container-images/app.squashfs"
OPTIONS = "usr/lib/systemd/system/run-paack-app.mount.d/20-verity.conf"
SCRIPT = """\
echo "unit: $(systemctl is-active run-paack-app.mount)"
grep /run/paack/app /proc/mounts
for f in one two three; do
    sha256sum /run/paack/app/overlay/*/diff/$f || echo "$f: error"
done
/usr/libexec/paack/app/doctor --deep
"""


@dataclass(frozen=True)
class Built:
    """The RPM, and the files in its image."""

    rpm: Path
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = tmp_path_factory.mktemp("vm")
    paack, numbers, tar = Paack(home), random.Random(1), LayerTar()
    files = {name: numbers.randbytes(1 << 20) for name in ("one", "two", "three")}
    for name, content in files.items():
        tar.add(name, content)
    image = ImageSpec("x86_64", [tar.close()], config={"Cmd": ["/one"]}, packing=Packing.GZIP)
    write_image(home / "layout", "localhost/app:1", [image])
    text = definition_text("app", ["oci:./layout:localhost/app:1"], verity="true")
    (rpm,) = paack.build(paack.define(text))
    return Built(rpm, files)


def nothing(_: Path) -> None:
    """Leave the root as it is."""


def sums(built: Built, *names: str) -> list[str]:
    return [hashlib.sha256(built.files[name]).hexdigest() for name in names]


def found(said: str) -> list[str]:
    return re.findall(r"^([0-9a-f]{64}) ", said, re.M)


def test_a_store_that_is_whole(built: Built, tmp_path: Path) -> None:
    said = boot([built.rpm], SCRIPT, tmp_path, nothing)
    assert "unit: active" in said, said
    assert "/dev/mapper/" in said
    assert found(said) == sums(built, "one", "two", "three")
    assert "each block is verified when it is read" in said
    assert "is what the package brought" in said


def test_a_changed_byte(built: Built, tmp_path: Path) -> None:
    """It is an error for what reads it, and for nothing else."""

    def change(root: Path) -> None:
        store = root / STORE
        content = bytearray(store.read_bytes())
        # What is random is not compressed: it is found as it is.
        content[content.index(built.files["two"][600_000:600_064])] ^= 1
        store.write_bytes(content)

    said = boot([built.rpm], SCRIPT, tmp_path, change)
    assert "unit: active" in said, said
    assert found(said) == sums(built, "one", "three")
    assert "two: error" in said
    assert "is not what the package brought" in said


def change_root_hash(root: Path) -> None:
    options = root / OPTIONS
    options.write_text(re.sub(r"roothash=\w{4}", "roothash=0000", options.read_text()))


def without_tree(root: Path) -> None:
    (root / f"{STORE}.verity").unlink()


@pytest.mark.parametrize("change", [change_root_hash, without_tree])
def test_the_boot_goes_on(built: Built, tmp_path: Path, change: Callable[[Path], None]) -> None:
    said = boot([built.rpm], SCRIPT, tmp_path, change)
    assert "unit: failed" in said, said
    assert found(said) == []
    assert "is not mounted on /run/paack/app" in said
