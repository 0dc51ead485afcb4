"""Headers of RPM files, as rpm reads them: name, arch, immutable header digest, signer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from paack.helpers.errors import PublishError, UsageError
from paack.helpers.run import run

_AT_ONCE = 200
_MAGIC = b"\xed\xab\xee\xdb"  # of the lead, which all RPM files still have
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~^-]*\.rpm")
_SIGNATURE = "%|DSAHEADER?{%{DSAHEADER:pgpsig}}:{%|RSAHEADER?{%{RSAHEADER:pgpsig}}:{-}|}|"
_FORMAT = (
    r"%{NAME}-%{VERSION}-%{RELEASE}\t%|SOURCERPM?{%{ARCH}}:{src}|\t%{SHA256HEADER}\t"
    rf"{_SIGNATURE}\n"
)
#: rpm before 6 says "Key ID 0123456789abcdef", rpm 6 "Key Fingerprint: …".
_SIGNER = re.compile(r"Key (?:ID|Fingerprint:?) ([0-9a-f]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """What rpm says of one file.

    ``digest`` is the SHA-256 of the immutable header, which holds the payload's digest and which
    signing leaves alone; ``signer`` the 16 hexadecimal digits of an OpenPGP key ID, or "".
    """

    path: Path
    nvr: str
    arch: str
    digest: str
    signer: str

    @property
    def file(self) -> str:
        """The name that the file has in a repository: NAME-VERSION-RELEASE.ARCH.rpm."""
        return f"{self.nvr}.{self.arch}.rpm"


def check_is_rpm(path: Path) -> None:
    """Raise UsageError unless ``path`` is a file that starts as an RPM does."""
    hint = "name RPMs: _output/rpms/*/*.rpm"
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file", hint=hint)
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise UsageError(f"{path} is no RPM", hint=hint)


def read_headers(paths: Iterable[Path]) -> list[Header]:
    """Return the headers of RPM files, in their order; only the headers are read.

    Raises PublishError for what is no RPM, or has a damaged header or no SHA-256 header digest.
    """
    return [
        header
        for directory, names in groupby(paths, key=lambda path: path.parent)
        for header in _in_directory(directory, [path.name for path in names])
    ]


def _in_directory(directory: Path, names: list[str]) -> Iterator[Header]:
    # rpm takes other words for patterns, addresses or lists of packages.
    for name in names:
        if not _PLAIN.fullmatch(name):
            raise PublishError(f"{directory / name}: not the name of an RPM", hint="rename it")
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        words = ["rpm", "-qp", "--nosignature", "--qf", _FORMAT]
        result = run([*words, *some], cwd=directory, check=False, quiet=True)
        lines = result.stdout.decode("utf-8", "replace").splitlines()
        if result.status != 0 or len(lines) != len(some):
            raise PublishError(result.explain(), hint="remove the file, or build it again")
        for name, line in zip(some, lines, strict=True):
            yield _header(directory / name, line)


def _header(path: Path, line: str) -> Header:
    nvr, arch, digest, signature = line.split("\t")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise PublishError(
            f"{path}: no SHA-256 digest of its header", hint="build it with rpm 4.14 or newer"
        )
    found = _SIGNER.search(signature)
    header = Header(path, nvr, arch, digest, found[1][-16:].lower() if found else "")
    if not _PLAIN.fullmatch(header.file):
        raise PublishError(f"{path}: odd name, version or release: {header.file!r}")
    return header
