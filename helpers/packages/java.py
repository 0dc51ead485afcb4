"""Java's packages: what jars say in META-INF (JAR File Specification; Maven's properties)."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from paack.helpers.packages.fields import manifest
from paack.helpers.packages.jar_directory import shortened
from paack.helpers.packages.package import Package, Unreadable, clean

SUFFIXES = (b".jar", b".war", b".ear", b".hpi", b".jpi", b".par", b".sar", b".kar", b".nar")
_SUFFIXES = tuple(each.decode() for each in SUFFIXES)
_MANIFEST = "META-INF/MANIFEST.MF"
_POM = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties")
_FILE = re.compile(r"(?P<name>.+?)-(?P<version>v?\d[\w.+-]*)")
_VERSIONS = (
    "implementation-version", "specification-version", "plugin-version", "bundle-version",
)  # fmt: skip
_NAMES = ("short-name", "extension-name", "implementation-title", "bundle-symbolicname")
_DEPTH = 4
_ENTRIES_LIMIT = 200_000
_TEXT_LIMIT = 1 << 20
_UNPACKED_LIMIT = 1 << 30  # of all jars in a jar
_IN_MEMORY = 1 << 20
_COPIED = 1 << 16


@dataclass
class _Budget:
    """How many bytes may still be unpacked of one file."""

    left: int = _UNPACKED_LIMIT

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Unreadable(f"jars in it have more than {_UNPACKED_LIMIT} bytes")


def archive(name: str, file: IO[bytes]) -> Iterator[Package]:
    """Yield the packages of a jar called ``name``, and of those in it."""
    try:
        yield from _archive(name, file, _DEPTH, _Budget())
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError) as error:
        raise Unreadable(str(error)) from error


def _archive(name: str, file: IO[bytes], depth: int, budget: _Budget) -> Iterator[Package]:
    with zipfile.ZipFile(shortened(file, _is_read)) as opened:
        entries = opened.infolist()
        if len(entries) > _ENTRIES_LIMIT:
            raise Unreadable(f"{len(entries)} entries")
        packages: list[Package] = []
        fields: dict[str, str] = {}
        nested: list[zipfile.ZipInfo] = []
        for entry in entries:
            path = entry.filename
            if path == _MANIFEST:
                fields = manifest(_text(opened, entry, budget))
            elif path.endswith("/pom.properties") and _POM.fullmatch(path):
                packages += _pom(_text(opened, entry, budget))
            elif path.lower().endswith(_SUFFIXES):
                nested.append(entry)
        own = _own(name, fields)
        same = [each for each in packages if own and each.name == own.name]
        if own and not same:
            packages.insert(0, own)
        yield from dict.fromkeys(packages)
        for entry in nested if depth else ():
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
                with opened.open(entry) as source:
                    while chunk := source.read(_COPIED):
                        budget.spend(len(chunk))
                        copy.write(chunk)
                copy.seek(0)
                yield from _archive(entry.filename, copy, depth - 1, budget)


def _is_read(name: bytes) -> bool:
    # zipfile ends a name at the first NUL.
    name = name.partition(b"\0")[0]
    return name.endswith((b"/MANIFEST.MF", b"/pom.properties")) or name.lower().endswith(SUFFIXES)


def _text(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> str:
    with opened.open(entry) as file:
        content = file.read(_TEXT_LIMIT)
    budget.spend(len(content))
    return content.decode("utf-8", "replace")


def _pom(text: str) -> Iterator[Package]:
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        fields.setdefault(key.strip(), value.strip())
    group, name = fields.get("groupId", ""), fields.get("artifactId", "")
    version = fields.get("version", "")
    if name and version and "${" not in name + version:
        yield Package("maven", clean(name), clean(version), group=clean(group))


def _own(path: str, fields: dict[str, str]) -> Package | None:
    """Return the package that the name of a jar and its manifest tell; None when neither does."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    named = _FILE.fullmatch(stem)
    version = named["version"] if named else ""
    version = version or next((fields[key] for key in _VERSIONS if fields.get(key)), "")
    name = named["name"] if named else ""
    name = name or stem or next((fields[key] for key in _NAMES if fields.get(key)), "")
    if not fields or not name or not version:
        return None
    said = [fields.get("implementation-vendor-id", ""), fields.get("bundle-symbolicname", "")]
    group = next((each.partition(";")[0] for each in said if "." in each), "")
    return Package(
        "maven",
        clean(name),
        clean(version),
        license=clean(fields.get("bundle-license", "")),
        supplier=clean(fields.get("implementation-vendor", fields.get("bundle-vendor", "")), 200),
        group=clean(group).removesuffix(f".{name}"),
    )
