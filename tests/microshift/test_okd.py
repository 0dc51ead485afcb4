"""MicroShift on OKD, from its release payload: public images, and one by tag on request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from paack.helpers.errors import DefinitionError
from paack.helpers.microshift.payload import NAMES, release_files
from tests.microshift.stand_in import QUAY, REDHAT, Registries, layers_of, write_files
from tests.support.debian import push_multiarch, text_layer
from tests.support.image_directory import RPM_ARCHES, Digests
from tests.support.product import Paack
from tests.support.rpm_query import provides

VERSION = "4.21.0_g20c1b77d4_4.21.0_okd_scos.ec.15"
NAME = "4.21.0-okd-scos.ec.15"
PAYLOAD = "okd/scos-release"
ARM_PAYLOAD = "okd/release-arm64"
CONTENT = "okd/scos-content"
TOPOLVM = f"{QUAY}/acme/topolvm:0.36.2"
ALL = {name for names in NAMES.values() for name in names} | {"etcd", "hyperkube"}


def image_stream(references: Mapping[str, str]) -> str:
    """Return the file of a payload as `oc adm release new` writes it."""
    tags = [
        {
            "name": name,
            "annotations": {"io.openshift.build.source-location": "https://github.com/openshift/x"},
            "from": {"kind": "DockerImage", "name": reference},
            "generation": 2,
            "importPolicy": {},
            "referencePolicy": {"type": "Source"},
        }
        for name, reference in references.items()
    ]
    metadata = {"name": "5.0.0-okd-scos.0", "creationTimestamp": "2026-07-01T00:00:00Z"}
    stream = {"kind": "ImageStream", "apiVersion": "image.openshift.io/v1", "metadata": metadata}
    return json.dumps(
        {**stream, "spec": {"lookupPolicy": {"local": False}, "tags": tags}}, indent=2
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("okd")


@pytest.fixture(scope="module")
def registries(base: Path) -> Iterator[Registries]:
    with Registries(base) as running:
        yield running


@pytest.fixture(scope="module")
def content(registries: Registries, base: Path) -> Digests:
    """The one image that all names stand for here, and a payload of each arch."""
    digests = registries.push(QUAY, CONTENT, "any", layers_of(base, "pod"))
    registries.push(QUAY, "acme/topolvm", "0.36.2", layers_of(base, "topolvm"))
    for arch, repository in (("x86_64", PAYLOAD), ("aarch64", ARM_PAYLOAD)):
        digest = digests.per_arch[RPM_ARCHES[arch]]
        stream = image_stream(dict.fromkeys(sorted(ALL), f"{QUAY}/{CONTENT}@{digest}"))
        files = {"release-manifests/image-references": stream}
        layer = text_layer(
            base / f"payload-{arch}.tar", {**files, "release-manifests/0_x.yaml": ""}
        )
        above = text_layer(base / f"above-{arch}.tar", {"etc/motd": "a layer above\n"})
        # The one for aarch64, too, says that it is for amd64
        push_multiarch(registries.hosts[QUAY], repository, "1", {"amd64": [layer, above]})
    return digests


@pytest.fixture(scope="module")
def paack(registries: Registries, content: Digests, base: Path) -> Paack:
    home = base / "home"
    home.mkdir()
    return Paack(home, registries.registries_conf(base), {"REGISTRY_AUTH_FILE": ""})


def test_import_from_the_payload(paack: Paack, content: Digests) -> None:
    payloads = [f"{QUAY}/{PAYLOAD}:1", f"aarch64={QUAY}/{ARM_PAYLOAD}:1"]
    words = [word for each in payloads for word in ("--from-payload", each)]
    done = paack.call("microshift.import", *words, "--version", VERSION)
    assert done.stdout == f"microshift-images/{NAME}.yaml\n"
    document = yaml.safe_load((paack.home / done.stdout.strip()).read_text())
    assert (document["name"], document["version"]) == (VERSION, VERSION)
    assert "pull_secret" not in document
    assert document["registries"] == ["quay.io/okd"]
    for component, names in NAMES.items():
        made = document["components"][component]
        for arch, oci in RPM_ARCHES.items():
            assert made["images"][arch] == dict.fromkeys(
                names, f"{QUAY}/{CONTENT}@{content.per_arch[oci]}"
            )
            where = r"quay\.io/okd/\S+@sha256:[0-9a-f]{64}!/release-manifests/image-references"
            assert re.fullmatch(where, made["origin"][arch])
            assert made["base"][arch] == "5.0.0-okd-scos.0"


def test_what_has_a_tag_is_made_on_request(paack: Paack, registries: Registries) -> None:
    """And pinned by the lock: a tag that moves changes nothing. No secret is asked for."""
    topolvm = {"topolvm": {arch: {"topolvm": TOPOLVM} for arch in RPM_ARCHES}}
    files = write_files(paack.home / "topolvm", topolvm)
    words = ["--from", str(files), "--version", VERSION, "--registry", "quay.io/acme"]
    refused = paack.call("microshift.import", *words, check=False)
    assert (refused.returncode, "--tags topolvm" in refused.stderr) == (3, True)
    paack.call("microshift.import", *words, "--tags", "topolvm")
    version = ["--version", NAME]
    printed = paack.call("microshift", *version, "--print").stdout
    assert ("name: microshift-containers-olm\n" in printed, TOPOLVM in printed) == (True, False)
    before = paack.call("microshift.check", *version).stdout
    assert (
        f"warning: topolvm: the release did not pin 1 of 1 image for x86_64: topolvm ({TOPOLVM})"
        in before
    )
    assert "hint: lock them" in before
    build = ["microshift", *version, "--components", "topolvm", "--arch", "x86_64"]
    done = paack.call(*build, "--output", "out")
    core, made = (paack.home / line for line in done.stdout.splitlines())
    names = [*NAMES["core"]]
    assert {each for each in provides(core) if each.startswith("microshift-image")} == {
        f"microshift-image({name}) = {VERSION}" for name in names
    }
    assert f"container-image({TOPOLVM})" in provides(made)
    after = paack.call("microshift.check", *version).stdout
    assert after.count("hint: the lock pins them") == 2
    lock = paack.home / "microshift-images" / NAME / "microshift-containers-topolvm.lock.yaml"
    locked = lock.read_text()
    registries.push(QUAY, "acme/topolvm", "0.36.2", layers_of(paack.home, "moved"))
    assert paack.call(*build, "--frozen", "--output", "out").stdout == done.stdout
    assert lock.read_text() == locked


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([f"{QUAY}/{CONTENT}:any"], 6, "has no /release-manifests/image-references"),
        ([f"{QUAY}/{PAYLOAD}:1"], 3, "release-aarch64.json is not there"),
        ([f"{QUAY}/{PAYLOAD}:1", f"x86_64={QUAY}/{PAYLOAD}:1"], 2, "two payloads are for x86_64"),
        ([f"{QUAY}/{PAYLOAD}:2"], 6, "there is no such image"),
        ([f"{REDHAT}/none/none:2"], 6, "there is no such image"),
        ([f"arm64={QUAY}/{PAYLOAD}:1"], 2, "MicroShift is not for 'arm64'"),
        (["scos-release"], 2, "not a full image name"),
    ],
)  # fmt: skip
def test_payloads_that_are_refused(paack: Paack, words: list[str], status: int, said: str) -> None:
    given = [word for each in words for word in ("--from-payload", each)]
    where = ["--version", "9.9.9", "--sets", "refused"]
    done = paack.call("microshift.import", *given, *where, check=False)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert not (paack.home / "refused").exists()


DIGEST = f"{QUAY}/okd/x@sha256:{'0' * 64}"


NO_CLI = "has no image called cli"
CHANGES: dict[str, tuple[Any, str]] = {
    "kind": (lambda spec: spec, "is no ImageStream"),
    "no tag": (lambda spec: spec.update(tags=[]), "names no image"),
    "a text": (lambda spec: spec.update(tags="x"), "names no image"),
    "no cli": (lambda spec: spec["tags"].pop(0), NO_CLI),
    "a list": (lambda spec: spec["tags"][0].update(name=["x"]), NO_CLI),
    "a stream": (lambda spec: spec["tags"][0]["from"].update(kind="ImageStreamTag"), NO_CLI),
    "a tag": (lambda spec: spec["tags"][0]["from"].update(name=f"{QUAY}/a/x:1"), "have no digest"),
    "a macro": (lambda spec: spec["tags"][0]["from"].update(name="%(x)"), "cli: not a full image"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_payload_may_not_say(name: str) -> None:
    change, said = CHANGES[name]
    names = [name for some in NAMES.values() for name in some]
    stream = json.loads(image_stream(dict.fromkeys(names, DIGEST)))
    change(stream["spec"])
    stream["kind"] = "List" if name == "kind" else stream["kind"]
    found: list[DefinitionError] = []
    release_files(json.dumps(stream).encode(), "quay.io/okd/p@sha256:0", "x86_64", found)
    assert said in "\n".join(map(str, found))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_image_stream(content: bytes) -> None:
    found: list[DefinitionError] = []
    assert release_files(content, "x", "x86_64", found) == []
    assert "is no ImageStream" in str(found[0])
