"""Checking a definition, its manifests and its lock: all problems at once, with no network.

An error would fail a build, or a device in the field; a warning is for a person to judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from paack.helpers.blobs import default_cache
from paack.helpers.check.clients import client_findings
from paack.helpers.check.findings import Finding, as_findings, place_json, use_findings
from paack.helpers.check.layers import group_findings
from paack.helpers.check.licenses import license_findings
from paack.helpers.check.lock import lock_problems
from paack.helpers.check.others import described, other_findings, unless
from paack.helpers.check.shelf import Shelf, wanted_name
from paack.helpers.check.units import stray_units, unit_findings
from paack.helpers.definition import Addition, Definition, Image, add_images
from paack.helpers.errors import DefinitionError, LockError, Place, ToolError, UsageError
from paack.helpers.hint import command
from paack.helpers.kubernetes import Need, Needs, chart_problems, full_name, unapplied
from paack.helpers.lock import Lock, chosen, lock_path, read_lock
from paack.helpers.progress import count
from paack.helpers.quadlet import needs_of, read_definition

_GRAVEST = (DefinitionError, ToolError, LockError)


@dataclass(frozen=True)
class Report:
    """What was found: all problems, and all that the manifests need.

    ``others`` only look like images, or cannot be known to be one.
    """

    definition: Definition
    lock: Lock
    needs: tuple[Need, ...]
    findings: tuple[Finding, ...]
    others: tuple[Need, ...] = ()

    @cached_property
    def shelf(self) -> Shelf:
        """What is packaged."""
        return Shelf.of(self.definition, self.lock)

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))

    def as_json(self) -> str:
        """Return the findings, and every need with its place."""
        findings = [each.as_json() for each in self.findings]
        needs = [
            {"image": need.use.image, "package": need.package, "arches": list(need.arches)}
            | {"where": need.use.where, **place_json(need.use.place), "level": need.use.level}
            | ({"reason": need.use.reason} if need.use.reason else {})
            | ({"ignored": need.ignored.reason} if need.ignored else {})
            for need in self.needs
        ]
        return json.dumps({"problems": findings, "needs": needs}, indent=2)

    def check(self) -> None:
        """Raise if there is an error: its class, and so the exit code, is that of the gravest."""
        errors = [each.error for each in self.findings if not each.warning]
        for kind in _GRAVEST:
            if any(isinstance(error, kind) for error in errors):
                raise kind(f"{count(len(errors), 'error')} in {self.file}")

    @property
    def file(self) -> Path:
        """The file of the definition."""
        return self.definition.file

    def missing(self) -> list[tuple[Need, list[str]]]:
        """Return the first need of each image that is not packaged, and for which arches."""
        found: dict[tuple[str, str], tuple[Need, list[str]]] = {}
        for need in self.needs:
            reference = full_name(need.use.image)
            if reference is None or need.ignored:
                continue
            lacking = self.shelf.lacking(reference, need.arches)
            if lacking:
                key = (need.package, wanted_name(reference))
                _, arches = found.setdefault(key, (need, []))
                arches += [arch for arch in lacking if arch not in arches]
        return list(found.values())

    def why(self, image: str) -> str:
        """Return every place that needs ``image``: a name or the end of one, with or without tag.

        Raises UsageError when there is none.
        """
        lines = [
            f"{need.use.place}: {need.use.where} ({', '.join(need.arches)}): {need.use.image}"
            for need in (*self.needs, *self.others)
            if _is_named(need.use.image, image)
        ]
        if not lines:
            known = sorted({need.use.image for need in self.needs})
            raise UsageError(
                f"nothing needs {image}",
                hint=f"what is needed: {', '.join(known)}" if known else "there is no manifest",
            )
        return "\n".join(dict.fromkeys(lines))


def check(file: Path, *, everything: bool = False) -> Report:
    """Check a definition; what cannot be read is a finding, too.

    ``everything``: also tell what only looks like an image. While the definition itself has
    problems, what may follow from them is left out.
    """
    definition = Definition(file, ())
    try:
        definition, problems = read_definition(file)
    except DefinitionError as error:
        return Report(definition, Lock(), (), tuple(as_findings("definition", error)))
    if problems.found:
        needs = needs_of(definition)
        findings = [Finding("definition", error) for error in problems.found]
        findings += [Finding("manifest", error) for error in needs.problems]
        return Report(definition, Lock(), tuple(needs.found), _ordered(findings))
    lock, damage = _lock(definition)
    report = check_contents(definition, lock, needs_of(definition), everything=everything)
    findings = [*report.findings, *(Finding("lock", error) for error in damage)]
    findings += [Finding("lock", error) for error in chart_problems(definition)]
    if not damage:
        findings += group_findings(chosen(definition, lock), lock)
    return replace(report, findings=_ordered(findings))


def check_contents(
    definition: Definition, lock: Lock, needs: Needs, *, everything: bool = False
) -> Report:
    """Check what a definition packages against what its manifests need; not the lock itself.

    Images that ``lock`` does not have may have any digest. ``everything``: also tell what only
    looks like an image.
    """
    findings = [Finding("manifest", error) for error in needs.problems]
    findings += [Finding("kustomization", each, warning=True) for each in unapplied(definition)]
    findings += [Finding("kustomize", each, warning=True) for each in needs.warnings]
    findings += stray_units(definition)
    findings += client_findings(definition, lock, default_cache())
    findings += unit_findings(definition)
    report = Report(definition, lock, tuple(needs.found), (), tuple(needs.others))
    findings += _missing(report)
    for need in report.needs:
        findings += use_findings(need)
    findings += other_findings(definition, report.shelf, needs, everything=everything)
    if needs.are_known:
        findings += _unused(report)
    findings += _by_arch(report)
    findings += license_findings(definition)
    return replace(report, findings=_ordered(findings))


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    unique = {str(each): each for each in findings}.values()
    return tuple(sorted(unique, key=lambda each: each.order))


def add_missing(file: Path) -> list[str]:
    """Write the images that manifests need and nothing packages into a definition; say which."""
    additions = [
        Addition(need.package, wanted_name(reference), tuple(arches))
        for need, arches in check(file).missing()
        if (reference := full_name(need.use.image))
    ]
    if additions:
        add_images(file, additions)
    return [f"added {each.image} to {each.package}" for each in additions] or ["nothing is missing"]


def _lock(definition: Definition) -> tuple[Lock, list[LockError]]:
    try:
        lock = read_lock(lock_path(definition.file))
    except LockError as error:
        return Lock(), [error]
    return lock or Lock(), list(lock_problems(definition, lock))


def _missing(report: Report) -> Iterator[Finding]:
    for need, arches in report.missing():
        reference = full_name(need.use.image)
        assert reference is not None
        kin = report.shelf.kin(reference.repo, arches)
        by_digest = [name for name in kin if "@" in name]
        if reference.digest is None and by_digest and len(by_digest) == len(kin):
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
        other = f"packaged are: {', '.join(kin)}; or " if kin else ""
        yield Finding(
            "missing",
            DefinitionError(
                f"{need.use.image} is not packaged for {', '.join(arches)} ({described(need)})",
                place=need.use.place,
                hint=f"{other}{command('check', def_=report.file, add=True)}{unless(need)}",
            ),
        )


def _unused(report: Report) -> Iterator[Finding]:
    needed = {
        (arch, wanted_name(reference))
        for need in (*report.needs, *report.others)
        if (reference := full_name(need.use.image))
        for arch in need.arches
    }
    with_manifests = {
        arch.name
        for each in report.definition.packages
        for arch in each.arches
        if arch.manifests or arch.units
    }
    unused: dict[int, tuple[Image, list[str]]] = {}
    for arch, image in report.definition.images():
        names = report.shelf.names_of(image, arch)
        if arch in with_manifests and not any((arch, name) in needed for name in names):
            unused.setdefault(image.line, (image, []))[1].append(arch)
    for image, arches in unused.values():
        message = (
            f"{image.source.text} is packaged for {', '.join(arches)}, "
            "but no manifest or unit names it"
        )
        error = DefinitionError(message, place=Place(report.file, image.line))
        yield Finding("unused", error, warning=True)


def _by_arch(report: Report) -> Iterator[Finding]:
    """Yield what differs by arch: one tag, two lists."""
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


def _is_named(use: str, asked: str) -> bool:
    """Tell whether ``asked`` is an image, or the end of its name from some ``/`` on."""
    found = full_name(use)
    if found is None:
        return use == asked
    tagged = f"{found.repo}:{found.tag}" if found.tag else found.repo
    names = {found.repo, tagged, str(found), wanted_name(found)}
    return any(f"/{name}".endswith(f"/{asked}") for name in names)
