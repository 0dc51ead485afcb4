"""JSON as Go's encoding/json decodes it into structs: what podman and CRI-O can read.

It is not what Python's json does: names match without regard to case, a name that comes twice is
decoded twice into the same field, what no field is for may be anything, null leaves a field as
it was, and every other value must be of its field's type. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import isinf
from typing import Any, NoReturn

from paack.helpers.oci.rfc3339 import parse_time

_DEPTH = 10_000
_TOKEN = re.compile(
    r"[ \t\n\r]*+([][{}:,]|true|false|null"
    r'|"(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+"'
    r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?)"
)
_BLANK = re.compile(r"[ \t\n\r]*+")
_OUT_OF_PLACE = frozenset("]}:,")
_CLOSING = {"[": "]", "{": "}"}
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_BYTE = re.compile(r"[0-9]{1,3}")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
#: The two letters beyond ASCII that fold to one of ASCII (Unicode, simple case folding).
_FOLDED = str.maketrans({"\u017f": "s", "\u212a": "k"})
_SHOWN = 40

#: A value as it is written: a scalar is its own text, a list a list, an object a tuple of pairs.
Written = Any


class JSONProblem(ValueError):
    """A text is not JSON, or a value is not of its field's type; ``str()`` says which."""


class Scalar(Enum):
    """Types of fields that have no parts; the value is what such a field holds."""

    TEXT = "a string"
    FLAG = "true or false"
    INT = "a whole number"  # of 64 bits, with a sign
    TIME = "a time (RFC 3339)"
    BYTES = "base64"
    STRSLICE = "a string or a list of strings"  # Docker's strslice.StrSlice
    ANYTHING = "anything"  # decoded into itself, as it is written


