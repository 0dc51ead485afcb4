"""Repository metadata (``repodata``), read and written with createrepo_c.

The library and not the program: it writes metadata of packages that are not here, from what is
published about them. So no package is hashed twice, and none is needed to publish another.

Besides the usual metadata there is a list of type ``headers``: what a package's file name does not
tell and primary.xml does not hold. dnf ignores types that it does not know.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import createrepo_c as cr

from paack.helpers.arch import OCI_ARCH
from paack.helpers.errors import PublishError, VerificationError

#: Directories of a repository: one per RPM arch, and one for source RPMs.
SOURCE = "source"
DIRECTORIES = (*OCI_ARCH, SOURCE)
REPOMD = "repomd.xml"
SIGNATURE = "repomd.xml.asc"
COMPRESSIONS = {"gz": cr.GZ_COMPRESSION, "zstd": cr.ZSTD_COMPRESSION}

_HEADERS = "headers"
_XML = {
    "primary": cr.PrimaryXmlFile,
    "filelists": cr.FilelistsXmlFile,
    "other": cr.OtherXmlFile,
}
_DATA_HREF = re.compile(r"repodata/[0-9a-f]{64}-[a-z]+\.(?:xml|json)(?:\.gz|\.zst)?")
_PACKAGE_HREF = re.compile(r"Packages/[0-9a-f]{16}/[A-Za-z0-9_][A-Za-z0-9_.+~^-]*\.rpm")
_HEX = re.compile(r"[0-9a-f]*")


@dataclass(frozen=True)
class Entry:
    """A package in a repository.

    ``metadata`` is createrepo_c's. ``header`` is the digest of the immutable header, ``signer``
    the key ID of the signature, ``inputs`` a digest of what the package was made from ("": not
    known).
    """

    metadata: Any
    header: str
    signer: str = ""
    inputs: str = ""

    @property
    def href(self) -> str:
        """Where the file is, in the directory of its arch. The digest in it makes it immutable."""
        return str(self.metadata.location_href)

    @property
    def file(self) -> str:
        """NAME-VERSION-RELEASE.ARCH.rpm."""
        return self.href.rpartition("/")[2]

    @property
    def sha256(self) -> str:
        """Digest of the whole file."""
        return str(self.metadata.pkgId)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return int(self.metadata.size_package)


@dataclass(frozen=True)
class Data:
    """One file that repomd.xml names."""

    kind: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Repodata:
    """What a ``repodata`` directory holds: its packages by file name, its files, how compressed."""

    entries: Mapping[str, Entry]
    data: tuple[Data, ...]
    compression: str


def entry_of(path: Path, file: str, *, signer: str = "") -> Entry:
    """Read and hash the RPM at ``path``, which is called ``file`` in the repository."""
    try:
        package = cr.package_from_rpm(str(path), cr.SHA256, file)
    except cr.CreaterepoCError as error:
        raise PublishError(f"{path}: {error}", hint="remove the file, or build it again") from error
    package.location_href = f"Packages/{package.pkgId[:16]}/{file}"
    package.time_file = package.time_build  # when it came here is of no interest to others
    with path.open("rb") as rpm:
        header = header_digest(rpm, package.rpm_header_start, package.rpm_header_end)
    return Entry(package, header, signer)


def header_digest(rpm: Any, start: int, end: int) -> str:
    """Return the digest of the immutable header, which rpm records as SHA256HEADER."""
    rpm.seek(start)
    return hashlib.sha256(rpm.read(end - start)).hexdigest()


def write_repodata(directory: Path, entries: Iterable[Entry], compression: str) -> None:
    """Write metadata of ``entries`` into ``directory``: the same entries give the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    ordered = sorted(entries, key=lambda entry: entry.file)
    newest = max((int(entry.metadata.time_build) for entry in ordered), default=0)
    repomd = cr.Repomd()
    repomd.set_revision(str(newest))
    kind = COMPRESSIONS[compression]
    suffix = cr.compression_suffix(kind)
    for name, xml_file in _XML.items():
        path = directory / f"{name}.xml{suffix}"
        xml = xml_file(str(path), kind)
        xml.set_num_of_pkgs(len(ordered))
        for entry in ordered:
            xml.add_pkg(entry.metadata)
        xml.close()
        _record(repomd, name, path, newest)
    path = directory / f"{_HEADERS}.json.gz"
    path.write_bytes(gzip.compress(_dump_headers(ordered), mtime=0))
    _record(repomd, _HEADERS, path, newest)
    (directory / REPOMD).write_text(repomd.xml_dump(), "utf-8")


