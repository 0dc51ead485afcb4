"""Images that are packaged, but that no manifest or unit names."""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.check.findings import Finding
from paack.helpers.check.packaged import wanted_name
from paack.helpers.check.report import Report
from paack.helpers.definition import Image
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes import full_name


def unused_findings(report: Report) -> Iterator[Finding]:
    """Yield a warning for each image that no manifest or unit of its arch names."""
    needed = {
        (arch, wanted_name(reference))
        for need in (*report.needs, *report.others)
        if (reference := full_name(need.use.image))
        for arch in need.arches
    }
    with_manifests = {
        arch.name
        for package in report.definition.packages
        for arch in package.arches
        if arch.manifests or arch.units
    }
    unused: dict[int, tuple[Image, list[str]]] = {}
    for arch, image in report.definition.images():
        names = report.packaged.names_of(image, arch)
        if arch in with_manifests and not any((arch, name) in needed for name in names):
            unused.setdefault(image.line, (image, []))[1].append(arch)
    for image, arches in unused.values():
        message = (
            f"{image.source.text} is packaged for {', '.join(arches)}, "
            "but no manifest or unit names it"
        )
        error = DefinitionError(message, place=Place(report.file, image.line))
        yield Finding("unused", error, warning=True)
