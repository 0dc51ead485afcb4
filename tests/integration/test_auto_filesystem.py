"""``filesystem: auto`` from `paack lock` to RPMs: only the store that needs it is EROFS."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from tests.support import oddities
from tests.support.commands import run
from tests.support.oddities import LayerTar
from tests.support.product import Paack, newer_erofs_utils

MAGIC = {"squashfs": (0, b"hsqs"), "erofs": (1024, b"\xe2\xe1\xf5\xe0")}


def plain_layer() -> bytes:
    layer = LayerTar()
    layer.add("plain", b"plain" * 20_000)
    return layer.close()


@pytest.fixture(scope="module")
def paack(tmp_path_factory: pytest.TempPathFactory) -> Paack:
    """A definition with a package that needs EROFS and one that does not, and its lock."""
    home = tmp_path_factory.mktemp("auto")
    for name, layers in (
        ("plain", [plain_layer()]),
        ("odd", [plain_layer(), oddities.acl()]),
    ):
        specs = [ImageSpec("x86_64", layers)]
        write_image(home / "layout", f"localhost/{name}:1", specs)
    paack = Paack(home, environment=dict(newer_erofs_utils(home / "bin")))
    paack.define(definition("bundled"))
    return paack


def definition(layers: str) -> str:
    return "packages:\n" + "".join(
        f"- {{name: {name}-{layers}, version: '1', filesystem: auto, layers: {layers}, "
        f"arches: [x86_64], images: ['oci:layout:localhost/{name}:1']}}\n"
        for name in ("plain", "odd")
    )


def filesystems(rpms: list[Path], scratch: Path) -> dict[str, str]:
    """Return by package the filesystem that its store is, by name and by what is in it."""
    found = {}
    for rpm in (each for each in rpms if not each.name.startswith("container-device-")):
        run(["bsdtar", "--extract", "--file", str(rpm), "--directory", str(scratch)])
        listed = run(["rpm", "-qlp", str(rpm)]).stdout.split()
        (store,) = (name for name in listed if name.endswith((".squashfs", ".erofs")))
        filesystem = store.rpartition(".")[2]
        offset, magic = MAGIC[filesystem]
        head = (scratch / store.lstrip("/")).read_bytes()[:2048]
        assert head[offset : offset + 4] == magic
        units = [name for name in listed if name.endswith(".mount") and "wants" not in name]
        (unit,) = ((scratch / name.lstrip("/")).read_text() for name in units)
        assert f"What={store}\n" in unit
        assert f"Type={filesystem}\n" in unit
        found[run(["rpm", "-qp", "--qf", "%{NAME}", str(rpm)]).stdout] = filesystem
    return found


def test_only_the_store_that_needs_it_is_erofs(paack: Paack, tmp_path: Path) -> None:
    said = paack.call("lock", "--def", "app.yaml").stderr
    assert "erofs   oci:layout:localhost/odd:1 (x86_64): 1 file, 'with-acl' of layer" in said
    assert paack.call("lock", "--def", "app.yaml").stderr.strip() == "no change"
    paack.call("check", "app.yaml")
    rpms = paack.build(Path("app.yaml"), "--frozen")
    expected = {"plain-bundled": "squashfs", "odd-bundled": "erofs"}
    assert filesystems(rpms, tmp_path) == expected
    # From the lock alone, in another place, it is the same: before a blob is there.
    other = Paack(tmp_path / "other", environment=paack.environment)
    other.home.mkdir()
    shutil.copytree(paack.home / "layout", other.home / "layout")
    for name in ("app.yaml", "app.lock.yaml"):
        shutil.copy(paack.home / name, other.home)
    again = other.build(Path("app.yaml"), "--frozen")
    assert [rpm.read_bytes() for rpm in again] == [rpm.read_bytes() for rpm in rpms]


def test_a_lock_that_does_not_say_it_is_refused(paack: Paack, tmp_path: Path) -> None:
    home = Paack(tmp_path, environment=paack.environment)
    shutil.copytree(paack.home / "layout", tmp_path / "layout")
    text = definition("bundled")
    home.define(text.replace("filesystem: auto", "filesystem: erofs"))
    home.call("lock", "--def", "app.yaml")
    assert "filesystem" not in (tmp_path / "app.lock.yaml").read_text()
    home.define(text)
    done = home.call("build", "--def", "app.yaml", check=False)
    assert (done.returncode, "which filesystem" in done.stderr) == (4, True)
    done = home.call("check", "app.yaml", "--json", check=False)
    problems = json.loads(done.stdout)["problems"]
    assert [each["line"] > 0 for each in problems if "which filesystem" in each["message"]] == [
        True,
        True,
    ]
    said = home.call("lock", "--def", "app.yaml").stderr.splitlines()
    assert [line for line in said if line.startswith("~")] == [
        "~ oci:layout:localhost/odd:1 (x86_64): erofs holds all of its files",
        "~ oci:layout:localhost/plain:1 (x86_64): squashfs holds all of its files",
    ]


def test_packages_that_share_layers_have_one_filesystem(paack: Paack, tmp_path: Path) -> None:
    home = Paack(tmp_path, environment=paack.environment)
    shutil.copytree(paack.home / "layout", tmp_path / "layout")
    home.define(definition("shared"))
    rpms = home.build(Path("app.yaml"))
    found = filesystems(rpms, tmp_path)
    assert set(found.values()) == {"erofs"}
    assert {"plain-shared", "odd-shared"} < found.keys()
    home.call("verify", *map(str, rpms))
