"""Node's packages: package.json (docs.npmjs.com, "package.json")."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from paack.helpers.packages.package import Package, Unreadable, clean


def package_json(text: str) -> Iterator[Package]:
    """Yield the package of a ``package.json`` that has a name and a version."""
    try:
        fields = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON: {error}") from error
    if not isinstance(fields, dict):
        return
    name, version = fields.get("name"), fields.get("version")
    if not (isinstance(name, str) and isinstance(version, str) and name and version):
        return
    said = fields.get("license") or fields.get("licenses") or ""
    names = [_text(each, "type") for each in (said if isinstance(said, list) else [said])]
    yield Package(
        "npm",
        clean(name),
        clean(version),
        license=clean(" OR ".join(filter(None, names))),
        supplier=clean(_text(fields.get("author"), "name"), 200),
    )


def _text(value: Any, key: str) -> str:
    """Return a text, or that of a key of an object."""
    value = value.get(key) if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""
