"""YAML documents read into dataclasses, with the line of every value, all problems at once.

The dataclasses are the one description of a format: ``bind`` checks a document against them and
helpers/schema.py makes the schema for editors from them. A field is described by ``key(...)``.

Scalars are taken as they are written: ``version: 1.10`` is "1.10", not a number.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml

from paack.helpers.errors import DefinitionError, DefinitionErrors, Place
from paack.helpers.located import FAST, QUOTE, Limits, documents
from paack.helpers.located import Located as Located

T = TypeVar("T")
_LIMITS = Limits(depth=32, values=100_000)
_LARGER = Limits(depth=128, values=1_000_000)
# Control characters, other line ends than \n, halves of characters.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_TABS = "indent with spaces: YAML takes no tab there"


def key(
    doc: str,
    *,
    name: str | None = None,
    required: bool = False,
    pattern: str | None = None,
    hint: str | None = None,
    example: object = None,
    choices: tuple[str, ...] = (),
    synonyms: Mapping[str, str] = MappingProxyType({}),
    block: bool = False,
    refused: tuple[tuple[str, str], ...] = (),
    default: object = None,
) -> Any:
    """Describe a field: ``name`` in YAML, ``pattern`` of the whole text, ``block``: many lines.

    ``refused`` are (pattern, what is wrong) of texts; ``synonyms`` of ``choices`` are suggested.
    """
    metadata = {
        "doc": doc,
        "name": name,
        "required": required,
        "pattern": pattern,
        "hint": hint,
        "example": example,
        "choices": choices,
        "synonyms": synonyms,
        "block": block,
        "refused": refused,
    }
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class Problems:
    """Collects the problems of one file."""

    def __init__(self, file: Path):
        self.file = file
        self.found: list[DefinitionError] = []

    def add(self, line: int, message: str, hint: str | None = None) -> None:
        """Note one problem at ``line``."""
        self.found.append(DefinitionError(message, place=Place(self.file, line), hint=hint))

    def has(self, path: str) -> bool:
        """Tell whether there is a problem with the value at ``path`` (``packages[0].arches``)."""
        return any(problem.message.startswith(path) for problem in self.found)

    def check(self) -> None:
        """Raise DefinitionErrors if there is any."""
        if self.found:
            raise DefinitionErrors(self.found)


def load(file: Path) -> Located:
    """Read one YAML document; raise DefinitionError when it cannot be read or parsed."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise DefinitionError(
            f"cannot be read: {error.strerror}",
            place=Place(file),
            hint=f"check the path; a relative one starts in {Path.cwd()}",
        ) from error
    except UnicodeDecodeError as error:
        raise DefinitionError(
            f"is not UTF-8: {error.reason}", place=Place(file), hint="save it as UTF-8"
        ) from error
    # PyYAML's own parser says what is wrong in more words than libyaml's.
    documents = _documents(text, file, _LIMITS, yaml.SafeLoader, QUOTE)
    if not documents:
        raise DefinitionError("is empty", place=Place(file), hint="see images/demo for an example")
    if len(documents) > 1:
        raise DefinitionError(
            "is not YAML: found another document",
            place=Place(file, documents[1].line),
            hint="it has several documents (---): put all packages into one list",
        )
    return documents[0]


def load_all(text: str, file: Path) -> list[Located]:
    """Read all YAML documents of ``text``, the content of ``file``, but empty ones.

    They may be larger and deeper than a definition. Raises DefinitionError.
    """
    return _documents(text, file, _LARGER, FAST)


