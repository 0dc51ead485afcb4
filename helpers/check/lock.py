"""Checking a lock against its definition, each problem at its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paack.helpers.definition import Definition
from paack.helpers.document import Located, load_all
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock import (
    Lock,
    check_groups,
    chosen,
    is_named,
    lock_path,
    missing_lock,
    unknown_filesystems,
    wanted,
)


def lock_problems(definition: Definition, lock: Lock | None) -> Iterator[LockError]:
    """Yield what is missing in a lock (None: all of it), what is too much, and what disagrees."""
    path = lock_path(definition.file)
    sources = wanted(definition)
    hint = command("lock", def_=definition.file)
    update = command("lock", def_=definition.file, update=True)
    if lock is None:
        if sources:
            yield missing_lock(path, definition.file)
        return
    lines: dict[tuple[str, str], int] = {}
    for arch, image in definition.images():
        lines.setdefault((image.source.text, arch), image.line)
    for key, line in lines.items():
        if key not in lock.images:
            place = Place(definition.file, line)
            yield LockError(f"{key[0]} is not locked for {key[1]}", place=place, hint=hint)
    places = _lines(path)
    for key, locked in lock.images.items():
        place = Place(path, places.get(key, 0))
        if key not in sources:
            message = f"{key[0]} ({key[1]}) is locked, but no longer asked for"
            yield LockError(message, place=place, hint=hint)
            continue
        if not is_named(sources[key], locked):
            told = f"{key[0]} ({key[1]}) is locked as {locked.names[0]}"
            yield LockError(f"{told}, not as {sources[key].reference}", place=place, hint=hint)
        origin = sources[key].origin
        if origin and origin.digest and origin.digest not in (locked.list, locked.manifest):
            message = f"{key[0]} ({key[1]}) is locked to another digest than the definition names"
            yield LockError(message, place=place, hint=update)
    unknown = unknown_filesystems(definition, lock)
    for key in unknown:
        message = f"the lock does not say which filesystem {key[0]} ({key[1]}) needs"
        yield LockError(message, place=Place(path, places.get(key, 0)), hint=hint)
    if sources.keys() <= lock.images.keys() and not unknown:
        try:
            check_groups(chosen(definition, lock), lock)
        except LockError as error:
            yield error


def _lines(path: Path) -> dict[tuple[str, str], int]:
    """Return the line of each image in a lock that could be read."""
    (document,) = load_all(path.read_text("utf-8"), path)
    found: dict[tuple[str, str], int] = {}
    keys = document.value if isinstance(document.value, dict) else {}
    images = keys["images"].value if "images" in keys else None
    for item in images if isinstance(images, list) else []:
        found[_text(item, "source"), _text(item, "arch")] = item.line
    return found


def _text(item: Located, key: str) -> str:
    return str(item.value[key].value) if isinstance(item.value, dict) else ""
