"""CustomResourceDefinitions with schemas as large as those that controller-gen writes."""

from __future__ import annotations

from typing import Any

import yaml

_LEAF = {
    "type": "string",
    "description": "Image is the name of an image, such as\nquay.io/acme/described:v1.",
    "default": "quay.io/acme/default:v1",
}


def crd(kind: str, *, fields: int, depth: int = 4) -> str:
    """Return a definition of ``kind`` whose schema has some ``fields`` ** ``depth`` fields."""
    group, plural = "acme.example", f"{kind.lower()}s"
    document = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"made-by": "tests"}},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": _schema(fields, depth)},
                }
            ],
        },
    }
    return yaml.dump(document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))


def _schema(fields: int, depth: int) -> dict[str, Any]:
    if depth == 0:
        return dict(_LEAF)
    properties = {f"field{number}": _schema(fields, depth - 1) for number in range(fields)}
    return {"type": "object", "description": "A part of it.", "properties": properties}
