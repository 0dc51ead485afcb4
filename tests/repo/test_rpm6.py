"""rpm 6 signs such that rpm 4 can check it, and reads what rpm 4 signed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from paack.helpers.rpm import header, sign
from paack.helpers.rpm.sign import Key as PublicKey
from paack.helpers.rpm.sign import Signer, sign_rpm
from paack.helpers.run import Result
from tests.repo.conftest import NewPublisher
from tests.support.commands import run
from tests.support.gpg import Gpg, Key
from tests.support.host import Host
from tests.support.tiny_rpm import Tiny


@pytest.fixture
def rpm6(base: Path, sid: Host, gpg: Gpg, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the product's commands run on the host with rpm 6, with a copy of the keys."""
    home = base / "keys"
    home.mkdir(mode=0o700)
    for name in ("private-keys-v1.d", "pubring.kbx"):
        source = gpg.home / name
        if source.is_dir():
            shutil.copytree(source, home / name)
        else:
            shutil.copy(source, home)

    def there(command: Sequence[str | Path], *, cwd: Path | None = None, **_: object) -> Result:
        environment: Mapping[str, str] = {"GNUPGHOME": str(home)}
        words = ["env", f"--chdir={cwd or '/'}", *map(str, command)]
        done: subprocess.CompletedProcess[str] = sid.run(words, check=False, env=environment)
        return Result(tuple(words), done.returncode, done.stdout.encode(), done.stderr)

    for module in (sign, header):
        monkeypatch.setattr(module, "run", there)
    monkeypatch.setattr(sign, "require", lambda _: "/usr/bin/gpg")


@pytest.mark.usefixtures("rpm6")
def test_rpm6_signs_for_rpm4(base: Path, gpg: Gpg, key: Key, sid: Host, tmp_path: Path) -> None:
    assert sid.run(["rpm", "--version"]).stdout.startswith("RPM version 6.")
    (rpm,) = Tiny("app", "1.0", arches=["x86_64"]).build(base / "six")
    signer = Signer(PublicKey(key.fingerprint, frozenset({key.fingerprint[-16:].lower()})))
    sign_rpm(rpm, signer)
    signed = rpm.read_bytes()
    sign_rpm(rpm, signer)
    assert rpm.read_bytes() == signed
    public, database = tmp_path / "key", tmp_path / "db"
    public.write_text(gpg.export(key))
    database.mkdir()
    run(["rpmkeys", "--dbpath", str(database), "--import", str(public)])
    said = run(["rpmkeys", "--dbpath", str(database), "-Kv", str(rpm)]).stdout
    assert "Header V4 EdDSA/SHA256 Signature" in said
    assert f"key ID {key.fingerprint[-8:].lower()}: OK" in said


def test_rpm6_reads_what_rpm4_signed(
    base: Path, sid: Host, publisher: NewPublisher, gpg: Gpg, key: Key
) -> None:
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64"]))
    mine.publish(base / "four")
    (rpm,) = (base / "four").glob("x86_64/Packages/*/*.rpm")
    (base / "public").write_text(gpg.export(key))
    sid.run(["mkdir", "/db"])
    sid.run(["rpmkeys", "--dbpath", "/db", "--import", str(base / "public")])
    said = sid.run(["rpmkeys", "--dbpath", "/db", "-Kv", str(rpm)]).stdout
    assert f"key fingerprint: {key.fingerprint.lower()}: OK" in said
