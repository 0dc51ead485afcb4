"""RPM headers as its database holds them (rpm's docs/manual/hregions.md, format_header.md)."""

from __future__ import annotations

import struct

from paack.helpers.packages.package import Package, Unreadable, clean

_INTRO, _ENTRY = struct.Struct(">2I"), struct.Struct(">4I")
_ENTRIES_LIMIT, _DATA_LIMIT = 1 << 16, 1 << 28  # as rpm's HEADER_TAGS_MAX, HEADER_DATA_MAX
_TEXT_LIMIT = 1 << 16
_STRINGS = frozenset({6, 8, 9})  # STRING, STRING_ARRAY, I18NSTRING
_INT32 = 4
_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_VENDOR, _LICENSE, _ARCH, _SOURCE_RPM = 1011, 1014, 1022, 1044
_WANTED = frozenset({_NAME, _VERSION, _RELEASE, _EPOCH, _VENDOR, _LICENSE, _ARCH, _SOURCE_RPM})


def package_of(blob: bytes) -> Package | None:
    """Return the package of a header, None for a public key; raise Unreadable for no header."""
    count, size = _INTRO.unpack_from(blob)
    start = _INTRO.size + count * _ENTRY.size
    if count > _ENTRIES_LIMIT or size > _DATA_LIMIT or start + size > len(blob):
        raise Unreadable("an rpm header that is cut off")
    tags: dict[int, str] = {}
    for number in range(count):
        tag, kind, offset, _ = _ENTRY.unpack_from(blob, _INTRO.size + number * _ENTRY.size)
        if tag not in _WANTED or offset >= size:
            continue
        at = start + offset
        if kind == _INT32:
            (value,) = struct.unpack_from(">I", blob, at)
            tags[tag] = str(value)
        elif kind in _STRINGS:
            end = blob.find(b"\0", at, at + _TEXT_LIMIT)
            tags[tag] = clean(blob[at : max(end, at)].decode("utf-8", "replace"))
    name, version = tags.get(_NAME, ""), tags.get(_VERSION, "")
    if not name or not version:
        raise Unreadable("an rpm header without name and version")
    if name == "gpg-pubkey":
        return None
    release = tags.get(_RELEASE, "")
    return Package(
        "rpm",
        name,
        f"{version}-{release}" if release else version,
        arch=tags.get(_ARCH, ""),
        license=tags.get(_LICENSE, ""),
        supplier=tags.get(_VENDOR, ""),
        source=tags.get(_SOURCE_RPM, ""),
        epoch=tags.get(_EPOCH, ""),
    )
