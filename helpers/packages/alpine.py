"""Alpine's packages: apk's database of what is installed (wiki.alpinelinux.org/wiki/Apk_spec)."""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.packages.package import Package, clean


def installed(text: str) -> Iterator[Package]:
    """Yield the packages of ``lib/apk/db/installed``."""
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        fields: dict[str, str] = {}
        for line in paragraph.split("\n"):
            if line[1:2] == ":":
                fields.setdefault(line[0], line[2:])
        name, version = fields.get("P", ""), fields.get("V", "")
        if name and version:
            origin = fields.get("o", "")
            yield Package(
                "apk",
                clean(name),
                clean(version),
                arch=clean(fields.get("A", "")),
                license=clean(fields.get("L", "")),
                supplier=clean(fields.get("m", "")),
                source=clean(origin) if origin != name else "",
            )
