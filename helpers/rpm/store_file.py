"""Which file of an RPM is its store: an image of a filesystem, or an index over packs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath

from paack.helpers.definition import FILESYSTEMS

_INDEX, _TABLE = ".index", ".packs"


def may_be_store(path: str) -> bool:
    """Tell whether a file may be a store, or the table beside an index, by its name alone."""
    suffix = PurePosixPath(path).suffix
    return suffix in (_INDEX, _TABLE) or suffix[1:] in FILESYSTEMS


def stores_in(paths: Collection[str]) -> list[str]:
    """Return the stores among the files of an RPM.

    Any other file may be called .index, too; but then there is no table beside it.
    """
    return [
        path
        for path in paths
        if PurePosixPath(path).suffix[1:] in FILESYSTEMS
        or (path.endswith(_INDEX) and table_of(path) in paths)
    ]


def table_of(index: str) -> str:
    """Return where the table of the pieces of an index is."""
    return str(PurePosixPath(index).with_suffix(_TABLE))


def filesystem_of(store: str) -> str:
    """Return the filesystem of a store."""
    suffix = PurePosixPath(store).suffix
    return "squashfs" if suffix == _INDEX else suffix[1:]
