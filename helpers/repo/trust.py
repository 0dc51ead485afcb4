"""Whose signatures of a published repository count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import UsageError
from paack.helpers.rpm import key_name


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys that the caller trusts: files, names, or (neither) the repository's own.

    ``names`` are as key_name returns them. With ``unsigned`` a repository without any signature is
    accepted.
    """

    files: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()
    unsigned: bool = False


IN_ITSELF = Trust()


def trust_of(keys: Sequence[str], *, unsigned: bool = False) -> Trust:
    """Return the trust in ``keys``, each a key's ID or fingerprint, or a file of public keys."""
    files = tuple(Path(key) for key in keys if not key_name(key))
    for file in files:
        if not file.is_file():
            raise UsageError(
                f"{file}: neither a file nor the ID (16 digits) or fingerprint of a key",
                hint="gpg --list-keys --keyid-format long",
            )
    return Trust(files, tuple(filter(None, map(key_name, keys))), unsigned)
