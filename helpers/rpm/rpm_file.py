"""An RPM file: what it says of itself, how big its parts are, and what paack put into it."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paack.helpers.errors import BuildError, PublishError, UsageError, VerificationError
from paack.helpers.hint import command
from paack.helpers.quadlet import kind_of
from paack.helpers.rpm.header import Header, check_is_rpm, read_headers
from paack.helpers.rpm.payload import packed_files
from paack.helpers.rpm.query import has_right_digests, query
from paack.helpers.rpm.sbom_formats import FILES
from paack.helpers.rpm.store_file import filesystem_of, may_be_store, stores_in, table_of

_LEAD, _SECTION, _ALIGNMENT = 96, struct.Struct(">3sB4xII"), 8
_SECTION_MAGIC = b"\x8e\xad\xe8"
_INDEX_ENTRY = 16
_MANIFEST_LIMIT = 4 << 20
_MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
_SEPARATOR = "\x1f"
_TAGS = (
    "NAME", "VERSION", "RELEASE", "ARCH", "RPMVERSION", "BUILDTIME", "LONGSIZE",
    "LONGARCHIVESIZE", "PAYLOADDIGEST", "LICENSE", "URL", "SUMMARY", "DESCRIPTION",
)  # fmt: skip
_HINT = "it is damaged: build it again"


@dataclass(frozen=True, slots=True)
class RpmFacts:
    """The header of an RPM file, and its sizes in bytes.

    ``size`` is the file's, ``header_size`` that of all before the payload, ``archive_size`` that
    of the uncompressed payload, ``installed_size`` that of the installed files. ``signer`` is the
    ID of an OpenPGP key, or "".
    """

    file: str
    name: str
    version: str
    release: str
    arch: str
    license: str
    url: str
    summary: str
    description: str
    rpm_version: str
    build_time: int
    size: int
    header_size: int
    archive_size: int
    installed_size: int
    sha256: str
    header_sha256: str
    payload_sha256: str
    signer: str

    @property
    def nvr(self) -> str:
        """NAME-VERSION-RELEASE."""
        return f"{self.name}-{self.version}-{self.release}"


@dataclass(frozen=True, slots=True)
class RpmContents:
    """What was taken out of an RPM: the store, the lock and the manifests, in a work directory.

    ``files`` are all regular files that it holds, by path, with their sizes in bytes;
    ``manifests`` those of them that may be Kubernetes manifests or Quadlet units. ``layers`` names
    the packages with further layers of its images, ``bill`` is SPDX's; these need not be there.
    ``store_path`` is where the store is on a device; one that ``is_index`` is over packs.
    """

    files: dict[str, int]
    store: Path | None
    store_path: str
    filesystem: str
    lock: Path | None
    manifests: dict[str, Path]
    layers: Path
    bill: Path | None = None
    is_index: bool = False


def read_facts(rpm: Path) -> RpmFacts:
    """Read the header of an RPM file.

    Raises VerificationError when its digests are wrong, UsageError when it is a source RPM.
    """
    header = _checked(rpm)
    form = _SEPARATOR.join(f"%|{tag}?{{%{{{tag}}}}}|" for tag in _TAGS)
    values = dict(zip(_TAGS, query(rpm, form).split(_SEPARATOR), strict=True))
    with rpm.open("rb") as file:
        header_size = _header_size(file, rpm)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return RpmFacts(
        file=header.file,
        name=values["NAME"],
        version=values["VERSION"],
        release=values["RELEASE"],
        arch=values["ARCH"],
        license=values["LICENSE"],
        url=values["URL"],
        summary=values["SUMMARY"],
        description=values["DESCRIPTION"],
        rpm_version=values["RPMVERSION"],
        build_time=int(values["BUILDTIME"] or 0),
        size=rpm.stat().st_size,
        header_size=header_size,
        archive_size=int(values["LONGARCHIVESIZE"] or 0),
        installed_size=int(values["LONGSIZE"] or 0),
        sha256=sha256,
        header_sha256=header.digest,
        payload_sha256=values["PAYLOADDIGEST"],
        signer=header.signer,
    )


def _checked(rpm: Path) -> Header:
    """Return the header of a binary RPM whose digests are right."""
    check_is_rpm(rpm)
    if not has_right_digests(rpm):
        raise VerificationError(f"{rpm}: rpm says that its digests are wrong", hint=_HINT)
    try:
        (header,) = read_headers([rpm])
    except PublishError as error:
        raise VerificationError(error.message, hint=error.hint) from error
    if header.arch == "src":
        raise UsageError(
            f"{rpm} is a source RPM",
            hint=f"binary RPMs are made by {command('build', def_='FILE')}",
        )
    return header


def unpack_contents(rpm: Path, name: str, work: Path) -> RpmContents:
    """Take store, lock and manifests of the package ``name`` out of an RPM, into ``work``."""
    files: dict[str, int] = {}
    taken: dict[str, Path] = {}
    shared = f"/usr/share/paack/{name}"
    lock, listed, bill = (f"{shared}/{each}" for each in ("lock.yaml", "layers", FILES["spdx"]))
    for file in packed_files(rpm):
        files[file.path] = file.size
        if (
            file.path in (lock, listed, bill)
            or may_be_store(file.path)
            or _is_manifest(file.path, file.size)
        ):
            taken[file.path] = work / str(len(taken))
            file.copy(taken[file.path])
    stores = stores_in(taken)
    pieces = {path for path in taken if may_be_store(path)}
    described = lock in taken or f"{shared}/layers.json" in files
    if len(stores) > 1 or bool(stores) != described:
        raise VerificationError(
            f"{rpm}: a store without a lock, a lock without a store, or several stores",
            hint="only RPMs that paack made can be reported on",
        )
    return RpmContents(
        files=files,
        store=taken[stores[0]] if stores else None,
        store_path=stores[0] if stores else "",
        filesystem=filesystem_of(stores[0]) if stores else "",
        lock=taken.get(lock),
        manifests={
            path: taken[path] for path in sorted(taken.keys() - {lock, listed, bill} - pieces)
        },
        layers=taken.get(listed, work / "none"),
        bill=taken.get(bill),
        is_index=bool(stores) and table_of(stores[0]) in taken,
    )


def _header_size(file: IO[bytes], rpm: Path) -> int:
    """Return where the payload starts: after lead, signature (padded) and header (RPM v4)."""
    at = _LEAD
    for padding in (_ALIGNMENT, 1):
        file.seek(at)
        raw = file.read(_SECTION.size)
        magic, _, entries, size = _SECTION.unpack(raw.ljust(_SECTION.size))
        if magic != _SECTION_MAGIC:
            raise BuildError(f"{rpm}: is not an RPM of version 4", hint="build it with paack")
        at += _SECTION.size + entries * _INDEX_ENTRY + size
        at += -at % padding
    return at


def _is_manifest(path: str, size: int) -> bool:
    ours = path.startswith("/usr/share/paack/")
    named = path.endswith(_MANIFEST_SUFFIXES) or kind_of(path) is not None
    return named and size <= _MANIFEST_LIMIT and not ours
