"""Tags whose architectures are locked to different image lists: they may be other versions."""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.check.findings import Finding
from paack.helpers.check.packaged import wanted_name
from paack.helpers.check.report import Report
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.hint import command


def arch_findings(report: Report) -> Iterator[Finding]:
    """Yield a warning for each tag that is another image list for another arch."""
    lists: dict[str, dict[str, list[str]]] = {}
    lines: dict[str, int] = {}
    for arch, image in report.definition.images():
        locked = report.lock.images.get((image.source.text, arch))
        tag = wanted_name(image.source.reference)
        if locked and "@" not in tag:
            digest = locked.list or locked.manifest
            if locked.list or image.source.origin:
                lists.setdefault(tag, {}).setdefault(digest, []).append(arch)
                lines.setdefault(tag, image.line)
    for tag, digests in lists.items():
        if len(digests) > 1:
            said = ", ".join(f"{'/'.join(a)} {d[7:19]}" for d, a in sorted(digests.items()))
            error = DefinitionError(
                f"{tag} differs by arch: {said}",
                place=Place(report.file, lines[tag]),
                hint=f"{command('lock', def_=report.file, update=True)} takes both from one list, "
                "if the registry has one",
            )
            yield Finding("differs", error, warning=True)
