"""Files of ``Key: value`` lines: Debian's control files, Python's metadata, manifests of jars."""

from __future__ import annotations

from collections.abc import Iterator


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Yield the paragraphs of a file (deb-control(5)): values by key in lower case.

    Further lines of a value stand after a line end. Of a key that comes twice the first counts.
    Lines that are neither are passed over.
    """
    values: dict[str, str] = {}
    key = ""
    for line in text.split("\n"):
        line = line.removesuffix("\r")
        if not line:
            if values:
                yield values
            values, key = {}, ""
        elif line[0] in " \t":
            if key:
                values[key] += "\n" + line.strip()
        else:
            name, colon, value = line.partition(":")
            key = name.strip().lower() if colon else ""
            if key in values:
                key = ""
            elif key:
                values[key] = value.strip()
    if values:
        yield values


def manifest(text: str) -> dict[str, str]:
    """Return the main section of a jar's manifest; a line goes on after a line end and a space."""
    joined = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    return next(paragraphs(joined), {})
