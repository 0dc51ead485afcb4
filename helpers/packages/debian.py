"""Debian's packages: dpkg's status file, distroless images' status.d, and copyright files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from paack.helpers.packages.fields import paragraphs
from paack.helpers.packages.package import Package, clean

_ABSENT = frozenset({"not-installed", "config-files"})
_SOURCE = re.compile(r"(\S+)(?:\s+\((\S+)\))?")
#: Short names of copyright files that SPDX has under another (DEP 5, "Short name").
_SHORT_NAMES = {
    "expat": "MIT",
    "artistic": "Artistic-1.0-Perl",
    "zlib/libpng": "Zlib",
    "isc": "ISC",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "apache-2": "Apache-2.0",
    "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later",
}
_GNU = re.compile(r"(a?l?gpl|gfdl)-(\d+)(?:\.(\d+))?(\+?)", re.I)


def status(text: str) -> Iterator[Package]:
    """Yield the installed packages of a status file (dpkg(1), deb-control(5))."""
    for fields in paragraphs(text):
        name, version = fields.get("package", ""), fields.get("version", "")
        words = fields.get("status", "").split()
        if not name or not version or (words[2:3] and words[2] in _ABSENT):
            continue
        source = _SOURCE.match(fields.get("source", ""))
        upstream = ""
        if source and (source[1] != name or source[2]):
            upstream = f"{source[1]}@{source[2]}" if source[2] else source[1]
        yield Package(
            "deb",
            clean(name),
            clean(version),
            arch=clean(fields.get("architecture", "")),
            supplier=clean(fields.get("maintainer", "")),
            source=clean(upstream),
        )


def copyright_license(text: str) -> str:
    """Return the licences that a machine-readable copyright file (DEP 5) names; "" for others."""
    found: list[str] = []
    for number, fields in enumerate(paragraphs(text)):
        if number == 0 and not fields.keys() & {"format", "format-specification"}:
            return ""
        if "files" in fields and (said := fields.get("license", "").split("\n")[0]):
            found.append(_spdx(clean(said, 200)))
    parts = list(dict.fromkeys(found))
    if len(parts) == 1:
        return parts[0]
    return clean(" AND ".join(f"({each})" if " " in each else each for each in parts))


def _spdx(said: str) -> str:
    """Return an expression of DEP 5 in SPDX's words as far as that can be told."""
    words = re.split(r"(\s+and/or\s+|\s+or\s+|,\s+and\s+|\s+and\s+|,\s*|\s+)", said)
    joined = {"or": " OR ", "and/or": " OR ", "and": " AND ", ",": " AND ", ", and": " AND "}
    parts = [
        joined.get(each.strip(), each) if i % 2 else _short(each) for i, each in enumerate(words)
    ]
    return "".join(parts)


def _short(name: str) -> str:
    if gnu := _GNU.fullmatch(name):
        family = gnu[1].upper()
        number = f"{gnu[2]}.{gnu[3] or 0}"
        return f"{family}-{number}-{'or-later' if gnu[4] else 'only'}"
    return _SHORT_NAMES.get(name.lower(), name)
