"""The checks that run before a build fetches anything: those of ``paack check``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from paack.helpers.check.check import check_contents
from paack.helpers.check.findings import Finding
from paack.helpers.definition import Definition
from paack.helpers.errors import DefinitionError, DefinitionErrors, ToolError
from paack.helpers.kubernetes import Needs
from paack.helpers.lock import Lock
from paack.helpers.progress import Reporter
from paack.helpers.quadlet import needs_of


@dataclass
class Gate:
    """Lets definitions without errors pass; reads manifests once, and prints each warning once.

    ``is_open`` lets all pass (``--no-check``). What cannot be checked because kustomize is missing
    is an error when it is ``strict`` (for publishing), and a warning otherwise. ``findings`` are
    all findings so far.
    """

    is_open: bool = False
    strict: bool = False
    findings: list[Finding] = field(default_factory=list)
    _needs: dict[Path, Needs] = field(default_factory=dict)

    def check(self, definition: Definition, lock: Lock | None, reporter: Reporter) -> None:
        """Raise for errors, all at once: DefinitionErrors, or ToolError when it is ``strict`` and
        kustomize is missing.

        Without ``lock`` digests are not known; with it they are compared, too. The lock itself is
        checked elsewhere.
        """
        if self.is_open:
            return
        needs = self._needs.get(definition.file)
        if needs is None:
            needs = self._needs[definition.file] = needs_of(definition)
        findings = [
            replace(finding, warning=True)
            if isinstance(finding.error, ToolError) and not self.strict
            else finding
            for finding in check_contents(definition, lock or Lock(), needs).findings
        ]
        for finding in findings:
            if str(finding) not in map(str, self.findings):
                self.findings.append(finding)
                if finding.warning:
                    reporter.warn(str(finding))
        errors = [finding.error for finding in findings if not finding.warning]
        if any(isinstance(error, DefinitionError) for error in errors):
            raise DefinitionErrors(errors)
        for error in errors:
            raise error
