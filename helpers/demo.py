"""The demo: images made from files of this repository, packaged for two arches, and shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from paack.helpers.arch import OCI_ARCH
from paack.helpers.build import Builder
from paack.helpers.oci.layout import layout_of
from paack.helpers.run import run

DEMO = Path("images/demo")
ARCHES = tuple(OCI_ARCH)[:2]


def run_demo(builder: Builder) -> str:
    """Build the demo's RPMs and return a description of what is in them.

    They have an output directory of their own below the builder's, so that they are not
    published with what was built for devices.
    """
    layout_of(DEMO / "rootfs", Path("_output/demo/layout"), ARCHES)
    apart = replace(builder, output=builder.output / "demo")
    rpms = apart.rpms(DEMO / "demo.yaml")
    return "\n".join(describe(rpm) for rpm in rpms)


def describe(rpm: Path) -> str:
    """Return the name, arch, size, files and images of an RPM, as rpm sees it."""
    query = "%{NEVRA}, %{SIZE} bytes\\n[  %{FILENAMES}  %{FILESIZES}\\n]"
    images = "[  %{PROVIDENAME}\\n]"
    said = [
        run(["rpm", "-qp", "--nosignature", "--qf", form, rpm], quiet=True).stdout.decode()
        for form in (query, images)
    ]
    provides = [line for line in said[1].splitlines() if "container-image(" in line]
    return f"\n{said[0]}" + "\n".join(provides)
