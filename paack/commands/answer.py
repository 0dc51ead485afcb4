"""What ``--json`` prints: one document, of one schema for all tasks (schema/answer.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paack.helpers.errors import EXIT_CODES, DefinitionErrors, PaackError

if TYPE_CHECKING:
    from paack.helpers.check import Finding

FORMAT = 1


def answer(
    task: str,
    result: Mapping[str, Any] | None,
    error: PaackError | None = None,
    findings: Iterable[Finding] = (),
) -> str:
    """Return the document; ``findings`` are those of the checks before a build.

    ``result`` is what the task made or found, None when it failed.
    """
    problems = [each.as_json() for each in findings]
    if error and not any(each["level"] == "error" for each in problems):
        from paack.helpers.check import Finding

        errors = error.problems if isinstance(error, DefinitionErrors) else (error,)
        kind = EXIT_CODES[error.exit_code].split()[0]
        problems += [Finding(kind, each).as_json() for each in errors]
    document = {
        "paack": FORMAT,
        "task": task,
        "ok": error is None,
        "exit": error.exit_code if error else 0,
        "message": error.summary if error else None,
        "problems": [{"file": None, "line": None, **each} for each in problems],
        "result": dict(result) if result is not None else None,
    }
    return json.dumps(document, indent=2)


def files(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return path, size in bytes and SHA-256 of packages, as their build records have them."""
    found = []
    for path in paths:
        record = json.loads(path.with_name(f"{path.name}.buildinfo.json").read_text("utf-8"))
        facts = {name: record[name] for name in ("size", "sha256")}
        found.append({"path": str(path), **facts, "checked": record.get("checked", True)})
    return found
