"""rpm's databases: sqlite, ndb and Berkeley DB, told by their names."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

from paack.helpers.packages import rpm_berkeley, rpm_ndb
from paack.helpers.packages.package import Package, Unreadable
from paack.helpers.packages.rpm_header import package_of

_BLOB_LIMIT = 1 << 26
_STEPS, _STEPS_LIMIT = 100_000, 2_000  # of SQLite's machine, between two looks, and how many


def packages(name: str, file: IO[bytes], scratch: Path) -> Iterator[Package]:
    """Yield the packages of the database ``name``; SQLite's is copied into ``scratch``."""
    readers = {"Packages.db": rpm_ndb.headers, "Packages": rpm_berkeley.headers}
    headers = readers[name](file) if name in readers else _sqlite(file, scratch)
    try:
        for blob in headers:
            if package := package_of(blob):
                yield package
    except (sqlite3.Error, struct.error, IndexError) as error:
        raise Unreadable(str(error)) from error


def _sqlite(file: IO[bytes], scratch: Path) -> Iterator[bytes]:
    """Yield the headers of a database of SQLite, whose schema and contents are not trusted."""
    with tempfile.NamedTemporaryFile(dir=scratch) as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        # Immutable: no file beside it is looked for, or made.
        uri = f"{Path(copy.name).absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            looks = iter(range(_STEPS_LIMIT))
            database.set_progress_handler(lambda: next(looks, None) is None, _STEPS)
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _BLOB_LIMIT)
            database.execute("PRAGMA trusted_schema = OFF")
            kind = database.execute("SELECT type FROM sqlite_schema WHERE name = 'Packages'")
            if kind.fetchone() != ("table",):
                raise Unreadable("no table of packages")
            for (blob,) in database.execute("SELECT blob FROM Packages ORDER BY hnum"):
                if not isinstance(blob, bytes):
                    raise Unreadable("a package without a header")
                yield blob