@dataclass(frozen=True, slots=True)
class ListOf:
    """A slice; decoded into a list."""

    item: Type


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from strings; decoded into a dict."""

    item: Type


@dataclass(frozen=True)
class Struct:
    """A struct: its fields by name. It is decoded into a dict of those that the document has."""

    fields: Mapping[str, Type]
    folded: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folded", {_fold(name): name for name in self.fields})


Type = Scalar | ListOf | MapOf | Struct


def decode(raw: bytes, struct: Struct) -> dict[str, Any]:
    """Decode a document; raise JSONProblem where Go would give an error.

    Strings are str, whole numbers int, times str; a value of null is left out.
    """
    # Go, too, takes bytes that are not UTF-8 for U+FFFD.
    written = read(raw.decode("utf-8", "replace"))
    decoded = _decode(struct, written, "", None)
    return decoded if isinstance(decoded, dict) else {}


def read(text: str) -> Written:
    """Read a document, at most 10,000 levels deep; raise JSONProblem for what is not JSON."""
    reader = _Reader()
    end = 0
    while not reader.is_whole and (match := _TOKEN.match(text, end)):
        if not reader.take(match[1]):
            break
        end = match.end()
    blank = _BLANK.match(text, end)
    end = blank.end() if blank else end
    if end < len(text):
        raise JSONProblem(f"character {end + 1} is not JSON: {text[end:][:_SHOWN]!r}")
    if not reader.is_whole:
        raise JSONProblem("it ends too early")
    return reader.parts[0]


class _Reader:
    """What was read: ``parts`` of the innermost list or object (keys and values by turns)."""

    def __init__(self) -> None:
        self.parts: list[Written] = []
        self._closing = ""  # what ends the innermost list or object
        self._outer: list[tuple[str, list[Written]]] = []
        self._next = "value"  # what may come; "first" is a value or key, or the end

    @property
    def is_whole(self) -> bool:
        return not self._outer and self._next == "comma"

    def take(self, piece: str) -> bool:
        """Take the next piece of the document; tell whether it may come here."""
        if piece == self._closing and self._next in ("comma", "first"):
            self._close()
        elif self._next == "comma":
            self._next = "key" if self._closing == "}" else "value"
            return piece == ","
        elif self._next == "colon":
            self._next = "value"
            return piece == ":"
        elif self._closing == "}" and self._next != "value":
            if not piece.startswith('"'):
                return False
            self.parts.append(_unquoted(piece))
            self._next = "colon"
        elif piece in _CLOSING:
            self._open(_CLOSING[piece])
        elif piece in _OUT_OF_PLACE:
            return False
        else:
            self._take_scalar(piece)
        return True

    def _open(self, closing: str) -> None:
        self._outer.append((self._closing, self.parts))
        if len(self._outer) > _DEPTH:
            raise JSONProblem(f"it is nested more than {_DEPTH} levels deep")
        self._closing, self.parts = closing, []
        self._next = "first"

    def _close(self) -> None:
        parts = self.parts
        is_object = self._closing == "}"
        value = tuple(zip(parts[::2], parts[1::2], strict=True)) if is_object else parts
        self._closing, self.parts = self._outer.pop()
        self.parts.append(value)
        self._next = "comma"

    def _take_scalar(self, piece: str) -> None:
        is_number = piece[-1].isdigit()
        if is_number and "e" in piece.lower() and isinf(float(piece)):
            # Only podman's API, which decodes Docker's images with json-iterator, minds.
            raise JSONProblem(f"the number {piece[:_SHOWN]} is too large")
        self.parts.append(piece)
        self._next = "comma"


def _unquoted(token: str) -> str:
    """Return the string that a token means; halves of surrogate pairs are U+FFFD, as for Go."""
    if "\\" not in token:
        return token[1:-1]
    text = str(json.loads(token))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(type_: Type, written: Written, place: str, old: Any) -> Any:
    """Return the value of a field; ``old`` is what the same field had before, None without."""
    if written == "null":
        return None if isinstance(type_, ListOf | MapOf) else old
    if isinstance(type_, Struct):
        return _decode_struct(type_, _pairs(type_, written, place), place, old)
    if isinstance(type_, MapOf):
        items = dict(old or {})
        for name, value in _pairs(type_, written, place):
            items[name] = _decode(type_.item, value, f"{place}.{name[:_SHOWN]}", None)
        return items
    if isinstance(type_, ListOf):
        if not isinstance(written, list):
            _wrong(type_, written, place)
        return [
            _decode(type_.item, value, f"{place}[{number}]", None)
            for number, value in enumerate(written)
        ]
    return _decode_scalar(type_, written, place)


def _decode_struct(struct: Struct, pairs: Written, place: str, old: Any) -> dict[str, Any]:
    fields = dict(old or {})
    for written_name, value in pairs:
        name = struct.folded.get(_fold(written_name))
        if name is not None:
            inner = f"{place}.{written_name}" if place else written_name
            decoded = _decode(struct.fields[name], value, inner, fields.get(name))
            if decoded is None:
                fields.pop(name, None)
            else:
                fields[name] = decoded
    return fields


def _decode_scalar(scalar: Scalar, written: Written, place: str) -> Any:
    if scalar is Scalar.ANYTHING:
        return written
    is_text = isinstance(written, str) and written.startswith('"')
    if scalar is Scalar.STRSLICE and not is_text:
        if not isinstance(written, list):
            _wrong(scalar, written, place)
        return _decode(ListOf(Scalar.TEXT), written, place, None)
    if scalar is Scalar.BYTES and isinstance(written, list):
        return [_byte(value, f"{place}[{number}]") for number, value in enumerate(written)]
    if scalar is Scalar.TIME and is_text:
        try:
            parse_time(written[1:-1])  # Go does not look behind escapes here
        except ValueError:
            _wrong(scalar, written, place)
        return written[1:-1]
    if scalar is Scalar.FLAG and written in ("true", "false"):
        return written == "true"
    if scalar is Scalar.INT and isinstance(written, str) and _WHOLE.fullmatch(written):
        number = int(written)
        if -(1 << 63) <= number < 1 << 63:
            return number
    if scalar is Scalar.BYTES and is_text:
        if _BASE64.fullmatch(re.sub(r"[\r\n]", "", _unquoted(written))):
            return _unquoted(written)
    elif scalar in (Scalar.TEXT, Scalar.STRSLICE) and is_text:
        return _unquoted(written)
    return _wrong(scalar, written, place)


def _byte(written: Written, place: str) -> int:
    if written == "null":
        return 0
    if isinstance(written, str) and _BYTE.fullmatch(written) and int(written) < 256:
        return int(written)
    raise JSONProblem(f"{place} is {_shown(written)} and not a byte")


def _pairs(type_: Type, written: Written, place: str) -> Any:
    if not isinstance(written, tuple):
        _wrong(type_, written, place)
    return written


def _wrong(type_: Type, written: Written, place: str) -> NoReturn:
    raise JSONProblem(f"{place or 'the whole'} is {_shown(written)} and not {_named(type_)}")


def _shown(written: Written) -> str:
    if isinstance(written, tuple):
        return "an object"
    if isinstance(written, list):
        return "a list"
    return str(written) if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"


def _named(type_: Type) -> str:
    if isinstance(type_, Scalar):
        return type_.value
    if isinstance(type_, ListOf):
        return "a list of strings" if type_.item is Scalar.TEXT else "a list"
    if isinstance(type_, MapOf) and type_.item is Scalar.TEXT:
        return "an object of strings"
    return "an object"


def _fold(name: str) -> str:
    """Return what names that match have in common: Go folds the case of letters of ASCII."""
    folded = name.translate(_FOLDED)
    return folded.lower() if folded.isascii() else folded
