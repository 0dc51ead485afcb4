"""The example with Quadlet units, from a registry to an RPM, as its reader would build it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from tests.day.front import ENVIRONMENT, MAKE
from tests.support.commands import run
from tests.support.debian import busybox_rootfs
from tests.support.product import REPOSITORY
from tests.support.registry import Registry
from tests.support.thorough import only_thorough

IMAGES = ("library/nginx:1.21.6", "library/busybox:1.36")
UNITS = ("page.volume", "report.container", "shop.pod", "web.conf", "web.container")
_SYSTEMD = "/usr/share/containers/systemd"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with both images of the example, for both of its arches."""
    with Registry(tmp_path) as found:
        for number, name in enumerate(IMAGES):
            roots = {"x86_64": busybox_rootfs("amd64"), "aarch64": busybox_rootfs("arm64")}
            specs = [
                ImageSpec(arch, [root.read_bytes()], config={"Cmd": [name]})
                for arch, root in roots.items()
            ]
            layout = tmp_path / f"layout{number}"
            write_image(layout, name, specs)
            target = ["--dest-tls-verify=false", "--all", f"oci:{layout}:{name}"]
            run(["skopeo", "copy", "--quiet", *target, f"docker://{found.host}/{name}"])
        yield found


@only_thorough
def test_make_rpm(registry: Registry, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "images/example-quadlet", tmp_path / "example")
    conf = tmp_path / "registries.conf"
    conf.write_text(
        f'[[registry]]\nprefix = "docker.io"\nlocation = "{registry.host}"\ninsecure = true\n'
    )
    env = {
        **ENVIRONMENT,
        "CONTAINERS_REGISTRIES_CONF": str(conf),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    def make(target: str, *variables: str) -> str:
        return run([*MAKE, target, *variables], env=env).stdout

    definition = f"DEF={tmp_path}/example/example-quadlet.yaml"
    output = f"OUTPUT={tmp_path}/out"
    make("lock", definition)
    make("check", definition)
    for arch in ("x86_64", "aarch64"):
        rpm = Path(make("rpm", definition, output, f"ARCH={arch}").split()[-1])
        assert rpm.name == f"example-quadlet-1.0.0-1.{arch}.rpm"
        files = run(["rpm", "-qlp", "--nosignature", str(rpm)]).stdout.splitlines()
        assert {f"{_SYSTEMD}/{name}" for name in UNITS} <= set(files)
        names = [f"docker.io/{name}" for name in IMAGES]
        provided = run(["rpm", "-qp", "--nosignature", "--provides", str(rpm)]).stdout
        assert all(f"container-image({name})" in provided for name in names)
        make("verify", f"RPMS={rpm}", output)
        bill = json.loads(make("sbom", f"RPMS={rpm}", output))
        inside = {f"{each['name']}:{each.get('versionInfo')}" for each in bill["packages"]}
        assert sorted(inside & set(names)) == sorted(names), inside
