"""A package whose store is verified: tree and options, as veritysetup and systemd see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from paack.helpers.rpm.unpacked import UnpackedRpm, unpack
from paack.helpers.rpm.verity import verity_problems
from tests.support import oddities
from tests.support.commands import run
from tests.support.product import Paack, definition_text, newer_erofs_utils, unpack_rpm

UNIT = "usr/lib/systemd/system/run-paack-app.mount"
STORE = "usr/lib/container-images/app"


@dataclass
class Built:
    """A package of each filesystem, unpacked."""

    paack: Paack
    rpms: dict[str, Path]
    trees: dict[str, Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = tmp_path_factory.mktemp("verity")
    paack = Paack(home, environment=dict(newer_erofs_utils(home / "bin")))
    layers = [oddities.lower(), oddities.upper()]
    write_image(
        home / "layout", "localhost/app:1", [ImageSpec("x86_64", layers, packing=Packing.GZIP)]
    )
    rpms, trees = {}, {}
    for filesystem in ("squashfs", "erofs"):
        more = {"filesystem": filesystem, "verity": "true"}
        text = definition_text("app", ["oci:./layout:localhost/app:1"], version="'1'", **more)
        (rpms[filesystem],) = paack.build(paack.define(text, f"{filesystem}.yaml"))
        rpms[filesystem] = rpms[filesystem].rename(home / f"{filesystem}.rpm")
        trees[filesystem] = unpack_rpm(rpms[filesystem], home / filesystem)
    return Built(paack, rpms, trees)


@pytest.mark.parametrize("filesystem", ["squashfs", "erofs"])
def test_veritysetup_verifies_the_store(built: Built, filesystem: str) -> None:
    tree = built.trees[filesystem]
    options = (tree / f"{UNIT}.d/20-verity.conf").read_text()
    root = re.search(r"verity\.roothash=([0-9a-f]{64})$", options, re.M)
    assert root
    assert f"verity.hashdevice=/{STORE}.{filesystem}.verity" in options
    store = tree / f"{STORE}.{filesystem}"
    verify = ["veritysetup", "verify", str(store), f"{store}.verity", root[1]]
    run(verify)
    changed = built.paack.home / "changed"
    content = bytearray(store.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    assert run([*verify[:2], str(changed), *verify[3:]], check=False).returncode != 0


def test_the_options_replace_those_of_the_unit(built: Built) -> None:
    """All but loop: libmount makes the loop devices itself."""
    tree = built.trees["squashfs"]
    unit = dict(re.findall(r"^(\w+)=(.*)$", (tree / UNIT).read_text(), re.M))
    other = dict(re.findall(r"^(\w+)=(.*)$", (tree / f"{UNIT}.d/20-verity.conf").read_text(), re.M))
    plain = other["Options"].split(",verity.")[0]
    assert f"loop,{plain}" == unit["Options"]


def test_verify(built: Built, tmp_path: Path) -> None:
    words = [word for rpm in built.rpms.values() for word in ("--rpm", str(rpm))]
    done = built.paack.call("verify", *words, "--output", str(built.paack.output))
    assert done.stdout.count("as locked") == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda package: package.tree.unlink(), ("tree.verity", "is missing")),
        (lambda package: package.options.unlink(), ("20-verity.conf", "is missing")),
        (
            lambda package: package.tree.write_bytes(b"x"),
            ("tree.verity", "is not that of the store"),
        ),
        (lambda package: package.store.write_bytes(bytes(8192)), ("tree.verity", "is not that")),
    ],
)
def test_what_verify_finds(
    built: Built, tmp_path: Path, change: Callable[[UnpackedRpm], object], said: tuple[str, str]
) -> None:
    package = unpack(built.rpms["squashfs"], tmp_path)
    assert package
    assert list(verity_problems(package)) == []
    change(package)
    name, what = next(verity_problems(package))
    assert name == said[0]
    assert what.startswith(said[1])


def test_not_with_shared_layers(built: Built) -> None:
    more = {"verity": "true", "layers": "shared"}
    text = definition_text("app", ["oci:./layout:localhost/app:1"], **more)
    done = built.paack.call("check", "--def", str(built.paack.define(text)), check=False)
    assert done.returncode == 3
    assert "packages[0].verity: not with layers: shared" in done.stdout
