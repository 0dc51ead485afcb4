"""Layers of files that may be large: written as they are read, the same on every machine.

A tar of root's files of time 0 (PAX), in a gzip stream of stored blocks: RPMs are compressed
already, and no version of zlib changes a digest. Uncompressed, many tools would compress a layer
while they copy an image, and its digest would be another.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from paack.helpers.errors import PublishError
from paack.helpers.hint import command
from paack.helpers.oci import LayerBlob
from paack.helpers.oci import manifest as oci
from paack.helpers.store import StoredGzip


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a layer: its path there, its bytes or where they are, and its SHA-256 if known."""

    path: str
    source: Path | bytes
    sha256: str = ""


def put_layer(layout: Path, members: Iterable[Member]) -> LayerBlob:
    """Add a layer of ``members`` to the layout; raise PublishError for one with other bytes."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    new = blobs / "new"
    with new.open("wb") as file:
        packed = _Hashing(file)
        gzip = StoredGzip(packed)  # type: ignore[arg-type]
        plain = _Hashing(gzip)
        with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            _add(tar, sorted(members, key=lambda member: member.path))
        gzip.close()
        size = file.tell()
    digest = packed.sha256.hexdigest()
    new.rename(blobs / digest)
    media_type = f"{oci.OCI_LAYER}+gzip"
    descriptor = {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}
    return LayerBlob(descriptor, f"sha256:{plain.sha256.hexdigest()}")


class _Hashing:
    """Passes on what is written, and hashes it."""

    def __init__(self, out: Any):
        self._out = out
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self._out.write(data)
        return len(data)


def _add(tar: tarfile.TarFile, members: Iterable[Member]) -> None:
    there: set[PurePosixPath] = set()
    for member in members:
        parents = [each for each in PurePosixPath(member.path).parents if each.name]
        for directory in reversed(parents):
            if directory not in there:
                there.add(directory)
                info = tarfile.TarInfo(str(directory))
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
        info = tarfile.TarInfo(member.path)
        with _opened(member, info) as content:
            tar.addfile(info, content)


@contextmanager
def _opened(member: Member, info: tarfile.TarInfo) -> Iterator[IO[bytes]]:
    """Yield the bytes of a file, whose size goes into ``info``; they are checked afterwards."""
    if isinstance(member.source, bytes):
        info.size = len(member.source)
        yield io.BytesIO(member.source)
        return
    with member.source.open("rb") as file:
        info.size = file.seek(0, io.SEEK_END)
        file.seek(0)
        reading = _Reading(file)
        yield reading  # type: ignore[misc]
        if member.sha256 and reading.sha256.hexdigest() != member.sha256:
            raise PublishError(
                f"{member.source}: has sha256 {reading.sha256.hexdigest()}, not {member.sha256} as "
                "its metadata says",
                hint=f"remove it, then {command('repo')}",
            )


class _Reading:
    """Hashes what is read."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        return data
