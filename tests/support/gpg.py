"""A home of gpg with keys of its own, and its agent."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.cache import cached
from tests.support.commands import run


@dataclass(frozen=True)
class Key:
    """A key: its fingerprint, and the passphrase that unlocks it ("" for none)."""

    fingerprint: str
    passphrase: str = ""


class Gpg:
    """GNUPGHOME in a directory whose name is short, as its sockets need it."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="gpg-", dir="/tmp")
        self.home = Path(self._directory.name)
        self.environment = {"GNUPGHOME": str(self.home)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.forget()
        self._directory.cleanup()

    def key(
        self,
        name: str,
        *,
        algorithm: str = "ed25519",
        passphrase: str = "",
        valid: str = "2y",
        options: Sequence[str] = (),
    ) -> Key:
        """Make a key that signs."""
        before = set(self.fingerprints())
        generate = ["--quick-gen-key", f"{name} <{name}@example.com>", algorithm, "sign", valid]
        loopback = ["--pinentry-mode", "loopback", "--passphrase", passphrase]
        self.gpg(*loopback, *options, *generate)
        (fingerprint,) = set(self.fingerprints()) - before
        return Key(fingerprint, passphrase)

    def rsa_key(self, passphrase: str) -> Key:
        """Return a key of RSA 4096: takes long to make, so it is kept in the test cache."""
        path = cached(f"rsa4096-{passphrase.replace(' ', '-')}.asc", self._make_rsa(passphrase))
        before = set(self.fingerprints())
        self.gpg("--import", str(path))
        (fingerprint,) = set(self.fingerprints()) - before
        return Key(fingerprint, passphrase)

    def _make_rsa(self, passphrase: str) -> Callable[[Path], None]:
        def make(path: Path) -> None:
            with Gpg() as other:
                made = other.key("rsa", algorithm="rsa4096", passphrase=passphrase, valid="0")
                loopback = ["--pinentry-mode", "loopback", "--passphrase", passphrase]
                export = ["--armor", "--export-secret-keys", made.fingerprint]
                path.write_text(other.gpg(*loopback, *export))

        return make

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of all secret keys."""
        lines = self.gpg("--with-colons", "--list-secret-keys").splitlines()
        return [line.split(":")[9] for line in lines if line.startswith("fpr:")]

    def export(self, *keys: Key) -> str:
        """Return armored public keys."""
        return "".join(self.gpg("--armor", "--export", key.fingerprint) for key in keys)

    def gpg(self, *words: str) -> str:
        """Run gpg and return what it said."""
        return run(["gpg", "--batch", "--yes", *words], env=self._env()).stdout

    def forget(self) -> None:
        """End the agent, and with it all that it remembers."""
        run(["gpgconf", "--kill", "all"], env=self._env(), check=False)

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}
