"""The doctor's readers of JSON, policies and kubelet's records, by every shell and awk."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.templates import render
from tests.device.packages import Packages
from tests.device.shells import COMBINATIONS, DIAGONAL, Combination
from tests.support.commands import run

_SETTINGS = settings(max_examples=30)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters='"\\'))
_VALUES = st.recursive(
    _TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)


def parts(*names: str) -> str:
    """Return parts of the doctor."""
    return "\n".join(
        ["LC_ALL=C; export LC_ALL", *(render(f"device/doctor/{name}.sh") for name in names)]
    )


def flat(value: object, path: str) -> Iterator[str]:
    """Yield what json_values should print of a value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}\t{key}")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value, 1):
            yield from flat(item, f"{path}\t{number}")
    elif isinstance(value, str):
        yield f"{path}\t{value}"
    else:
        yield f"{path}\t{'' if value in ({}, []) else json.dumps(value)}"


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_json_is_read(combination: Combination, tmp_path: Path) -> None:
    """As Python reads it; of several files one after the other."""
    files = [tmp_path / name for name in ("a", "b")]
    program = f"{parts('json')}\njson_values {' '.join(map(str, files))}"

    @_SETTINGS
    @given(_VALUES, st.sampled_from([None, 2]))
    def check(value: object, indent: int | None) -> None:
        for file in files:
            file.write_text(json.dumps(value, indent=indent, ensure_ascii=False), "utf-8")
        done = combination.run(program, tmp_path)
        expected = [line for file in files for line in flat(value, str(file))]
        assert (done.returncode, done.stderr, done.stdout.split("\n")) == (0, "", [*expected, ""])

    check()
    for text in ('{"a": 1', '{"a" 1}', "[1,]", '{"a": 1} x', '"', "[1 2]", "{a: 1}"):
        files[0].write_text(text)
        lines = combination.run(program, tmp_path).stdout.splitlines()
        assert f"{files[0]}\t!" in lines, text


ACCEPT = [{"type": "insecureAcceptAnything"}]
REJECT = [{"type": "reject"}]
SIGNED = [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/dev/null"}]


def policies(host: str) -> dict[str, dict[str, Any]]:
    """Return policies for the registry ``host``, an IP address and a port."""

    def scoped(default: Any, **scopes: Any) -> dict[str, Any]:
        return {"default": default, "transports": {"docker": scopes}}

    other = {"other.example.com": REJECT, f"{host}/application": REJECT}
    return {
        "accept": {"default": ACCEPT},
        "reject": {"default": REJECT},
        "another transport": {"default": ACCEPT, "transports": {"dir": {"": REJECT}}},
        "no scope that counts": scoped(ACCEPT, **other),
        "all of the transport": scoped(REJECT, **{"": ACCEPT}),
        "host": scoped(ACCEPT, **{host: REJECT}),
        "host without its port": scoped(ACCEPT, **{host.partition(":")[0]: REJECT}),
        "repository": scoped(REJECT, **{f"{host}/app": ACCEPT}),
        "tag": scoped(REJECT, **{f"{host}/app:1": ACCEPT}),
        "another tag": scoped(ACCEPT, **{f"{host}/app:2": REJECT}),
        "the longest": scoped(ACCEPT, **{host: ACCEPT, f"{host}/app": REJECT}),
        "wildcard": scoped(ACCEPT, **{"*.0.0.1": REJECT}),
        "short wildcard": scoped(ACCEPT, **{"*.1": REJECT, "*.0.0.1": ACCEPT}),
        "no wildcard": scoped(ACCEPT, **{"*.127.0.0.1": REJECT, "*": REJECT}),
        "signature": scoped(ACCEPT, **{host: SIGNED}),
        "both": scoped(ACCEPT, **{host: ACCEPT + SIGNED}),
        "neither": scoped(ACCEPT, **{host: []}),
    }


def test_policies_are_read(packages: Packages, tmp_path: Path) -> None:
    """As skopeo does it, for a pull of an image without signatures."""
    host = packages.registry.host
    image = f"{host}/app:1"
    (tmp_path / "names").write_text(f"{image}\n")
    script = [parts("json", "signature-policy")]
    expected = []
    for number, policy in enumerate(policies(host).values()):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(policy, indent=number % 2 or None))
        script.append(f"json_values {file} | refused_names names; echo --")
        words = ["--policy", str(file), "copy", "--src-tls-verify=false", f"docker://{image}"]
        done = run(["skopeo", *words, f"dir:{tmp_path}/image"], check=False)
        refuses = any(
            word in done.stderr for word in ("rejected", "signature", "policy req", "empty")
        )
        assert refuses == bool(done.returncode), done.stderr
        expected += [image] * refuses + ["--"]
    for combination in COMBINATIONS:
        done = combination.run("\n".join(script), tmp_path)
        assert (done.stderr, done.stdout.splitlines()) == ("", expected), combination


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_what_is_no_policy(combination: Combination, tmp_path: Path) -> None:
    (tmp_path / "names").write_text("a.example.com/b:1\n")
    for text in ("", "{", "{}", "[]", '{"transports": {}}', '{"default": [{"type": "reject"}'):
        (tmp_path / "policy.json").write_text(text)
        script = (
            f"{parts('json', 'signature-policy')}\njson_values policy.json | refused_names names"
        )
        assert combination.run(script, tmp_path).stdout == "!\n", text


