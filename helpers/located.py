"""YAML text as values that know their line, made from the parser's events one by one.

Depth and number of the values are bounded while they are made, aliases counted as what they
stand for: no text, however it is nested, takes more time or memory than its limits allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from paack.helpers.errors import DefinitionError, Place

#: libyaml's parser where PyYAML was built with it: some twenty times faster.
FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = ("", "~", "null", "Null", "NULL")
_NULL_TAG = "tag:yaml.org,2002:null"
QUOTE = "quote texts that hold : # { } [ ] & * ! | > or %"


@dataclass(frozen=True, slots=True)
class Located:
    """A YAML value and the line it stands on: a str, a list of Located or a dict of them.

    ``is_block`` tells of a text whose lines are those of the file below it (``|``).
    """

    value: str | list[Located] | dict[str, Located] | None
    line: int
    is_block: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How deep a document may be nested, and how many values all of a text may have."""

    depth: int
    values: int


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come; ``before`` values were counted until it began."""

    value: list[Located] | dict[str, Located]
    line: int
    anchor: str | None
    before: int
    key: str | None = None
    key_line: int = 0


def documents(text: str, file: Path, limits: Limits, loader: Any) -> Iterator[Located]:
    """Yield the documents of ``text``, the content of ``file``.

    Raises DefinitionError for what is deeper or larger than ``limits``, for keys that are no text
    or come twice, and what ``loader`` raises: yaml.YAMLError, ValueError.
    """
    return _Builder(file, limits).documents(yaml.parse(text, Loader=loader))


@dataclass(slots=True)
class _Builder:
    file: Path
    limits: Limits
    count: int = 0
    stack: list[_Open] = field(default_factory=list)
    #: A value and how many values it is made of; None until its end has come.
    anchors: dict[str, tuple[Located, int] | None] = field(default_factory=dict)

    def documents(self, events: Iterator[Any]) -> Iterator[Located]:
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                done = self._scalar(event)
            elif kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
                self._begin(event, {} if kind is yaml.MappingStartEvent else [])
                continue
            elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                done = self._end()
            elif kind is yaml.AliasEvent:
                done = self._alias(event)
            else:
                self.anchors.clear()  # of one document
                continue
            if self.stack:
                self._attach(done)
            else:
                yield done

    def _scalar(self, event: Any) -> Located:
        line = event.start_mark.line + 1
        self._add(1, line)
        is_null = event.tag == _NULL_TAG or (
            event.tag in (None, "!") and event.implicit[0] and event.value in _NULL
        )
        if is_null and not self._wants_key():
            done = Located(None, line)
        else:
            done = Located(event.value, line, event.style == "|")
        if event.anchor:
            self.anchors[event.anchor] = done, 1
        return done

    def _begin(self, event: Any, value: list[Located] | dict[str, Located]) -> None:
        line = event.start_mark.line + 1
        if self._wants_key():
            raise self._error(self.stack[-1].line, "a key must be a text", QUOTE)
        if len(self.stack) > self.limits.depth:
            raise self._too_large(line)
        before = self.count
        self._add(1, line)
        self.stack.append(_Open(value, line, event.anchor, before))
        if event.anchor:
            self.anchors[event.anchor] = None

    def _end(self) -> Located:
        ended = self.stack.pop()
        done = Located(ended.value, ended.line)
        if ended.anchor:
            self.anchors[ended.anchor] = done, self.count - ended.before
        return done

    def _alias(self, event: Any) -> Located:
        line = event.start_mark.line + 1
        if event.anchor not in self.anchors:
            raise self._error(line, f"is not YAML: found undefined alias {event.anchor!r}", QUOTE)
        known = self.anchors[event.anchor]
        if known is None:  # it is in itself
            raise self._too_large(line)
        done, count = known
        self._add(count, line)
        if self._wants_key() and not isinstance(done.value, str):
            raise self._error(self.stack[-1].line, "a key must be a text", QUOTE)
        return done

    def _wants_key(self) -> bool:
        return (
            bool(self.stack) and self.stack[-1].key is None and type(self.stack[-1].value) is dict
        )

    def _attach(self, done: Located) -> None:
        home = self.stack[-1]
        if isinstance(home.value, list):
            home.value.append(done)
        elif home.key is None:
            home.key, home.key_line = str(done.value), done.line
            if home.key in home.value:
                raise self._error(done.line, f"{home.key!r} comes twice", "remove one of them")
        else:
            # A problem with a value is shown at its key, where the eye looks first.
            home.value[home.key] = Located(done.value, home.key_line, done.is_block)
            home.key = None

    def _add(self, values: int, line: int) -> None:
        self.count += values
        if self.count > self.limits.values:
            raise self._too_large(line)

    def _too_large(self, line: int) -> DefinitionError:
        return self._error(line, "is nested too deeply, or too large", "aliases count, too")

    def _error(self, line: int, message: str, hint: str) -> DefinitionError:
        return DefinitionError(message, place=Place(self.file, line), hint=hint)
