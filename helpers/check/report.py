"""What a check reports: every problem, and every image that the manifests need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from paack.helpers.check.findings import Finding, place_json
from paack.helpers.check.packaged import PackagedImages, wanted_name
from paack.helpers.definition import Definition
from paack.helpers.errors import DefinitionError, LockError, ToolError, UsageError
from paack.helpers.kubernetes import Need, full_name
from paack.helpers.lock import Lock
from paack.helpers.progress import count

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
    def packaged(self) -> PackagedImages:
        """What the definition packages, by the names that the device knows."""
        return PackagedImages.of(self.definition, self.lock)

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


def _is_named(use: str, asked: str) -> bool:
    """Tell whether ``asked`` is an image, or the end of its name from some ``/`` on."""
    reference = full_name(use)
    if reference is None:
        return use == asked
    tagged = f"{reference.repo}:{reference.tag}" if reference.tag else reference.repo
    names = {reference.repo, tagged, str(reference), wanted_name(reference)}
    return any(f"/{name}".endswith(f"/{asked}") for name in names)
