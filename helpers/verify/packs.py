"""Packs, and the store that an index over packs is: proved to be what names and locks say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from paack.helpers.errors import LockError
from paack.helpers.lock import LockedPack
from paack.helpers.packs import PackSource
from paack.helpers.rpm import (
    PACK_PREFIX,
    RELEASE,
    VERSION,
    UnpackedRpm,
    pack_file,
    pack_name,
    packed_files,
    query,
)
from paack.helpers.store import Pack, join, piece_table
from paack.helpers.verify.difference import Difference

_CHUNK = 1 << 20


def name_of_pack(rpm: Path) -> str:
    """Return the name of an RPM that calls itself a pack, or ""."""
    name = query(rpm, "%{NAME}")
    return name if name.startswith(PACK_PREFIX) else ""


def pack_differences(rpm: Path, name: str) -> Iterator[Difference]:
    """Compare a pack, and all else that its RPM has, with its name."""
    version = query(rpm, "%{VERSION}-%{RELEASE}")
    if version != f"{VERSION}-{RELEASE}":
        yield Difference(name, f"is version {version}, not {VERSION}-{RELEASE}")
    found = 0
    for file in packed_files(rpm):
        sha256 = hashlib.sha256()
        while chunk := file.content.read(_CHUNK):
            sha256.update(chunk)
        digest = sha256.hexdigest()
        found += 1
        if (file.path, name) != (pack_file(digest), pack_name(digest)):
            yield Difference(file.path, f"is not the pack {name}: its SHA-256 is {digest}")
    if not found:
        yield Difference(name, "has no pack")


def joined(
    package: UnpackedRpm, packs: Sequence[LockedPack], source: PackSource, work: Path
) -> tuple[UnpackedRpm, list[Difference]]:
    """Return a package with the whole store, of its index and packs, and what is wrong with it.

    ``packs`` are those in its lock. One whose store is whole without is as it was.
    """
    if not packs and not package.table.exists():
        return package, []
    target = work / "joined.squashfs"
    opened: list[Pack] = []
    with ExitStack() as stack:
        for locked in packs:
            try:
                opened.append(stack.enter_context(closing(source.open(locked))))
            except LockError as error:
                return package, [Difference(pack_file(locked.digest), error.message)]
        named = [(pack_file(pack.digest), pack) for pack in opened]
        wanted = piece_table(package.store, package.store_path, named)
        join(target, package.store, opened)
    found = []
    if not package.table.exists() or package.table.read_bytes() != wanted:
        table = package.store_path.removesuffix("index") + "packs"
        found.append(Difference(table, "is not that of the index and the packs in the lock"))
    return replace(package, store=target), found
