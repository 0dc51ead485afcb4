"""The files in an RPM, one after the other, without installing it and without root."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from paack.helpers.errors import BuildError, VerificationError
from paack.helpers.run import reading

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A regular file: its path on the device, its size in bytes; to be copied before the next."""

    path: str
    size: int
    content: IO[bytes]

    def copy(self, target: Path) -> None:
        """Write the content to ``target``."""
        with target.open("wb") as copy:
            while chunk := self.content.read(_CHUNK):
                copy.write(chunk)


def packed_files(rpm: Path) -> Iterator[PackedFile]:
    """Yield the regular files of an RPM, in its order, as rpm2archive gives them.

    Raises VerificationError when the payload is damaged.
    """
    try:
        with (
            rpm.open("rb") as file,
            reading(["rpm2archive", "--nocompression", "-"], file) as out,
            tarfile.open(fileobj=out, mode="r|*") as archive,
        ):
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content:
                    path = PurePosixPath("/", member.name).relative_to("/")
                    yield PackedFile(f"/{path}", member.size, content)
    except (tarfile.TarError, BuildError) as error:
        reason = "" if isinstance(error, BuildError) else f": {error}"
        raise VerificationError(
            f"{rpm}: is truncated or damaged{reason}", hint="bring it here again, or build it again"
        ) from error
