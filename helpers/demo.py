"""The demo: images made from files of paack's own, packaged for two arches, and shown."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from paack.helpers.arch import OCI_ARCH
from paack.helpers.oci import layout_of
from paack.helpers.pipe import Builder
from paack.helpers.rpm import query
from paack.helpers.templates import ROOT

DEMO = Path("images/demo")
ARCHES = tuple(OCI_ARCH)[:2]


def run_demo(builder: Builder) -> str:
    """Build the demo's RPMs and return a description of what is in them.

    They have an output directory of their own below the builder's, so that they are not
    published with what was built for devices. Outside a clone the definition is copied there.
    """
    apart = replace(builder, output=builder.output / "demo")
    base = Path() if DEMO.exists() else apart.output
    if not DEMO.exists():
        shutil.copytree(ROOT / DEMO, base / DEMO, dirs_exist_ok=True)
    # Where the definition looks for it: the lock, and so the RPMs, name the relative path.
    layout_of(base / DEMO / "rootfs", base / "_output/demo/layout", ARCHES)
    rpms = apart.rpms(apart.plan(base / DEMO / "demo.yaml"))
    return "\n".join(describe(rpm) for rpm in rpms)


def describe(rpm: Path) -> str:
    """Return the name, arch, size, files and images of an RPM, as rpm sees it."""
    names = "%{NEVRA}, %{SIZE} bytes\\n[  %{FILENAMES}  %{FILESIZES}\\n]"
    images = "[  %{PROVIDENAME}\\n]"
    provides = [line for line in query(rpm, images).splitlines() if "container-image(" in line]
    return f"\n{query(rpm, names)}" + "\n".join(provides)
