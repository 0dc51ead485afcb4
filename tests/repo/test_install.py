"""dnf and dnf5 install, update and downgrade from a published repository, all checks on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repo.conftest import NewDnf, NewPublisher
from tests.support.commands import run
from tests.support.dnf import Dnf
from tests.support.gpg import Gpg
from tests.support.tiny_rpm import Tiny

CLIENTS = {
    "gz": [(kind, arch) for kind in ("dnf", "dnf5") for arch in ("x86_64", "aarch64")],
    "zstd": [("dnf", "aarch64"), ("dnf5", "x86_64")],
}


def content(client: Dnf, name: str) -> str:
    """Return what the package ``name`` installed."""
    return (client.root / "usr" / "share" / name / "content").read_text()


@pytest.mark.parametrize("compression", CLIENTS)
def test_install_update_downgrade(
    base: Path, publisher: NewPublisher, client: NewDnf, compression: str
) -> None:
    repository = base / compression
    mine = publisher()
    mine.build(Tiny("app", "1.0"), Tiny("manifests", "1.0", arches=["noarch"]))
    mine.publish(repository, "--compression", compression)
    repo = (repository / "paack.repo").read_text()
    assert "\ngpgcheck=1\n" in repo and "\nrepo_gpgcheck=1\n" in repo
    clients = [client(repo, kind, arch) for kind, arch in CLIENTS[compression]]
    for each in clients:
        each.run("install", "app", "manifests")
        assert each.installed() == [f"app-1.0-1.{each.arch}", "manifests-1.0-1.noarch"]
        assert content(each, "app") == "app 1.0\n"
    mine.build(Tiny("app", "1.1"))
    mine.publish(repository, "--compression", compression)
    for each in clients:
        each.run("upgrade")
        assert f"app-1.1-1.{each.arch}" in each.installed()
        each.run("downgrade", "app")
        assert f"app-1.0-1.{each.arch}" in each.installed()
        assert content(each, "app") == "app 1.0\n"
    assert mine.verify(repository).returncode == 0


def test_source_packages(base: Path, publisher: NewPublisher, client: NewDnf) -> None:
    repository = base / "sources"
    mine = publisher()
    mine.build(Tiny("app", "1.0", arches=["x86_64", "src"]))
    mine.publish(repository)
    (source,) = repository.glob("source/Packages/*/app-1.0-1.src.rpm")
    plain = client((repository / "paack.repo").read_text())
    listed = plain.run("repoquery", "--enablerepo=paack-source", "app", "--qf=%{arch}").stdout
    assert "src" in listed
    assert run(["rpm", "-qp", "--qf=%{SOURCEPACKAGE}", str(source)]).stdout == "1"


@pytest.mark.parametrize("kind", ["dnf4", "dnf5"])
def test_reposync_gives_a_working_repository(
    base: Path, publisher: NewPublisher, client: NewDnf, kind: str
) -> None:
    """For a USB stick: the copy is used as file://, its signatures checked."""
    repository = base / f"origin-{kind}"
    mine = publisher()
    mine.build(Tiny("app", "1.0"), Tiny("app", "1.1"))
    mine.publish(repository)
    repo = (repository / "paack.repo").read_text()
    copy = base / f"stick-{kind}"
    there = client(repo, kind)
    there.run("reposync", "--repoid=paack", "--download-metadata", f"--download-path={copy}")
    assert [path.name for path in (copy / "paack").rglob("*.rpm")] != []
    key = repository / "RPM-GPG-KEY-paack"
    for check in ("0", "1"):
        text = (
            f"[stick]\nname=stick\nbaseurl=file://{copy}/paack\ngpgcheck=1\n"
            f"repo_gpgcheck={check}\ngpgkey=file://{key}\n"
        )
        away = client(text)
        away.run("install", "app-1.0")
        away.run("upgrade")
        assert away.installed() == ["app-1.1-1.x86_64"]


def test_an_rsa_key_signs_for_old_readers(
    base: Path, publisher: NewPublisher, client: NewDnf, gpg: Gpg, tmp_path: Path
) -> None:
    """RSA 4096, its passphrase from a descriptor; rpm sees a version 4 header signature."""
    rsa = gpg.rsa_key("open sesame")
    gpg.forget()
    repository = base / "rsa"
    mine = publisher(key=rsa)
    mine.build(Tiny("app", "1.0"))
    secret = tmp_path / "passphrase"
    secret.write_text(f"{rsa.passphrase}\n")
    words = [*mine.repo_words("--passphrase-fd", "3"), *mine.publish_words(repository)]
    command, env = mine.paack.command(*words, "--passphrase-fd", "3")
    shell = ["sh", "-c", 'exec "$@" 3< "$0"', str(secret), *command]
    said = run(shell, env={**env, "PAACK_QUIET": ""})
    assert rsa.passphrase not in said.stdout + said.stderr
    for arch in ("x86_64", "aarch64"):
        each = client((repository / "paack.repo").read_text(), arch=arch)
        each.run("install", "app")
        assert each.installed() == [f"app-1.0-1.{arch}"]
    (package,) = repository.glob("x86_64/Packages/*/app-*.rpm")
    queried = run(["rpm", "-qp", "--nosignature", "--qf=%{RSAHEADER:pgpsig}", str(package)]).stdout
    assert queried.startswith("RSA/SHA256")
    assert queried.endswith(rsa.fingerprint[-16:].lower())
