"""CustomResourceDefinitions without their schemas, which are most of what many projects ship.

A definition of a resource has no image: its ``spec`` is left out before anything reads it. What is
no plain block of lines, as controller-gen and kustomize write it, is left as it is.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import yaml

from paack.helpers.located import FAST

_START = re.compile(r"^---(?=\s)", re.M)
_AT_MARGIN = re.compile(r"^[^\s#].*$", re.M)
_KEY = re.compile(r"(apiVersion|kind|metadata|spec|status):(?=[ \r]|$)")
_KIND = re.compile(r"""^kind: +["']?CustomResourceDefinition["']? *(?: #.*)?\r?$""", re.M)
_API = re.compile(r"""^apiVersion: +["']?apiextensions\.k8s\.io/""", re.M)
#: A line of a block: indentation, dashes of sequences, then another form than a plain mapping's, a
#: key and what follows it, a quote, or nothing.
_LINE = re.compile(
    r"""^([ ]*)((?:-(?:[ ]+|(?=\r?$)))*+)
    (?:([?{\[!&*])
    |("[^"\n]*"[ ]*|'[^'\n]*'[ ]*|[^\s#'"][^\n]*?):(?=[ \r\n]|\Z)([ ]*)(.*)
    |(?=["'\#]|\r?$))""",
    re.M | re.X,
)
_NO_VALUE = re.compile(r"(?:#.*)?\r?")
#: A value that has no mapping in it on its line; one with a tag or an anchor may have.
_FLAT = re.compile(r"(?![{\[!&])|(?:\{[^][{}:]*\}|\[[^][{}:]*\])\s*$")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""", re.S)
_COLON = re.compile(r" *:(?=[ \r\n]|\Z)")
_LEAST = 4096
#: libyaml's time grows with the square of the depth of brackets.
_BRACKETS = 20_000


def without_schemas(text: str) -> str:
    """Return ``text`` with blank lines for the ``spec`` of each CustomResourceDefinition.

    So all else stays on its line. What is left out is read by the parser once: a text that is not
    YAML is returned as it is, and so is every text where PyYAML has no libyaml, since nothing is
    gained there. So is one in which a key may come twice, which kustomize refuses.
    """
    if len(text) < _LEAST or "CustomResourceDefinition" not in text or _has_odd_breaks(text):
        return text
    starts = [0, *(match.start() for match in _START.finditer(text)), len(text)]
    kept = [_kept(text[first:end]) for first, end in pairwise(starts)]
    slim = "".join(kept)
    return slim if len(slim) < len(text) and _is_yaml(text) else text


def _kept(document: str) -> str:
    lines = list(_AT_MARGIN.finditer(document))
    if lines and lines[0][0].startswith("---"):
        del lines[0]
    # When the first text is a key at the margin, others there are keys of the same mapping, or in
    # a text of it; so, when each comes once, the one that says the kind is the mapping's own.
    before = document[: lines[0].start()].removeprefix("---") if lines else ""
    keys = [match[1] if (match := _KEY.match(line[0])) else "" for line in lines]
    if (
        any(each.strip() and not each.lstrip().startswith("#") for each in before.split("\n"))
        or "" in keys
        or len(keys) != len(set(keys))
        or "spec" not in keys
        or not (_KIND.search(document) and _API.search(document))
    ):
        return document
    number = keys.index("spec")
    first = lines[number].start()
    end = lines[number + 1].start() if number + 1 < len(lines) else len(document)
    if _may_repeat_a_key(document[first:end]):
        return document
    return document[:first] + "\n" * document.count("\n", first, end) + document[end:]


def _may_repeat_a_key(block: str) -> bool:
    """Tell whether a mapping of a block may have a key twice; where it says no, none has.

    It does not know where there are mappings in braces, tags, anchors, explicit keys (``? key``),
    keys with escapes, or tabs.
    """
    if "\t" in block:
        return True
    mappings: list[tuple[int, set[str]]] = [(-1, set())]  # the column of the keys, and the keys
    value_of = -1  # the column of a key with a value: lines further right are lines of that
    quoted = 0  # where a quoted text ends, which may go on anywhere
    for line in _LINE.finditer(block):
        start, column = len(line[1]), len(line[1]) + len(line[2])
        if line.start() < quoted or start > value_of >= 0:
            continue
        if line[3] or not _FLAT.match(line[6] or ""):
            return True
        text = _QUOTED.match(block, line.end() if line[6] is None else line.start(6))
        quoted = text.end() if text else 0
        if line[4] is None:
            if text and _COLON.match(block, quoted):
                return True
            if line[2]:
                value_of = -1
            continue
        value_of = -1 if _NO_VALUE.fullmatch(line[6]) else column
        # A dash begins another mapping, even in the column of the one before.
        while mappings[-1][0] > (start if line[2] else column):
            mappings.pop()
        if mappings[-1][0] != column:
            mappings.append((column, set()))
        keys, key = mappings[-1][1], line[4].rstrip(" ").strip("'\"")
        if key in keys or "\\" in key:
            return True
        keys.add(key)
    return False


def _has_odd_breaks(text: str) -> bool:
    """Tell whether lines end where none is counted."""
    lone = "\r" in text and text.count("\r") != text.count("\r\n")
    return lone or any(each in text for each in "\x85\u2028\u2029")


def _is_yaml(text: str) -> bool:
    parser: Any = getattr(getattr(yaml, "cyaml", None), "CParser", None)
    if parser is None or FAST is yaml.SafeLoader or sum(map(text.count, "[{")) > _BRACKETS:
        return False
    try:
        parser(text).raw_parse()
    except (yaml.YAMLError, ValueError):
        return False
    return True