def read_repomd(directory: Path) -> tuple[Data, ...]:
    """Return the files that ``directory``'s repomd.xml names; raise VerificationError."""
    path = directory / REPOMD
    try:
        repomd = cr.Repomd(str(path))
    except (cr.CreaterepoCError, OSError) as error:
        raise VerificationError(f"{path}: {error}") from error
    files = []
    for record in repomd.records:
        href = record.location_href or ""
        if not _DATA_HREF.fullmatch(href) or record.checksum_type != "sha256":
            raise VerificationError(
                f"{path}: {href!r} is not as paack writes it", hint="publish to another directory"
            )
        name = href.partition("/")[2]
        files.append(Data(record.type, name, str(record.checksum), int(record.size)))
    return tuple(files)


def check_data(path: Path, data: Data) -> None:
    """Raise VerificationError unless the file at ``path`` is what repomd.xml says."""
    check_file(path, data.sha256, data.size)


def check_file(path: Path, sha256: str, size: int) -> None:
    """Raise VerificationError unless the file has this digest and size."""
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
            length = file.tell()
    except FileNotFoundError as error:
        raise VerificationError(f"{path}: is missing") from error
    if (actual, length) != (sha256, size):
        raise VerificationError(
            f"{path}: has {length} bytes, sha256 {actual}; should have {size}, {sha256}"
        )


def read_repodata(directory: Path) -> Repodata:
    """Read a ``repodata`` directory, all of it checked; raise VerificationError."""
    data = read_repomd(directory)
    files = {each.kind: directory / each.name for each in data}
    missing = [kind for kind in (*_XML, _HEADERS) if kind not in files]
    if missing:
        raise VerificationError(
            f"{directory / REPOMD}: has no {', '.join(missing)}",
            hint="it was not made by paack: publish to another directory",
        )
    for each in data:
        check_data(directory / each.name, each)
    packages = _parse([files[kind] for kind in _XML])
    headers = _load_headers(files[_HEADERS])
    entries: dict[str, Entry] = {}
    for package in packages:
        href = package.location_href or ""
        file = href.rpartition("/")[2]
        if not _PACKAGE_HREF.fullmatch(href) or file in entries or file not in headers:
            raise VerificationError(f"{directory}: {href!r} is not as paack writes it")
        entries[file] = Entry(package, *headers[file])
    zstd = any(each.name.endswith(".zst") for each in data)
    return Repodata(entries, data, "zstd" if zstd else "gz")


def _record(repomd: Any, kind: str, path: Path, time: int) -> None:
    record = cr.RepomdRecord(kind, str(path))
    record.fill(cr.SHA256)
    record.set_timestamp(time)
    record.rename_file()
    repomd.set_record(record)


def _parse(files: Sequence[Path]) -> list[Any]:
    problems: list[str] = []

    def warn(_: int, message: str) -> bool:
        problems.append(message)
        return True

    try:
        packages = list(cr.PackageIterator(*map(str, files), warningcb=warn))
    except cr.CreaterepoCError as error:
        problems.append(str(error))
    if problems:
        raise VerificationError(f"{files[0]}: {problems[0]}")
    return packages


def _dump_headers(entries: Iterable[Entry]) -> bytes:
    table = {
        entry.file: {"header": entry.header, "signer": entry.signer, "inputs": entry.inputs}
        for entry in entries
    }
    return json.dumps(table, indent=1, sort_keys=True).encode() + b"\n"


def _load_headers(path: Path) -> dict[str, tuple[str, str, str]]:
    try:
        table = json.loads(gzip.decompress(path.read_bytes()))
        rows = {
            str(file): (row["header"], row["signer"], row["inputs"]) for file, row in table.items()
        }
        if not all(_HEX.fullmatch(value) for row in rows.values() for value in row):
            raise ValueError("not hexadecimal")
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"{path}: {error}") from error
    return rows
