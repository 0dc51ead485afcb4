"""Checking a lock against its definition, each problem at its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from paack.helpers.definition import Definition
from paack.helpers.document import Located, load_all
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock import (
    Lock,
    check_groups,
    check_packs,
    chosen,
    lock_path,
    mismatches,
    missing_lock,
    unknown_filesystems,
    wanted,
)


def lock_problems(definition: Definition, lock: Lock | None) -> Iterator[LockError]:
    """Yield every way in which the lock does not fit the definition; None: there is no lock."""
    path = lock_path(definition.file)
    hint = command("lock", def_=definition.file)
    if lock is None:
        if wanted(definition):
            yield missing_lock(path, definition.file)
        return
    lines: dict[tuple[str, str], int] = {}
    for arch, image in definition.images():
        lines.setdefault((image.source.text, arch), image.line)
    locked_lines = _lines(path)
    missing = False
    for mismatch in mismatches(definition, lock):
        if mismatch.is_locked:
            place = Place(path, locked_lines.get(mismatch.key, 0))
        else:
            missing, place = True, Place(definition.file, lines[mismatch.key])
        yield LockError(mismatch.message, place=place, hint=hint)
    yield from _other_digests(definition, lock, locked_lines)
    unknown = unknown_filesystems(definition, lock)
    for key in unknown:
        message = f"the lock does not say which filesystem {key[0]} ({key[1]}) needs"
        yield LockError(message, place=Place(path, locked_lines.get(key, 0)), hint=hint)
    if not missing and not unknown:
        for check in (check_groups, check_packs):
            try:
                check(chosen(definition, lock), lock)
            except LockError as error:
                yield error


def _other_digests(
    definition: Definition, lock: Lock, lines: Mapping[tuple[str, str], int]
) -> Iterator[LockError]:
    """Yield the images that the definition names by another digest than the locked one."""
    for key, source in wanted(definition).items():
        digest, locked = source.origin and source.origin.digest, lock.images.get(key)
        if digest and locked and digest not in (locked.list, locked.manifest):
            yield LockError(
                f"{key[0]} ({key[1]}) is locked to another digest than the definition names",
                place=Place(lock_path(definition.file), lines.get(key, 0)),
                hint=command("lock", def_=definition.file, update=True),
            )


def _lines(path: Path) -> dict[tuple[str, str], int]:
    """Return the line of each image in a lock that could be read."""
    (document,) = load_all(path.read_text("utf-8"), path)
    lines: dict[tuple[str, str], int] = {}
    keys = document.value if isinstance(document.value, dict) else {}
    images = keys["images"].value if "images" in keys else None
    for item in images if isinstance(images, list) else []:
        lines[_text(item, "source"), _text(item, "arch")] = item.line
    return lines


def _text(item: Located, key: str) -> str:
    return str(item.value[key].value) if isinstance(item.value, dict) else ""
