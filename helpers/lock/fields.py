"""The fields of a lock, which comes from outside: what is not right is a ValueError."""

from __future__ import annotations

from paack.helpers.blobs import is_digest
from paack.helpers.definition import FILESYSTEMS
from paack.helpers.oci import parse_reference, parse_time


def as_names(value: object) -> tuple[str, ...]:
    """Return names of an image. They go into specs: what is no name does not come out of a lock."""
    if not isinstance(value, list) or not value:
        raise ValueError("no list of names")
    return tuple(str(parse_reference(as_text(name))) for name in value)


def as_text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def as_filesystem(value: object) -> str:
    """Return the name of a filesystem."""
    if value not in FILESYSTEMS:
        raise ValueError(f"no filesystem: {value!r}")
    return str(value)


def as_size(value: object) -> int:
    """Return a number of bytes."""
    if type(value) is not int or value < 0:
        raise ValueError("not a size")
    return value


def as_digest(value: object) -> str:
    """Return a digest."""
    if not is_digest(value):
        raise ValueError(f"not a digest: {as_text(value)!r}")
    return str(value)


def as_time(value: object) -> str:
    """Return a time."""
    parse_time(as_text(value))
    return str(value)
