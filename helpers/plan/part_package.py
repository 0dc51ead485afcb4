"""What the packages of parts (``rpm.part_name``) have alike: one version, one time, no images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paack.helpers.definition import Package, PackageArch
from paack.helpers.plan.build_time import FLOOR
from paack.helpers.rpm import RELEASE, VERSION, Contents, Spec, render_spec


def part_package(
    kind: str,
    name: str,
    arches: Iterable[str],
    *,
    license: str,  # noqa: A002 the package's field
    summary: str,
    description: str,
    path: str = "",
    filesystem: str = "squashfs",
) -> Package:
    """Return the package of a part; ``kind`` is what ``Package.layers`` says of it."""
    return Package(
        name=name,
        version=VERSION,
        release=RELEASE,
        license=license,
        summary=summary,
        description=description,
        url=None,
        path=path,
        filesystem=filesystem,
        manifest_path="",
        arches=tuple(PackageArch(arch, (), None) for arch in arches),
        line=0,
        layers=kind,
    )


def part_spec(package: Package, contents: Sequence[Contents]) -> Spec:
    """Return the spec of a part, which is of no image's time."""
    return render_spec(package, contents, epoch=FLOOR)
