"""The syntax of unit files, as podman's generator reads it; systemd.syntax(7) with its own turns.

- A line that ends with a backslash goes on with the next one, with nothing in between; comments and
  empty lines in between are dropped.
- A group that comes twice is one; what a drop-in says is appended to it.
- Of a key with one value the last one counts, even an empty one. Of a key with many an empty one
  drops all that came before it.
- A group or key that is not known makes podman refuse the unit; that is no matter of syntax.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from paack.helpers.errors import Place
from paack.helpers.quadlet.kinds import NeededVersion
from paack.helpers.quadlet.older_syntax import older_syntax
from paack.helpers.quadlet.words import SPACE, WordsProblem, escaped_words, plain_words

# Around the "=" podman looks at bytes.
_KEY_SPACE = b"\t\n\v\f\r \x85\xa0"
_VALUE_SPACE = "\t\n\v\f\r "
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
#: The words of a boolean; podman takes all others for false, too.
TRUE = ("1", "yes", "true", "on")
FALSE = ("0", "no", "false", "off", "")


class SyntaxProblem(Exception):
    """A line that podman cannot read: it makes nothing of the file."""

    def __init__(self, message: str, place: Place):
        super().__init__(message)
        self.message = message
        self.place = place


@dataclass(frozen=True, slots=True)
class Assignment:
    """``KEY=VALUE`` in a group; ``place`` is its first line."""

    group: str
    key: str
    value: str
    place: Place


@dataclass(frozen=True, slots=True)
class UnitFile:
    """What a unit file, with its drop-ins, says.

    ``name`` is the file's, such as ``web.container``. ``groups`` has those without a key, too.
    ``syntax`` is what older versions of podman do not read like that.
    """

    name: str
    place: Place
    groups: tuple[str, ...]
    assignments: tuple[Assignment, ...]
    syntax: tuple[NeededVersion, ...] = ()

    def merged(self, drop_ins: Iterable[UnitFile]) -> UnitFile:
        """Return this file with what drop-ins add, in their order."""
        groups, assignments, syntax = self.groups, self.assignments, self.syntax
        for each in drop_ins:
            groups += tuple(group for group in each.groups if group not in groups)
            assignments += each.assignments
            syntax += each.syntax
        return replace(self, groups=groups, assignments=assignments, syntax=syntax)

    def of(self, group: str, key: str) -> list[Assignment]:
        """Return all assignments of a key, but those that an empty one drops."""
        found: list[Assignment] = []
        for each in self._all(group, key):
            if each.value:
                found.append(each)
            else:
                found.clear()
        return found

    def last(self, group: str, key: str) -> Assignment | None:
        """Return the last assignment of a key, trimmed and without quotes around all of it."""
        found = self._all(group, key)
        if not found:
            return None
        value = found[-1].value.rstrip(SPACE)
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        return replace(found[-1], value=value)

    def text(self, group: str, key: str) -> str:
        """Return the last value of a key, "" when it has none."""
        found = self.last(group, key)
        return found.value if found else ""

    def is_true(self, group: str, key: str, *, default: bool = False) -> bool:
        """Return the last value of a key as a boolean: what podman does not know is false."""
        found = self.last(group, key)
        return found.value.lower() in TRUE if found else default

    def words(self, group: str, key: str) -> list[Assignment]:
        """Return each word of the values of a key like ``WantedBy=``."""
        return [
            replace(each, value=word)
            for each in self.of(group, key)
            for word in plain_words(each.value)
        ]

    def arguments(self, group: str, key: str) -> list[Assignment]:
        """Return each word of the values of a key like ``PodmanArgs=``.

        Podman leaves out a value that has an unknown escape.
        """
        found: list[Assignment] = []
        for each in self.of(group, key):
            try:
                found += [replace(each, value=word) for word in escaped_words(each.value)]
            except WordsProblem:
                continue
        return found

    def keys(self, group: str) -> dict[str, Place]:
        """Return the keys of a group, each with the place where it comes first."""
        found: dict[str, Place] = {}
        for each in self.assignments:
            if each.group == group:
                found.setdefault(each.key, each.place)
        return found

    def _all(self, group: str, key: str) -> list[Assignment]:
        return [each for each in self.assignments if each.group == group and each.key == key]


def parse_unit(text: str, file: Path) -> UnitFile:
    """Read the text of a unit file or drop-in; raise SyntaxProblem at the first wrong line."""
    group: str | None = None
    groups: dict[str, None] = {}
    assignments: list[Assignment] = []
    for number, line in _logical_lines(text):
        place = Place(file, number)
        if (name := _group(line)) is not None:
            if not name or "[" in name or _CONTROL.search(name):
                raise SyntaxProblem(f"{line!r} is no name of a group", place)
            group = name
            groups.setdefault(group)
            continue
        if not line.partition("=")[0] or "=" not in line:
            raise SyntaxProblem(f"{line!r} is no KEY=VALUE, no [GROUP] and no comment", place)
        if group is None:
            raise SyntaxProblem(f"{line!r} stands before the first group, such as [Unit]", place)
        name, _, value = line.partition("=")
        key = name.encode("utf-8", "surrogateescape").rstrip(_KEY_SPACE).decode("utf-8", "replace")
        if not key:
            raise SyntaxProblem(f"{line!r} has no key", place)
        assignments.append(Assignment(group, key, value.lstrip(_VALUE_SPACE), place))
    syntax = tuple(older_syntax(text, file))
    return UnitFile(file.name, Place(file), tuple(groups), tuple(assignments), syntax)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are no comment, continued ones as one, each with its first number.

    What is continued by comments up to the end of the file is lost, as it is to podman.
    """
    lines = text.removesuffix("\n").split("\n")
    begun, first = "", 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip(SPACE)
        if not line or line[0] in "#;":
            continue
        first = first if begun else number
        if line.endswith("\\"):
            line = line[:-1]
            if number < len(lines):
                begun += line
                continue
        line, begun = begun + line, ""
        if line and line[0] not in "#;":
            yield first, line


def _group(line: str) -> str | None:
    """Return the name in a line like ``[Container]``; None when it is no such line."""
    name, bracket, rest = line[1:].partition("]")
    return name if line[0] == "[" and bracket and not rest.strip(" \t") else None
