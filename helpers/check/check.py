"""Checking a definition, its manifests and its lock: all problems at once, with no network.

An error would fail a build, or a device in the field; a warning is for a person to judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from paack.helpers.blobs import default_cache
from paack.helpers.check.arches import arch_findings
from paack.helpers.check.clients import client_findings
from paack.helpers.check.findings import Finding, as_findings
from paack.helpers.check.layers import group_findings
from paack.helpers.check.licenses import license_findings
from paack.helpers.check.lock import lock_problems
from paack.helpers.check.manifests import use_findings
from paack.helpers.check.missing import missing_findings
from paack.helpers.check.others import other_findings
from paack.helpers.check.report import Report
from paack.helpers.check.units import stray_units, unit_findings
from paack.helpers.check.unused import unused_findings
from paack.helpers.definition import Definition
from paack.helpers.errors import DefinitionError, LockError
from paack.helpers.kubernetes import Needs, chart_problems, unapplied
from paack.helpers.lock import Lock, chosen, lock_path, read_lock
from paack.helpers.quadlet import needs_of, read_definition


def check(file: Path, *, everything: bool = False) -> Report:
    """Check a definition; a file that cannot be read is a finding, too.

    ``everything``: also report what only looks like an image. While the definition itself has
    problems, findings that may follow from them are left out.
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

    Images that ``lock`` lacks may have any digest. ``everything``: also report what only looks like
    an image.
    """
    findings = [Finding("manifest", error) for error in needs.problems]
    findings += [Finding("kustomization", each, warning=True) for each in unapplied(definition)]
    findings += [Finding("kustomize", each, warning=True) for each in needs.warnings]
    findings += stray_units(definition)
    findings += client_findings(definition, lock, default_cache())
    findings += unit_findings(definition)
    report = Report(definition, lock, tuple(needs.found), (), tuple(needs.others))
    findings += missing_findings(report)
    for need in report.needs:
        findings += use_findings(need)
    findings += other_findings(definition, report.packaged, needs, everything=everything)
    if needs.are_known:
        findings += unused_findings(report)
    findings += arch_findings(report)
    findings += license_findings(definition)
    return replace(report, findings=_ordered(findings))


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    unique = {str(each): each for each in findings}.values()
    return tuple(sorted(unique, key=lambda each: each.order))


def _lock(definition: Definition) -> tuple[Lock, list[LockError]]:
    try:
        lock = read_lock(lock_path(definition.file))
    except LockError as error:
        return Lock(), [error]
    return lock or Lock(), list(lock_problems(definition, lock))
