"""Texts from outside, made safe to show: no character moves the cursor or reverses the line."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

#: Control, format (bidi overrides, zero width), surrogate, private, unassigned; line separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_URL_LIMIT = 2000


def printable(text: str, limit: int = 0) -> str:
    """Return ``text`` in one line, with characters that cannot be seen written as ``<U+202E>``.

    With ``limit``, what is longer is cut, and says so.
    """
    cut = f" … ({len(text)} characters)" if limit and len(text) > limit else ""
    kept = text[:limit] if cut else text
    return "".join(_shown(char) for char in kept) + cut


def web_address(text: str) -> str | None:
    """Return ``text`` if it is an address that a browser may safely follow, else None."""
    if len(text) > _URL_LIMIT or not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    except ValueError:
        return None
    return text if usable else None


def _shown(char: str) -> str:
    if char in "\n\t\r":
        return " "
    return f"<U+{ord(char):04X}>" if unicodedata.category(char) in _UNSEEN else char
