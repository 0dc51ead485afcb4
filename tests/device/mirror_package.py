"""A package with an image that another one has, too, under the name of a mirror."""

from __future__ import annotations

from pathlib import Path

from tests.device.packages import APP, Packages
from tests.support.commands import run
from tests.support.product import Paack

MIRROR = "mirror-containers"
_DEFINITION = """\
packages:
- name: {name}
  version: '1.0'
  arches: [x86_64]
  images: [{image}]
"""


def build_mirror(packages: Packages) -> Path:
    """Return an RPM with app:1 of the package APP as mirror:1; its store comes after APP's."""
    assert MIRROR > APP
    image, copy = packages.image("app:1"), packages.image("mirror:1")
    tls = ["--src-tls-verify=false", "--dest-tls-verify=false"]
    run(["skopeo", "copy", "--all", *tls, f"docker://{image}", f"docker://{copy}"])
    paack = Paack(packages.repository, packages.registry.registries_conf)
    text = _DEFINITION.format(name=MIRROR, image=copy)
    (rpm,) = paack.build(paack.define(text, "mirror.yaml"))
    return rpm
