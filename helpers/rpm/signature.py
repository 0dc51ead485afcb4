"""Signatures of RPMs, checked by rpm with nothing but the keys that are given.

An rpm database of its own holds the keys: what this machine trusts does not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import UsageError, VerificationError
from paack.helpers.rpm.header import read_headers
from paack.helpers.rpm.sign import Keyring, key_name, keyring, public_key
from paack.helpers.run import run

_GOOD = re.compile(r"^ +.*\bSignature, key (?:ID|fingerprint:?) [0-9a-f]+: OK$", re.M | re.I)


@dataclass(frozen=True, slots=True)
class Signature:
    """Whose signature an RPM has: a key ID of 16 digits, "" for none; what is wrong with it."""

    signer: str
    problem: str = ""
    checked: bool = False

    def __str__(self) -> str:
        if not self.signer:
            return "not signed"
        return f"signed by {self.signer}" + ("" if self.checked else " (not checked: --key)")


def signature_of(rpm: Path, keys: Sequence[str], work: Path) -> Signature:
    """Return the signature of ``rpm``, which must be good and of one of ``keys`` if there are any.

    Keys are files of public keys, or names (see key_name) of keys of the user's keyring. Raises
    UsageError for what is neither. ``work`` is for links and a database.
    """
    link = work / "package.rpm"  # rpm reads no odd names
    link.symlink_to(rpm.resolve())
    signer = read_headers([link])[0].signer
    if not keys:
        return Signature(signer)
    if not signer:
        return Signature("", "is not signed")
    with keyring(*map(_armored, keys)) as ring:
        known = ring.public_keys()
        ours = [key for key in known if signer in key.ids]
        if not ours:
            names = ", ".join(key.fingerprint for key in known)
            return Signature(signer, f"is signed by {signer}, which is none of {names}")
        if ours[0].problem:
            return Signature(signer, f"is signed by {signer}, a key that {ours[0].problem}")
        try:
            check_rpm(link, key_database(ring, work / "rpmdb"))
        except VerificationError as error:
            return Signature(signer, error.message)
    return Signature(ours[0].fingerprint, checked=True)


def key_database(ring: Keyring, directory: Path) -> Path:
    """Return an rpm database in ``directory`` (made here) that knows the keys of ``ring``."""
    directory = directory.resolve()  # rpmkeys takes no relative --dbpath
    if not directory.exists():
        directory.mkdir()
        keys = directory.with_name(f"{directory.name}.keys")
        keys.write_bytes(ring.export(key.fingerprint for key in ring.public_keys()))
        if keys.stat().st_size:
            words = ("rpmkeys", "--dbpath", directory, "--import", keys)
            run(words, check=False, quiet=True)  # a key that rpm refuses is seen by check_rpm
    return directory


def check_rpm(file: Path, database: Path) -> None:
    """Raise VerificationError unless ``file`` has a good signature of a key in ``database``."""
    words = ("rpmkeys", "--dbpath", database, "-Kv", file.name)
    result = run(words, cwd=file.parent, check=False, quiet=True)
    said = result.stdout.decode("utf-8", "replace")
    if result.status != 0 or not _GOOD.search(said):
        raise VerificationError(f"its signature is not good\n{said}{result.stderr}")


def _armored(key: str) -> bytes:
    path = Path(key)
    if path.is_file():
        return path.read_bytes()
    if not key_name(key):
        raise UsageError(
            f"{key}: neither a file nor the ID (16 digits) or fingerprint of a key",
            hint="gpg --list-keys --keyid-format long",
        )
    return public_key(key)
