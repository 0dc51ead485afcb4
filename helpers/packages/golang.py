"""Go's modules: what the compiler writes into each binary (Go's debug/buildinfo)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from paack.helpers.packages.package import Package, Unreadable, clean

ELF_MAGIC = b"\x7fELF"
_MAGIC = b"\xff Go buildinf:"
_SECTION = b".go.buildinfo"
_INLINE, _BIG_ENDIAN = 2, 1  # flags of the header
_HEADER = 32
_TEXT_LIMIT = 1 << 23
_PARTS_LIMIT = 4096  # sections, segments
_SEARCHED = 1 << 20
_LOAD, _WRITABLE = 1, 2
_UNNAMED = "command-line-arguments"
_WRAPPED = 16  # bytes of a mark before and after the text of modules
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z")


@dataclass(frozen=True, slots=True)
class _Segment:
    flags: int
    offset: int
    address: int
    size: int


class _Elf:
    """As much of an ELF file (System V ABI, chapter 4) as is needed to find a section."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        head = self.read(0, 64)
        if head[:4] != ELF_MAGIC or len(head) < 64:
            raise Unreadable("no ELF")
        self.order = "<" if head[5] == 1 else ">"
        wide = head[4] == 2
        fields = struct.unpack_from(f"{self.order}{'3Q' if wide else '3I'}I6H", head, 24)
        _, programs, sections, _, _, program_size, program_count, size, count, names = fields
        self.segments = list(self._segments(wide, programs, program_size, program_count))
        self.section = self._section(wide, sections, size, min(count, _PARTS_LIMIT), names)

    def read(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)

    def at(self, address: int, size: int) -> bytes:
        """Return bytes at an address of the program."""
        for each in self.segments:
            if each.address <= address < each.address + each.size:
                return self.read(each.offset + address - each.address, size)
        raise Unreadable("an address that is in no segment")

    def _segments(self, wide: bool, start: int, size: int, count: int) -> Iterator[_Segment]:
        form = struct.Struct(f"{self.order}{'2I4Q' if wide else '5I'}")
        for number in range(min(count, _PARTS_LIMIT)):
            raw = self.read(start + number * size, size)
            if wide:
                kind, flags, offset, address, _, length = form.unpack_from(raw)
            else:
                kind, offset, address, _, length = form.unpack_from(raw)
                flags = struct.unpack_from(f"{self.order}I", raw, 24)[0]
            if kind == _LOAD:
                yield _Segment(flags, offset, address, length)

    def _section(
        self, wide: bool, start: int, size: int, count: int, names: int
    ) -> tuple[int, int] | None:
        """Return offset and size of the section of Go's build information."""
        if not count or names >= count:
            return None
        form = struct.Struct(f"{self.order}{'I4xQ8x2Q' if wide else 'I8x3I'}")
        table = self.read(start, size * count)

        def place(number: int) -> tuple[int, int, int]:
            name, _, offset, length = form.unpack_from(table, number * size)
            return name, offset, length

        _, offset, length = place(names)
        texts = self.read(offset, min(length, _SEARCHED))
        for number in range(count):
            name, offset, length = place(number)
            if texts[name : name + len(_SECTION) + 1] == _SECTION + b"\0":
                return offset, length
        return None


def modules(file: IO[bytes]) -> Iterator[Package]:
    """Yield the main module, its dependencies and the standard library of a Go binary."""
    try:
        elf = _Elf(file)
    except (Unreadable, struct.error, IndexError):
        return  # other programs than Go's are of no interest, whatever is wrong with them
    found = _build_info(elf)
    if found is None:
        return
    version, text = found
    yield Package("golang", "stdlib", clean(version.removeprefix("go").split(" ")[0]))
    main: tuple[str, str] | None = None
    dependencies: list[tuple[str, str]] = []
    settings: dict[str, str] = {}
    for line in text.split("\n"):
        kind, *words = line.split("\t")
        if kind == "path" and words and words[0] != _UNNAMED:
            main = words[0], ""  # built without modules, as Debian does
        elif kind == "mod" and len(words) >= 2:
            main = words[0], words[1]
        elif kind == "dep" and len(words) >= 2:
            dependencies.append((words[0], words[1]))
        elif kind == "=>" and len(words) >= 2 and dependencies:
            dependencies[-1] = words[0], words[1]
        elif kind == "build" and words:
            key, _, value = words[0].partition("=")
            settings[key] = value
    if main:
        dependencies.insert(0, (main[0], _main_version(main[1], settings)))
    for name, version in dependencies:
        if name:
            yield Package("golang", clean(name), clean(version))


def _main_version(version: str, settings: dict[str, str]) -> str:
    """Return a pseudo-version (go.dev/ref/mod) where the build had no other than its commit."""
    if version not in ("(devel)", ""):
        return version
    revision, time = settings.get("vcs.revision", ""), _TIME.match(settings.get("vcs.time", ""))
    if revision and time:
        return f"v0.0.0-{''.join(time.groups())}-{revision[:12]}"
    return "(devel)"


def _build_info(elf: _Elf) -> tuple[str, str] | None:
    """Return the version of Go and the text of modules."""
    place = _place(elf)
    if place is None:
        return None
    head = elf.read(place, _HEADER)
    if len(head) < _HEADER:
        raise Unreadable("Go's build information is cut off")
    size, flags = head[14], head[15]
    if flags & _INLINE:
        data = elf.read(place + _HEADER, _TEXT_LIMIT)
        version, at = _text(data, 0)
        raw, _ = _text(data, at)
    else:
        order = ">" if flags & _BIG_ENDIAN else "<"
        form = struct.Struct(f"{order}2{'Q' if size == 8 else 'I'}")
        texts = []
        for pointer in form.unpack_from(head, 16):
            address, length = form.unpack(elf.at(pointer, form.size))
            texts.append(elf.at(address, min(length, _TEXT_LIMIT)) if length else b"")
        version, raw = texts
    if len(raw) >= 2 * _WRAPPED + 1 and raw[-_WRAPPED - 1 : -_WRAPPED] == b"\n":
        raw = raw[_WRAPPED:-_WRAPPED]
    else:
        raw = b""
    return version.decode("utf-8", "replace"), raw.decode("utf-8", "replace")


def _place(elf: _Elf) -> int | None:
    if elf.section:
        start, _ = elf.section
        return start if elf.read(start, len(_MAGIC)) == _MAGIC else None
    for each in elf.segments:
        if each.flags & _WRITABLE:
            found = elf.read(each.offset, min(each.size, _SEARCHED)).find(_MAGIC)
            return each.offset + found if found >= 0 and found % 16 == 0 else None
    return None


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """Return a text that its length (a varint) precedes, and where it ends."""
    size = shift = 0
    while True:
        byte = data[at]
        at += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 35:
            raise Unreadable("a length of Go's build information")
    if at + size > len(data):
        raise Unreadable("Go's build information is cut off")
    return data[at : at + size], at + size
