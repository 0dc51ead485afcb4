"""Images that manifests need and no package has: found, and added to the definition."""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.check.findings import Finding
from paack.helpers.check.others import described, unless
from paack.helpers.check.packaged import wanted_name
from paack.helpers.check.report import Report
from paack.helpers.definition import Addition, add_images
from paack.helpers.errors import DefinitionError
from paack.helpers.hint import command
from paack.helpers.kubernetes import Need, full_name


def missing_images(report: Report) -> list[tuple[Need, list[str]]]:
    """Return the first need of each image that is not packaged, and for which arches."""
    missing: dict[tuple[str, str], tuple[Need, list[str]]] = {}
    for need in report.needs:
        reference = full_name(need.use.image)
        if reference is None or need.ignored:
            continue
        lacking = report.packaged.lacking(reference, need.arches)
        if lacking:
            key = (need.package, wanted_name(reference))
            _, arches = missing.setdefault(key, (need, []))
            arches += [arch for arch in lacking if arch not in arches]
    return list(missing.values())


def missing_findings(report: Report) -> Iterator[Finding]:
    """Yield an error for each image that is missing: not packaged, or by its digest only."""
    for need, arches in missing_images(report):
        reference = full_name(need.use.image)
        assert reference is not None
        others = report.packaged.same_repository(reference.repo, arches)
        by_digest = [name for name in others if "@" in name]
        if reference.digest is None and by_digest and len(by_digest) == len(others):
            yield Finding(
                "by-digest",
                DefinitionError(
                    f"{need.use.image} is packaged by digest only, for {', '.join(arches)}: "
                    "the tag is not known on the device",
                    place=need.use.place,
                    hint=f"write {by_digest[0]} here, or "
                    f"{wanted_name(reference)}@{by_digest[0].partition('@')[2]} in the definition",
                ),
            )
            continue
        packaged = f"packaged are: {', '.join(others)}; or " if others else ""
        yield Finding(
            "missing",
            DefinitionError(
                f"{need.use.image} is not packaged for {', '.join(arches)} ({described(need)})",
                place=need.use.place,
                hint=f"{packaged}{command('check', def_=report.file, add=True)}{unless(need)}",
            ),
        )


def add_missing(report: Report) -> list[str]:
    """Write the missing images into the definition; return a line about each."""
    additions = [
        Addition(need.package, wanted_name(reference), tuple(arches))
        for need, arches in missing_images(report)
        if (reference := full_name(need.use.image))
    ]
    if additions:
        add_images(report.file, additions)
    return [f"added {each.image} to {each.package}" for each in additions] or ["nothing is missing"]
