"""OpenPGP: the key that signs, signatures of RPMs (rpmsign) and of metadata (gpg), key files.

Signatures are such that the oldest reader, rpm 4.14 of EL8, can check them: RSA or EdDSA, SHA-256.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from paack.helpers.errors import PublishError, UsageError, VerificationError
from paack.helpers.rpm.header import read_headers
from paack.helpers.run import Result, require, run, secret

_NAME = re.compile(r"(?:0x)?([0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{16})")
_RSA, _EDDSA = "1", "22"
_RSA_BITS = 2048
_ROLES = {"sec": True, "pub": True, "ssb": False, "sub": False}
_UNUSABLE = {"e": "has expired", "r": "is revoked", "d": "is disabled", "i": "is invalid"}
_UNLOCK = "give the passphrase to gpg-agent (sign something by hand), or with --passphrase-fd"
_BAD = {
    "BADSIG": "is not of this content",
    "EXPSIG": "has expired",
    "EXPKEYSIG": "is of an expired key",
    "REVKEYSIG": "is of a revoked key",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: fingerprint, key IDs (its own and its subkeys', 16 hex digits each).

    ``problem`` says why it cannot be used: "has expired", or "" when it can.
    """

    fingerprint: str
    ids: frozenset[str]
    problem: str = ""

    def is_called(self, name: str) -> bool:
        """Whether ``name`` (see key_name) is its fingerprint or one of its IDs."""
        return name == self.fingerprint or name.lower() in self.ids


class UnknownKey(VerificationError):
    """A signature is of a key that is not in the keyring; ``key`` is its ID."""

    def __init__(self, file: Path, key: str):
        super().__init__(f"{file}: its signature is of a key that is not known here (key ID {key})")
        self.key = key


@dataclass(frozen=True, slots=True)
class Signer:
    """A secret key of the user's, and its passphrase unless gpg-agent knows it."""

    key: Key
    passphrase: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Public keys in a directory of their own, apart from the user's."""

    home: Path

    def add(self, keys: bytes) -> None:
        """Import armored keys; raise VerificationError when there are none."""
        result = self._gpg("--import", stdin=keys)
        if result.status != 0:
            raise VerificationError("not an OpenPGP public key\n" + result.explain())

    def public_keys(self) -> list[Key]:
        """Return all keys, sorted by fingerprint."""
        listed = self._gpg("--with-colons", "--list-keys").stdout.decode("utf-8", "replace")
        return sorted((key for key, _ in _parse(listed)), key=lambda key: key.fingerprint)

    def remove(self, fingerprints: Iterable[str]) -> None:
        """Forget keys."""
        for each in fingerprints:
            self._gpg("--yes", "--delete-keys", each)

    def export(self, fingerprints: Iterable[str]) -> bytes:
        """Return armored keys, one block each, in the order of their fingerprints."""
        minimal = ("--armor", "--export-options", "export-minimal", "--export")
        return b"".join(self._gpg(*minimal, each).stdout for each in sorted(fingerprints))

    def check(self, file: Path, signature: Path) -> str:
        """Return the fingerprint of the key whose good signature ``file`` has.

        Raises VerificationError: no signature, of other content, of an expired key; UnknownKey.
        """
        if not signature.is_file():
            raise VerificationError(f"{file}: has no signature ({signature.name})")
        result = self._gpg("--status-fd", "1", "--verify", signature, file)
        said = [
            line.split()[1:]
            for line in result.stdout.decode("utf-8", "replace").splitlines()
            if line.startswith("[GNUPG:] ")
        ]
        words = {line[0]: line[1:] for line in said if line}
        for status, problem in _BAD.items():
            if status in words:
                key = words[status][0] if words[status] else "?"
                raise VerificationError(f"{file}: its signature {problem} (key ID {key.lower()})")
        if "ERRSIG" in words:
            raise UnknownKey(file, words["ERRSIG"][0].lower() if words["ERRSIG"] else "?")
        if "GOODSIG" not in words or "VALIDSIG" not in words:
            raise VerificationError(f"{file}: its signature cannot be read\n{result.explain()}")
        return words["VALIDSIG"][-1].upper()

    def _gpg(self, *words: str | Path, stdin: bytes | None = None) -> Result:
        options = ("--batch", "--no-autostart", "--homedir", self.home, "--trust-model", "always")
        return run(["gpg", *options, *words], stdin=stdin, check=False, quiet=True)


def key_name(text: str) -> str:
    """Return the key ID (16 digits) or fingerprint in ``text``, in capitals; "" when it is neither.

    gpg writes fingerprints with spaces.
    """
    match = _NAME.fullmatch(text.replace(" ", ""))
    return match[1].upper() if match else ""


@contextmanager
def keyring(*keys: bytes) -> Iterator[Keyring]:
    """Yield a Keyring with armored ``keys``."""
    with tempfile.TemporaryDirectory(prefix="paack-keys-") as home:
        ring = Keyring(Path(home))
        for each in keys:
            ring.add(each)
        yield ring