NAMES = ("quay.io/me/app:1", "docker.io/library/nginx:1.27", "docker.io/me/web:latest")
ID = "ab" * 32
DIGEST = f"sha256:{'cd' * 32}"


def record(image: str) -> tuple[str, dict[str, Any]]:
    """Return kubelet's record of a pull that did not end, and where it is."""
    name = f"pulling/sha256-{hashlib.sha256(image.encode()).hexdigest()}"
    kind = {"kind": "ImagePullIntent", "apiVersion": "kubelet.config.k8s.io/v1alpha1"}
    return name, {**kind, "image": image}


def pulled(reference: str, mapping: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return kubelet's record of a pull, and where it is."""
    name = f"pulled/sha256-{hashlib.sha256(reference.encode()).hexdigest()}"
    kind = {"kind": "ImagePulledRecord", "apiVersion": "kubelet.config.k8s.io/v1alpha1"}
    more = {"lastUpdatedTime": "2026-11-01T00:00:00Z", "imageRef": reference}
    return name, {**kind, **more, "credentialMapping": mapping}


SECRET = {"kubernetesSecrets": [{"uid": "1", "namespace": "a", "name": "b", "credentialHash": "c"}]}
#: A record, and the name of the image that it makes kubelet pull
RECORDS = (
    (record("quay.io/me/app:1"), "quay.io/me/app:1"),
    (record(f"quay.io/me/app@{DIGEST}"), f"quay.io/me/app@{DIGEST}"),
    (record(f"quay.io/me/app:2@{DIGEST}"), f"quay.io/me/app:2@{DIGEST}"),
    (record("nginx:1.27"), "nginx:1.27"),
    (record("me/web"), "me/web"),
    (record("quay.io/me/app:2"), ""),
    (record("nginx"), ""),
    (pulled(ID, {}), "quay.io/me/app:1"),
    (pulled(f"sha256:{ID}", {"quay.io/me/other": SECRET}), "quay.io/me/app:1"),
    (pulled(ID, {"quay.io/me/app": {"nodePodsAccessible": True}}), ""),
    (pulled(ID, {"quay.io/me/app": SECRET}), ""),
    (pulled("ef" * 32, {}), ""),
)


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_records_of_kubelet(combination: Combination, tmp_path: Path) -> None:
    known = [f"image\t{ID}\tquay.io/me/app:1", f"image\t{ID}\tquay.io/me/app@{DIGEST}"]
    known += [f"image\t{number}\t{name}" for number, name in enumerate(NAMES[1:])]
    listed = "\n".join([*known, "end", ""])
    for (name, content), expected in RECORDS:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content) + "\n")
        script = f"{{ printf %s {shlex.quote(listed)}; json_values {file}; }} | pulls_of"
        done = combination.run(f"{parts('json', 'kubelet')}\n{script}", tmp_path)
        found = f"{file}\t{expected}\n" if expected else ""
        assert (done.stderr, done.stdout) == ("", found), content


HEAD = "kind: KubeletConfiguration\nimagePullCredentialsVerificationPolicy: "
ALLOW = f"{HEAD}NeverVerifyAllowlistedImages\npreloadedImagesVerificationAllowlist:"
REPOSITORIES = ("quay.io/me/app", "docker.io/library/nginx")
#: A configuration, and the repositories whose images kubelet pulls by it
CONFIGURATIONS = (
    ("kind: KubeletConfiguration\n", ()),
    (f"{HEAD}NeverVerifyPreloadedImages\n", ()),
    (f"{HEAD}NeverVerify\n", ()),
    (f"{HEAD}AlwaysVerify\n", REPOSITORIES),
    (f'{HEAD}"AlwaysVerify" # really\n', REPOSITORIES),
    ("#imagePullCredentialsVerificationPolicy: AlwaysVerify\n", ()),
    ("kubelet:\n  imagePullCredentialsVerificationPolicy: AlwaysVerify\n", REPOSITORIES),
    ('{"imagePullCredentialsVerificationPolicy": "AlwaysVerify",\n "a": 1}', REPOSITORIES),
    (f"{ALLOW} []\n", REPOSITORIES),
    (f"{ALLOW}\n- quay.io/me/app\nother: 1\n- docker.io/library/nginx\n", REPOSITORIES[1:]),
    (f"{ALLOW}\n  - 'quay.io/me/*'\n  # more\n  - docker.io/library/*\n", ()),
    (f"{ALLOW} [quay.io/me/*, \"docker.io/library/nginx\"]\n", ()),
    (f"{ALLOW}\n- quay.io/m*\n- quay.io/me/ap\n- nginx\n", REPOSITORIES),
)  # fmt: skip


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_kubelets_policy(combination: Combination, tmp_path: Path) -> None:
    images = [f"{REPOSITORIES[0]}:1", f"{REPOSITORIES[0]}@{DIGEST}", f"{REPOSITORIES[1]}:2"]
    (tmp_path / "images").write_text("\n".join([*images, ""]))
    program = parts("kubelet").replace("^/usr/share/paack/", f"^{tmp_path}/images")
    for text, repositories in CONFIGURATIONS:
        file = tmp_path / "config.yaml"
        file.write_text(text)
        script = f"{program}\nverified_repositories {tmp_path}/images {file}"
        done = combination.run(script, tmp_path)
        said = done.stdout.splitlines()
        assert (done.stderr, said[1:]) == ("", list(repositories)), text
        assert not said or said[0].startswith(f"{file}: ")
