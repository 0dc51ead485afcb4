"""rpm's databases, made by rpm itself (Berkeley DB's by its own db_load), and damaged ones."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.packages.readers import Found, read_file
from tests.support import rpm_root
from tests.support.commands import run
from tests.support.host import Host

SPEC = """\
Name: one
Epoch: 2
Version: 1.0~rc1
Release: 3%{{?dist}}
Summary: A test package
License: MIT AND Apache-2.0
Vendor: Acme <rpm@acme.example>
%description
A test package.
%package -n other-lib
Summary: Another
Epoch: 0
Version: 7
BuildArch: noarch
%description -n other-lib
{text}
%files
%files -n other-lib
"""
FILES = {
    "sqlite": "rpmdb.sqlite", "ndb": "Packages.db", "bdb_ro": "Packages", "big": "Packages",
}  # fmt: skip
QUERY = r"%{NAME}|%{EPOCH}|%{VERSION}-%{RELEASE}|%{ARCH}|%{LICENSE}|%{VENDOR}|%{SOURCERPM}\n"


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a directory for each backend; "big" is Berkeley DB's of a big-endian machine."""
    work = tmp_path_factory.mktemp("rpm")
    spec = work / "one.spec"
    spec.write_text(SPEC.format(text="A long text.\n" * 2000))
    run(["rpmbuild", "-bb", f"-D_topdir {work}", "-Ddist .el9", str(spec)])
    rpms = [str(path) for path in sorted(work.glob("RPMS/*/*.rpm"))]
    assert len(rpms) == 2
    found = {backend: work / backend for backend in FILES}
    install = ["-i", "--justdb", "--nodeps", "--ignorearch", "--nosignature"]
    # The host's rpm may have no ndb.
    with Host(rpm_root.root(), shared=[work]) as host:
        for backend in ("sqlite", "ndb"):
            place = [f"-D_db_backend {backend}", f"--dbpath={found[backend]}"]
            host.run(["rpm", *place, *install, *rpms])
    with closing(sqlite3.connect(found["sqlite"] / "rpmdb.sqlite")) as database:
        blobs = [blob for (blob,) in database.execute("SELECT blob FROM Packages")]
    orders: tuple[tuple[str, int, Literal["little", "big"]], ...]
    orders = (("bdb_ro", 1234, "little"), ("big", 4321, "big"))
    for name, order, number in orders:
        found[name].mkdir()
        rows = [(0, len(blobs).to_bytes(4, number)), *enumerate(blobs, 1)]
        lines = [f" {key.to_bytes(4, number).hex()}\n {blob.hex()}" for key, blob in rows]
        head = f"VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder={order}\nHEADER=END\n"
        text = head + "\n".join(lines) + "\nDATA=END\n"
        run(["db5.3_load", str(found[name] / "Packages")], stdin=text)
    return found


def read(backend: str, content: bytes, scratch: Path) -> Found:
    path = f"var/lib/rpm/{FILES[backend]}".encode()
    return read_file(path, "rpm", io.BytesIO(content), len(content), scratch)


@pytest.mark.parametrize("backend", FILES)
def test_rpm_says_the_same(databases: dict[str, Path], backend: str, tmp_path: Path) -> None:
    content = (databases[backend] / FILES[backend]).read_bytes()
    found = read(backend, content, tmp_path)
    lines = {
        "|".join(
            (
                *(each.name, each.epoch or "(none)", each.version, each.arch, each.license),
                *(each.supplier, each.source),
            )
        )
        for each in found.packages
    }
    assert found.problem == ""
    assert list(tmp_path.iterdir()) == []
    known = backend if backend == "bdb_ro" else "sqlite"
    place = [f"-D_db_backend {known}", f"--dbpath={databases[known]}"]
    assert lines == set(run(["rpm", *place, "-qa", "--qf", QUERY]).stdout.splitlines())
    assert len(lines) == 2


@pytest.mark.parametrize("backend", FILES)
def test_damage_is_a_warning(databases: dict[str, Path], backend: str, tmp_path: Path) -> None:
    content = (databases[backend] / FILES[backend]).read_bytes()
    for end in (0, 1, 40, 512, 4096, len(content) // 2):
        found = read(backend, content[:end], tmp_path)
        assert found.problem
        assert not found.packages


@settings(max_examples=60)
@given(
    backend=st.sampled_from([*FILES]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=8),
)
def test_any_damage(
    databases: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    backend: str,
    changes: list[tuple[float, bytes]],
) -> None:
    content = bytearray((databases[backend] / FILES[backend]).read_bytes())
    for where, new in changes:
        at = int(where**4 * (len(content) - len(new)))  # rather at the start, where the tables are
        content[at : at + len(new)] = new
    read(backend, bytes(content), tmp_path_factory.getbasetemp())


def hostile() -> Iterator[tuple[str, str]]:
    """Yield schemas of SQLite that would have a reader compute for ever, or run what they say."""
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i hnum, x'00' blob"
    )
    yield f"CREATE VIEW Packages AS {endless} FROM n", "no table of packages"
    yield "CREATE TABLE Other (hnum, blob)", "no table of packages"
    column = "blob GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL"
    yield f"CREATE TABLE Packages (hnum, {column}); INSERT INTO Packages VALUES (1)", "too big"
    many = "blob GENERATED ALWAYS AS (hex(zeroblob(100000000))) VIRTUAL"
    yield f"CREATE TABLE Packages (hnum, {many}); INSERT INTO Packages VALUES (1)", "too big"
    yield "CREATE TABLE Packages (hnum, blob); INSERT INTO Packages VALUES (1, 'x')", "header"


@pytest.mark.parametrize(("schema", "problem"), [*hostile()])
def test_a_hostile_database(schema: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "rpmdb.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(schema)
        database.commit()
    found = read("sqlite", file.read_bytes(), tmp_path)
    assert problem in found.problem
    assert found.problem


def test_changes_beside_the_database(tmp_path: Path) -> None:
    path = b"usr/lib/sysimage/rpm/rpmdb.sqlite-wal"
    assert "not read" in read_file(path, "rpm", io.BytesIO(b"x"), 1, tmp_path).problem
    assert read_file(path, "rpm", io.BytesIO(), 0, tmp_path).problem == ""
