"""JSON schemas (draft 2020-12) of the dataclasses that describe a YAML format, for editors."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from paack.helpers.document import kinds, yaml_fields

_BOOLEANS = ("true", "false")  # YAML has values of their own for these


def json_schema(cls: type) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a document of ``cls``, without the $schema line.

    Dataclasses inside are in its ``$defs``, by their names without "Document".
    """
    defs: dict[str, Any] = {}
    schema = _object(cls, defs)
    return {**schema, "$defs": dict(sorted(defs.items()))} if defs else schema


def _object(cls: type, defs: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a mapping; those of mappings inside go into ``defs``."""
    hints = typing.get_type_hints(cls)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, field in yaml_fields(cls).items():
        schema = _schema(hints[field.name], field, defs)
        if field.metadata["required"]:
            required.append(name)
        else:
            _allow_null(schema)
        properties[name] = {"description": field.metadata["doc"], **schema}
        if field.metadata["example"] is not None:
            properties[name]["examples"] = [field.metadata["example"]]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": required,
    }


def _schema(hint: Any, field: dataclasses.Field[Any], defs: dict[str, Any]) -> dict[str, Any]:
    allowed = kinds(hint)
    options: list[dict[str, Any]] = []
    for kind in allowed:
        if typing.get_origin(kind) is tuple:
            (item, _) = typing.get_args(kind)
            options.append({"type": ["array"], "items": _schema(item, field, defs)})
        elif dataclasses.is_dataclass(kind):
            inside = typing.cast(type, kind)
            name = inside.__name__.removesuffix("Document")
            defs[name] = _object(inside, defs)
            options.append({"$ref": f"#/$defs/{name}"})
        else:
            options.append(_text(field))
    return options[0] if len(options) == 1 else {"anyOf": options}


def _text(field: dataclasses.Field[Any]) -> dict[str, Any]:
    text: dict[str, Any] = {"type": ["string", "number", "boolean"]}
    if field.metadata["choices"]:
        choices = list(field.metadata["choices"])
        text = {"enum": choices + [each == "true" for each in choices if each in _BOOLEANS]}
    elif field.metadata["pattern"]:
        text["pattern"] = f"^(?:{field.metadata['pattern']})$"
    if field.metadata["refused"]:
        patterns = [pattern for pattern, _ in field.metadata["refused"]]
        text["allOf"] = [{"not": {"type": "string", "pattern": each}} for each in patterns]
    return text


def _allow_null(schema: dict[str, Any]) -> None:
    """A key without a value is a key left out."""
    for key, null in (("type", "null"), ("enum", None)):
        if key in schema:
            schema[key].append(null)
