"""Syntax of unit files that older versions of podman do not read as newer ones and systemd do.

Measured with the generators of podman 4.4 to 5.4 (tests/check/test_older_podman.py): such a unit is
left out, read otherwise, or keeps the generator from its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paack.helpers.errors import Place
from paack.helpers.quadlet.kinds import KINDS, NeededVersion, Version
from paack.helpers.quadlet.words import SPACE

#: Groups that podman reads; the others it hands to systemd.
_READ = frozenset({kind.group for kind in KINDS.values()} | {"Quadlet"})
_BLANKS_SINCE: Version = (4, 6)
_TRIMMED_SINCE: Version = (5, 0)
_JOINED_SINCE: Version = (5, 4)


def older_syntax(text: str, file: Path) -> Iterator[NeededVersion]:
    """Yield the lines of a unit file or drop-in that need a certain podman, and why."""
    lines = text.removesuffix("\n").split("\n")
    group, begun = "", ""
    for number, raw in enumerate(lines, 1):
        line = raw.strip(SPACE)
        found = [
            *_line(raw, going_on=bool(begun), last=number == len(lines)),
            *_joint(begun, raw, group),
        ]
        for version, what in found:
            yield NeededVersion(version, what, Place(file, number))
        if not begun and line.startswith("["):
            group = line[1:].partition("]")[0]
        if not _is_comment(line):
            begun = line if line.endswith("\\") else ""


def _line(raw: str, *, going_on: bool, last: bool) -> Iterator[tuple[Version, str]]:
    """Yield what older versions make something else of; ``going_on``: it continues another line."""
    line = raw.strip(SPACE)
    goes_on = line.endswith("\\")
    if not going_on and (raw != raw.lstrip(SPACE) or raw.endswith("\r")):
        yield _BLANKS_SINCE, "blanks at the beginning of a line, or lines that end as in DOS"
    if _is_comment(line):
        if going_on:
            yield _JOINED_SINCE, "a comment or an empty line in a continued one"
        elif line.startswith(";"):
            yield _JOINED_SINCE, "a comment that begins with ;"
        elif goes_on and "=" in line:
            yield _TRIMMED_SINCE, "a comment that ends with a backslash"
    elif goes_on:
        if last or not (going_on or "=" in line):
            yield _JOINED_SINCE, "a backslash at the end of this line"
        if raw != (raw.rstrip(SPACE) if going_on else line):
            yield _TRIMMED_SINCE, "blanks around a line that is continued"


def _joint(begun: str, raw: str, group: str) -> Iterator[tuple[Version, str]]:
    """Yield what older versions put between a line and ``raw``, which continues it.

    Before 5.0 that is the indentation; in a group that podman hands to systemd, before 5.4, a
    blank. Newer ones put nothing there.
    """
    text = begun.removesuffix("\\")
    starts_value = text.rstrip(SPACE).endswith("=") and text.count("=") == 1
    if not text or text[-1] in SPACE or starts_value or _is_comment(raw.strip(SPACE)):
        return
    if group not in _READ:
        yield _JOINED_SINCE, "a backslash without a blank before it"
    elif raw[0] in SPACE:
        yield _TRIMMED_SINCE, "an indented line after a backslash without a blank before it"


def _is_comment(line: str) -> bool:
    return not line or line[0] in "#;"
