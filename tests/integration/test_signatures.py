"""The signature policy of the user: what it rejects does not come in, whatever the cache holds."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.debian import push_multiarch, text_layer
from tests.support.gpg import Gpg, Key
from tests.support.image_directory import Arch
from tests.support.manifest import raw_manifest
from tests.support.product import Paack, definition_text
from tests.support.registry import Registry

ARCHES: tuple[Arch, ...] = ("amd64", "arm64")
REJECTED = "the signature policy rejects it"


@dataclass
class Signers:
    """A registry, a lookaside for its signatures, and two keys: the policy names the first."""

    base: Path
    registry: Registry
    gpg: Gpg
    ours: Key
    other: Key

    @property
    def lookaside(self) -> Path:
        return self.base / "lookaside"

    def push(self, name: str, *texts: str) -> Mapping[Arch, str]:
        """Push an image with a layer for each text; return its digests."""
        layers = [text_layer(self.base / f"{text}.tar", {text: text}) for text in texts]
        images = dict.fromkeys(ARCHES, layers)
        return push_multiarch(self.registry, name, "1", images).per_arch

    def sign(self, name: str, digest: str, key: Key, *, content_of: str | None = None) -> None:
        """Put a signature (of another image's manifest with ``content_of``) where it is sought."""
        manifest = self.base / "manifest.json"
        manifest.write_text(raw_manifest(self.registry, name, f"@{content_of or digest}"))
        target = self.lookaside / f"{name}@{digest.replace(':', '=')}" / "signature-1"
        target.parent.mkdir(parents=True)
        reference = f"{self.registry.host}/{name}:1"
        words = ["skopeo", "standalone-sign", str(manifest), reference, key.fingerprint]
        run([*words, "--output", str(target)], env={**os.environ, **self.gpg.environment})

    def paack(self, home: Path, *, key: str = "ours.asc") -> Paack:
        """Return the product of a user with the policy."""
        (self.base / "ours.asc").write_text(self.gpg.export(self.ours))
        home.mkdir(exist_ok=True)
        configuration = home / "home" / ".config" / "containers"
        (configuration / "registries.d").mkdir(parents=True)
        signed = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(self.base / key)}
        policy = {
            "default": [{"type": "reject"}],
            "transports": {"docker": {self.registry.host: [signed]}},
        }
        (configuration / "policy.json").write_text(json.dumps(policy))
        # JSON is YAML.
        where = {"docker": {self.registry.host: {"sigstore": f"file://{self.lookaside}"}}}
        (configuration / "registries.d" / "registry.yaml").write_text(json.dumps(where))
        return Paack(home, self.registry.registries_conf, {"HOME": str(home / "home")})

    def build(self, paack: Paack, name: str) -> subprocess.CompletedProcess[str]:
        """Build an RPM of an image for both arches."""
        images = [f"{self.registry.host}/{name}:1"]
        text = definition_text(name, images, arches=("x86_64", "aarch64"))
        definition = paack.define(text, f"{name}.yaml")
        return paack.call(
            "build", "--def", str(definition), "--output", str(paack.output), check=False
        )


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signers]:
    base = tmp_path_factory.mktemp("signatures")
    with Registry(base) as registry, Gpg() as gpg:
        found = Signers(base, registry, gpg, gpg.key("ours"), gpg.key("other"))
        for digest in found.push("signed", "a", "b").values():
            found.sign("signed", digest, found.ours)
        yield found


def rejected(done: subprocess.CompletedProcess[str], name: str) -> None:
    """Check that a build failed for that reason."""
    assert done.returncode == 6, done.stderr
    assert f"/{name}:1: {REJECTED}" in done.stderr
    assert "  hint: see containers-policy.json(5)" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def layers_of(signers: Signers, name: str) -> set[str]:
    """Return the digests of an image's layers, the same for all arches."""
    manifest = json.loads(raw_manifest(signers.registry, name, ":1"))
    one = json.loads(raw_manifest(signers.registry, name, "@" + manifest["manifests"][0]["digest"]))
    return {layer["digest"] for layer in one["layers"]}


def cached(paack: Paack) -> set[str]:
    """Return the digests of what is in the cache."""
    return {f"sha256:{path.name}" for path in (paack.cache / "blobs" / "sha256").glob("*")}


def test_a_signed_image_comes_in(signers: Signers, tmp_path: Path) -> None:
    paack = signers.paack(tmp_path)
    done = signers.build(paack, "signed")
    assert done.returncode == 0, done.stderr
    rpms = done.stdout.split()
    assert len(rpms) == 2
    signers.registry.stop()  # from now on nobody is asked, for its policy either
    try:
        assert paack.call("verify", *rpms).stdout.count("as locked") == 2
        again = signers.build(paack, "signed")
    finally:
        signers.registry.start()
    assert again.stdout == done.stdout


def test_an_unsigned_image_does_not(signers: Signers, tmp_path: Path) -> None:
    signers.push("unsigned", "c")
    paack = signers.paack(tmp_path)
    rejected(signers.build(paack, "unsigned"), "unsigned")
    assert not layers_of(signers, "unsigned") & cached(paack)
    assert not list(tmp_path.rglob("*.rpm"))
    rejected(signers.build(paack, "unsigned"), "unsigned")


def test_an_unsigned_image_whose_layers_are_here(signers: Signers, tmp_path: Path) -> None:
    """Made of nothing but layers of signed images."""
    signers.push("made-of-them", "b")
    paack = signers.paack(tmp_path)
    assert signers.build(paack, "signed").returncode == 0
    assert layers_of(signers, "made-of-them") <= cached(paack)
    rejected(signers.build(paack, "made-of-them"), "made-of-them")


def test_a_signature_of_another_key(signers: Signers, tmp_path: Path) -> None:
    for digest in signers.push("other-key", "d").values():
        signers.sign("other-key", digest, signers.other)
    rejected(signers.build(signers.paack(tmp_path), "other-key"), "other-key")


def test_a_signature_of_another_image(signers: Signers, tmp_path: Path) -> None:
    digests = signers.push("other-image", "e")
    signers.sign("other-image", digests["amd64"], signers.ours, content_of=digests["arm64"])
    signers.sign("other-image", digests["arm64"], signers.ours, content_of=digests["amd64"])
    rejected(signers.build(signers.paack(tmp_path), "other-image"), "other-image")


def test_one_arch_is_not_signed(signers: Signers, tmp_path: Path) -> None:
    digests = signers.push("half", "f")
    signers.sign("half", digests["amd64"], signers.ours)
    rejected(signers.build(signers.paack(tmp_path), "half"), "half")


def test_a_key_that_is_not_there(signers: Signers, tmp_path: Path) -> None:
    rejected(signers.build(signers.paack(tmp_path, key="nowhere.asc"), "signed"), "signed")


def test_an_image_on_this_machine_is_subject_to_it_too(signers: Signers, tmp_path: Path) -> None:
    from paack.helpers.oci.layout import ImageSpec, write_image
    from tests.unit.images import small_layer

    paack = signers.paack(tmp_path)
    write_image(tmp_path / "layout", "localhost/app:1", [ImageSpec("x86_64", [small_layer("a")])])
    text = definition_text("app", [f"oci:{tmp_path}/layout:localhost/app:1"])
    done = paack.call("build", "--def", str(paack.define(text)), check=False)
    assert done.returncode == 6, done.stderr
    assert REJECTED in done.stderr
