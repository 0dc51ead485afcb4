"""Where a lock and its definition disagree, in the words of ``paack check`` and of builds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from paack.helpers.definition import Definition
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock.lock import Lock, is_named, lock_path, wanted


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An image, by (source as the definition writes it, RPM arch), and what is wrong with it.

    ``is_locked``: the lock has the image. The definition has it otherwise.
    """

    key: tuple[str, str]
    message: str
    is_locked: bool


def mismatches(definition: Definition, lock: Lock) -> Iterator[Mismatch]:
    """Yield each image that the lock lacks, has too much, or has by another name."""
    sources = wanted(definition)
    for source, arch in sources:
        if (source, arch) not in lock.images:
            yield Mismatch((source, arch), f"{source} is not locked for {arch}", is_locked=False)
    for key, locked in lock.images.items():
        image = f"{key[0]} ({key[1]})"
        if key not in sources:
            message = f"{image} is locked, but no longer asked for"
            yield Mismatch(key, message, is_locked=True)
        elif not is_named(sources[key], locked):
            message = f"{image} is locked as {locked.names[0]}, not as {sources[key].reference}"
            yield Mismatch(key, message, is_locked=True)


def check_lock(definition: Definition, lock: Lock) -> None:
    """Raise LockError, with all that is wrong, when the lock does not fit the definition."""
    messages = [f"  {mismatch.message}" for mismatch in mismatches(definition, lock)]
    if messages:
        raise LockError(
            "\n".join(("the lock does not fit the definition:", *messages)),
            place=Place(lock_path(definition.file)),
            hint=f"{command('lock', def_=definition.file)}   (keeps every digest that it has)",
        )