def _documents(
    text: str, file: Path, limits: Limits, loader: Any, hint: str | None = None
) -> list[Located]:
    try:
        return list(documents(text, file, limits, loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DefinitionError(
            f"is not YAML: {error.problem}",
            place=Place(file, mark.line + 1 if mark else 0),
            hint=hint and (_TABS if r"'\t'" in str(error.problem) else hint),
        ) from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise DefinitionError(f"is not YAML: {error}", place=Place(file), hint=hint) from error


def bind(cls: type[T], document: Located, problems: Problems, path: str = "") -> T | None:
    """Make a ``cls`` from a mapping; note every problem, and return None if it is no mapping.

    Fields with a problem keep their default. The ``line`` field of ``cls``, if any, is set.
    """
    where = path or "the document"
    if not isinstance(document.value, dict):
        problems.add(document.line, f"{where} must be a mapping")
        return None
    fields = yaml_fields(cls)
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for name, located in document.value.items():
        here = f"{path}.{name}" if path else name
        if name not in fields:
            problems.add(located.line, f"{here}: unknown key", suggest(name, tuple(fields)))
        elif located.value is not None:
            field = fields[name]
            values[field.name] = _value(hints[field.name], field, located, problems, here)
    for name, field in fields.items():
        if field.metadata["required"] and (document.value.get(name) or _NOTHING).value is None:
            example = field.metadata["example"]
            hint = f"for example {name}: {example}" if example else None
            problems.add(document.line, f"{where}: {name!r} is missing", hint)
    if "line" in hints:
        values["line"] = document.line
    return cls(**{name: value for name, value in values.items() if value is not None})


def yaml_fields(cls: type) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields of a dataclass that a document may set, by their name in YAML."""
    return {
        field.metadata["name"] or field.name: field
        for field in dataclasses.fields(cls)
        if "doc" in field.metadata
    }


def suggest(word: str, known: tuple[str, ...]) -> str:
    """Return a hint: the known word that is nearest to ``word``, or all of them."""
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"one of: {', '.join(known)}"


def kinds(hint: Any) -> list[Any]:
    """Return the types that a field may have besides None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [kind for kind in typing.get_args(hint) if kind is not types.NoneType]
    return [hint]


def _value(
    hint: Any, field: dataclasses.Field[Any], located: Located, problems: Problems, path: str
) -> Any:
    allowed = kinds(hint)
    for kind in allowed:
        if typing.get_origin(kind) is tuple and isinstance(located.value, list):
            (item, _) = typing.get_args(kind)
            items = (
                _value(item, field, each, problems, f"{path}[{number}]")
                for number, each in enumerate(located.value)
            )
            return tuple(each for each in items if each is not None)
        if typing.get_origin(kind) is Mapping and isinstance(located.value, dict):
            (_, item) = typing.get_args(kind)
            values = {
                name: _value(item, field, each, problems, f"{path}.{name}")
                for name, each in located.value.items()
            }
            return {name: value for name, value in values.items() if value is not None}
        if dataclasses.is_dataclass(kind) and isinstance(located.value, dict):
            return bind(typing.cast("type[Any]", kind), located, problems, path)
        if kind in (str, Text) and isinstance(located.value, str):
            text = _text(field, located, problems, path)
            return Text(text, located.line) if kind is Text and text is not None else text
    hint = None
    if isinstance(located.value, str) and typing.get_origin(allowed[0]) is tuple:
        hint = f"write {path.rpartition('.')[2]}: [{located.value}]"
    problems.add(located.line, f"{path} must be {' or '.join(map(_describe, allowed))}", hint)
    return None


class Text(str):
    """A string of a document that knows its line."""

    __slots__ = ("line",)
    line: int

    def __new__(cls, value: str, line: int) -> Text:
        self = super().__new__(cls, value)
        self.line = line
        return self


def _text(
    field: dataclasses.Field[Any], located: Located, problems: Problems, path: str
) -> str | None:
    value = typing.cast(str, located.value)
    metadata = field.metadata
    control = _CONTROL.search(value)
    if control:
        problems.add(located.line, f"{path}: control character {control[0]!r}", metadata["hint"])
    elif not metadata["block"] and re.search(r"[\n\t]", value):
        problems.add(located.line, f"{path} must be one line", metadata["hint"])
    elif metadata["choices"] and value not in metadata["choices"]:
        word = metadata["synonyms"].get(value)
        hint = f"write {word}" if word else suggest(value, metadata["choices"])
        problems.add(located.line, f"{path}: {value!r} is not known", hint)
    elif metadata["pattern"] and not re.fullmatch(metadata["pattern"], value):
        problems.add(located.line, f"{path}: {value!r} is not valid", metadata["hint"])
    elif wrong := [what for pattern, what in metadata["refused"] if re.search(pattern, value)]:
        problems.add(located.line, f"{path} {wrong[0]}", metadata["hint"])
    else:
        return value
    return None


def _describe(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return "a list"
    is_mapping = dataclasses.is_dataclass(kind) or typing.get_origin(kind) is Mapping
    return "a mapping" if is_mapping else "a text"


_NOTHING = Located(None, 0)
