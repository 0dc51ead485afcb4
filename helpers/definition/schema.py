"""The JSON schema of definitions, for editors."""

from __future__ import annotations

from typing import Any

from paack.helpers.definition.derived import with_words
from paack.helpers.definition.yaml_format import DefinitionDocument
from paack.helpers.schema import json_schema


def definition_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a definition file."""
    document = with_words(json_schema(DefinitionDocument))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "paack definition",
        # A package without a list around it is a list of one.
        "if": {"required": ["name"], "not": {"required": ["packages"]}},
        "then": {"$ref": "#/$defs/Package"},
        "else": {key: value for key, value in document.items() if key != "$defs"},
        "$defs": document["$defs"],
    }
