"""Words of a value in a unit, as systemd and podman's generator take them apart.

systemd.syntax(7), "Quoting", and systemd.service(5), "Command lines".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: What separates words.
BLANKS = " \t\n\r"
#: What Go's unicode.IsSpace says.
SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_ESCAPE = re.compile(
    r"(?P<plain>[abfnrtvs\\\"'])|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})"
    r"|U(?P<U>[0-9a-fA-F]{8})|(?P<octal>[0-7]{3})"
)
_UNICODE = 0x110000
_SURROGATES = range(0xD800, 0xE000)
_BYTE = 0xFF


class WordsProblem(ValueError):
    """A value that cannot be taken apart: podman leaves it out, or a part of it."""


def escaped_words(text: str) -> list[str]:
    """Return the words of a value like that of ``Exec=``: unquoted, C escapes resolved.

    A quote that is not closed ends with the value. Raises WordsProblem for an unknown escape, for
    which podman ignores all of the value.
    """
    return list(_words(text, escapes=True))


def plain_words(text: str) -> list[str]:
    """Return the words of a value like that of ``WantedBy=``: unquoted, a backslash stays.

    Podman ignores all of a value with a quote that is not closed.
    """
    try:
        return list(_words(text, escapes=False))
    except WordsProblem:
        return []


def _words(text: str, *, escapes: bool) -> Iterator[str]:
    text = text.partition("\0")[0]
    position = 0
    while position < len(text):
        if text[position] in BLANKS:
            position += 1
            continue
        word, position = _word(text, position, escapes)
        if not word:
            return  # a word of nothing but quotes ends the list, as in podman
        yield word


def _word(text: str, start: int, escapes: bool) -> tuple[str, int]:
    """Return the word that begins at ``start``, and where the next one may begin."""
    parts: list[str] = []
    quote = ""
    position = start
    while position < len(text):
        char = text[position]
        if char == "\\" and escapes:
            piece, position = _unescape(text, position + 1)
            parts.append(piece)
            continue
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif not quote and char in BLANKS:
            break
        else:
            parts.append(char)
        position += 1
    if quote and not escapes:
        raise WordsProblem("a quote is not closed")
    return "".join(parts), position


def _unescape(text: str, position: int) -> tuple[str, int]:
    if position >= len(text):
        return "", position
    match = _ESCAPE.match(text, position)
    if match is None:
        raise WordsProblem(f"unknown escape \\{text[position]}")
    kind, value = match.lastgroup, match[match.lastgroup or 0]
    if kind == "plain":
        return _PLAIN.get(value, value), match.end()
    number = int(value, 8 if kind == "octal" else 16)
    too_large = number >= _UNICODE or (kind == "octal" and number > _BYTE)
    if number == 0 or too_large:
        raise WordsProblem(f"unknown escape \\{match[0]}")
    return "\ufffd" if number in _SURROGATES else chr(number), match.end()