def find_signer(name: str, passphrase_fd: int | None = None) -> Signer:
    """Return the secret key called ``name``, a key ID or fingerprint; raise UsageError.

    The passphrase is the first line that ``passphrase_fd`` gives, if it is given.
    """
    listed = run(
        ["gpg", "--batch", "--with-colons", "--list-secret-keys", _selector(name)],
        check=False,
        quiet=True,
    )
    found = _parse(listed.stdout.decode("utf-8", "replace"))
    if len(found) != 1:
        raise UsageError(
            f"there {'is no secret key' if not found else 'are several secret keys'} {name!r}",
            hint="gpg --list-secret-keys --keyid-format long   (GNUPGHOME says where they are)",
        )
    key, algorithms = found[0]
    if key.problem:
        raise UsageError(
            f"the key {key.fingerprint} {key.problem}",
            hint=f"gpg --quick-set-expire {key.fingerprint} 2y, or sign with another",
        )
    if not algorithms or not all(_readable(each) for each in algorithms):
        raise UsageError(
            f"the key {key.fingerprint} cannot sign such that all readers can check it",
            hint="use one of RSA 4096 (or EdDSA): gpg --quick-gen-key NAME rsa4096 sign 2y",
        )
    return Signer(key, None if passphrase_fd is None else _read_passphrase(passphrase_fd))


def public_key(name: str) -> bytes:
    """Return the armored public key called ``name`` of the user's keyring; raise UsageError."""
    minimal = ("--armor", "--export-options", "export-minimal", "--export")
    armored = run(["gpg", "--batch", *minimal, _selector(name)], check=False, quiet=True).stdout
    if not armored:
        raise UsageError(f"there is no public key {name!r}", hint="gpg --list-keys, gpg --import")
    return armored


def sign_rpm(path: Path, signer: Signer) -> None:
    """Sign the RPM at ``path`` in place, unless it is signed by that key already."""
    before = read_headers([path])[0].signer
    if before in signer.key.ids:
        return
    gpg = require("gpg")
    with _passphrase(signer) as (words, descriptors):
        defines = {
            "__gpg": gpg,
            "_gpg_name": signer.key.fingerprint,
            "_gpg_digest_algo": "sha256",
            "_gpg_sign_cmd_extra_args": " ".join(["--batch", *words]),
        }
        options = [word for name, value in defines.items() for word in ("-D", f"{name} {value}")]
        how = "--resign" if before else "--addsign"  # rpm 6 would keep both
        command: list[str] = ["rpmsign", how, *options, path.name]
        result = run(command, cwd=path.parent, check=False, quiet=True, pass_fds=descriptors)
    if result.status != 0 or read_headers([path])[0].signer not in signer.key.ids:
        raise PublishError(f"{path.name} was not signed\n{result.explain()}", hint=_UNLOCK)


def sign_file(path: Path, signature: Path, signer: Signer) -> None:
    """Write the detached, armored signature of a file."""
    with _passphrase(signer) as (words, descriptors):
        who = ("--local-user", signer.key.fingerprint, "--digest-algo", "SHA256")
        what = ("--armor", "--detach-sign", "--output", signature, path)
        command: list[str | Path] = ["gpg", "--batch", "--yes", *words, *who, *what]
        result = run(command, check=False, quiet=True, pass_fds=descriptors)
    if result.status != 0:
        raise PublishError(f"{path.name} was not signed\n{result.explain()}", hint=_UNLOCK)


@contextmanager
def _passphrase(signer: Signer) -> Iterator[tuple[Sequence[str], Sequence[int]]]:
    """Yield gpg's options, and the descriptors to inherit, for one signature."""
    if signer.passphrase is None:
        yield (), ()
        return
    descriptor = os.memfd_create("passphrase")
    try:
        os.write(descriptor, signer.passphrase + b"\n")
        os.lseek(descriptor, 0, os.SEEK_SET)
        words = ("--pinentry-mode", "loopback", "--passphrase-fd", str(descriptor))
        yield words, (descriptor,)
    finally:
        os.close(descriptor)


@cache  # several tasks of one run may ask
def _read_passphrase(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb") as file:
            line = file.readline().rstrip(b"\r\n")
    except OSError as error:
        raise UsageError(
            f"the file descriptor {descriptor} cannot be read: {error.strerror}",
            hint="for example: --passphrase-fd 3 3< FILE",
        ) from error
    secret(line.decode("utf-8", "replace"))
    return line


def _selector(name: str) -> str:
    selector = key_name(name)
    if not selector:
        raise UsageError(
            f"{name!r} is neither the ID of a key (16 digits) nor a fingerprint",
            hint="gpg --list-secret-keys --keyid-format long",
        )
    return selector


def _parse(listing: str) -> list[tuple[Key, list[tuple[str, int]]]]:
    """Return keys of a --with-colons listing, each with (algorithm, bits) of what signs."""
    found: list[list[list[str]]] = []
    for line in listing.splitlines():
        fields = line.split(":")
        if _ROLES.get(fields[0]):
            found.append([])
        if found and (fields[0] in _ROLES or fields[0] == "fpr"):
            found[-1].append(fields)
    return [_key(records) for records in found]


def _key(records: list[list[str]]) -> tuple[Key, list[tuple[str, int]]]:
    keys = [record for record in records if record[0] in _ROLES]
    primary = keys[0]
    fingerprint = next(record[9] for record in records if record[0] == "fpr")
    problem = _UNUSABLE.get(primary[1], "")
    signing = [key for key in keys if "s" in key[11] and key[1] not in _UNUSABLE]
    algorithms = [(key[3], int(key[2])) for key in signing]
    return Key(fingerprint, frozenset(key[4].lower() for key in keys), problem), algorithms


def _readable(algorithm: tuple[str, int]) -> bool:
    kind, bits = algorithm
    return kind == _EDDSA or (kind == _RSA and bits >= _RSA_BITS)
