"""References: what skopeo takes, but never a name whose registry depends on the machine."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.oci.reference import (
    FILE_TRANSPORTS,
    ReferenceProblem,
    parse_dependency,
    parse_reference,
    parse_source,
)
from tests.support.commands import run

DIGEST = "sha256:" + "0123456789abcdef" * 4
GOOD = {
    "docker.io/library/nginx": ("docker.io/library/nginx", "latest", None),
    "docker.io/library/nginx:1.21.6": ("docker.io/library/nginx", "1.21.6", None),
    "quay.io/a/b/c/d:v1": ("quay.io/a/b/c/d", "v1", None),
    "localhost/app": ("localhost/app", "latest", None),
    "localhost:5000/app:1": ("localhost:5000/app", "1", None),
    "registry:5000/app:1": ("registry:5000/app", "1", None),
    "10.0.0.1/app:1": ("10.0.0.1/app", "1", None),
    "Example.COM/app:1": ("Example.COM/app", "1", None),
    "a-b.example.com:1/app_1.2-3--4__5": ("a-b.example.com:1/app_1.2-3--4__5", "latest", None),
    f"quay.io/a/b@{DIGEST}": ("quay.io/a/b", None, DIGEST),
    f"quay.io/a/b:1@{DIGEST}": ("quay.io/a/b", "1", DIGEST),
    f"quay.io/a/b:{'t' * 128}": ("quay.io/a/b", "t" * 128, None),
    "quay.io/" + "r" * 247: ("quay.io/" + "r" * 247, "latest", None),
}
#: As CRI-O completes them before it looks into its stores (distribution's ParseNormalizedNamed).
SHORT = {
    "docker.io/nginx": "docker.io/library/nginx:latest",
    "docker.io/nginx:1.21.6": "docker.io/library/nginx:1.21.6",
    f"docker.io/nginx@{DIGEST}": f"docker.io/library/nginx@{DIGEST}",
    "docker.io/bitnami/nginx:1": "docker.io/bitnami/nginx:1",
    "index.docker.io/nginx:1": "docker.io/library/nginx:1",
    "index.docker.io/library/nginx:1": "docker.io/library/nginx:1",
    "index.docker.io/bitnami/nginx:1": "docker.io/bitnami/nginx:1",
    "registry-1.docker.io/nginx:1": "registry-1.docker.io/nginx:1",
    "docker.io:443/nginx:1": "docker.io:443/nginx:1",
    "Docker.io/nginx:1": "Docker.io/nginx:1",
}
BAD = {
    "": "REGISTRY/REPOSITORY",
    "nginx": "docker.io/library/nginx",
    "nginx:1.2": "docker.io/library/nginx:1.2",
    "library/nginx": "docker.io/library/nginx",
    "quay.io": "docker.io/library/quay.io",
    "quay.io/": "REGISTRY/REPOSITORY",
    "quay.io/a/": "REGISTRY/REPOSITORY",
    "quay.io//a": "REGISTRY/REPOSITORY",
    "quay.io/A": "lower case",
    "quay.io/a:": "REGISTRY/REPOSITORY",
    "quay.io/a:-1": "REGISTRY/REPOSITORY",
    f"quay.io/a:{'t' * 129}": "REGISTRY/REPOSITORY",
    "quay.io/a@sha256:12": "REGISTRY/REPOSITORY",
    f"quay.io/a@{DIGEST.upper()}": "REGISTRY/REPOSITORY",
    f"quay.io/a@{DIGEST}:1": "REGISTRY/REPOSITORY",
    "quay.io/a___b": "REGISTRY/REPOSITORY",
    "quay.io/a..b": "REGISTRY/REPOSITORY",
    "quay.io/-a": "REGISTRY/REPOSITORY",
    "quay.io./a": "REGISTRY/REPOSITORY",
    "quay..io/a": "REGISTRY/REPOSITORY",
    "-quay.io/a": "REGISTRY/REPOSITORY",
    "quay_x.io/a": "REGISTRY/REPOSITORY",
    "quay.io:/a": "REGISTRY/REPOSITORY",
    "quay.io:x/a": "REGISTRY/REPOSITORY",
    "quay.io/a\n": "REGISTRY/REPOSITORY",
    " quay.io/a": "REGISTRY/REPOSITORY",
    "quay.io/ä": "REGISTRY/REPOSITORY",
    "https://quay.io/a": "REGISTRY/REPOSITORY",
    "quay.io/" + "r" * 248: "255",
}


@pytest.mark.parametrize("text", GOOD)
def test_good_references(text: str) -> None:
    reference = parse_reference(text)
    assert (reference.repo, reference.tag, reference.digest) == GOOD[text]
    assert reference.registry == text.split("/")[0]
    assert str(reference) in (text, f"{text}:latest")
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize("text", SHORT)
def test_short_forms_of_docker_hub(text: str) -> None:
    reference = parse_reference(text)
    assert str(reference) == SHORT[text]
    assert parse_reference(str(reference)) == reference
    assert parse_source(text, "localhost/a:1").origin == reference


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("container-image(docker.io/nginx:1)", "container-image(docker.io/library/nginx:1)"),
        (f"container-image(quay.io/a@{DIGEST})", f"container-image(quay.io/a@{DIGEST})"),
        ("container-image(nginx)", "container-image(nginx)"),
        ("microshift >= 4.20", "microshift >= 4.20"),
    ],
)
def test_dependencies(text: str, wanted: str) -> None:
    assert parse_dependency(text) == wanted


@pytest.mark.parametrize("text", BAD)
def test_bad_references(text: str) -> None:
    with pytest.raises(ReferenceProblem) as caught:
        parse_reference(text)
    assert BAD[text] in caught.value.hint
    assert str(caught.value)


def skopeo_takes(reference: str) -> bool:
    """Ask skopeo, by an archive that is not there: which it notes after the reference."""
    done = run(["skopeo", "inspect", f"docker-archive:/nonexistent:{reference}"], check=False)
    assert ("no such file" in done.stderr) is not ("reference format" in done.stderr), done.stderr
    return "no such file" in done.stderr


pieces = st.sampled_from(
    ["a", "B", "0", "-", "--", ".", "_", "__", "___", "/", ":", "5000", "io", "localhost", "ab1"]
)


@settings(max_examples=60)
@given(st.lists(pieces, min_size=1, max_size=8).map("".join))
def test_what_we_take_skopeo_takes(text: str) -> None:
    reference = f"quay.io/{text}:1" if "/" not in text else f"{text}:1"
    try:
        parsed = parse_reference(reference)
    except ReferenceProblem:
        registry = reference.split("/")[0]
        has_registry = re.fullmatch(r"localhost|.*[.:].*", registry) is not None
        assert not (has_registry and "_" not in registry and skopeo_takes(reference))
    else:
        assert str(parsed) == reference
        assert skopeo_takes(reference)


labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?", fullmatch=True)
domains = st.builds(
    lambda names, port: ".".join(names) + port,
    st.lists(labels, min_size=2, max_size=4),
    st.sampled_from(["", ":1", ":65535"]),
)
components = st.lists(
    st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True), min_size=1, max_size=3
).flatmap(lambda words: st.sampled_from([".", "_", "__", "-", "---"]).map(lambda s: s.join(words)))
tags = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}", fullmatch=True)


@given(domains, st.lists(components, min_size=1, max_size=4), st.none() | tags, st.booleans())
def test_the_grammar_of_distribution(
    domain: str, path: list[str], tag: str | None, has_digest: bool
) -> None:
    repo = "/".join([domain, *path])
    digest = DIGEST if has_digest else None
    text = repo + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    reference = parse_reference(text)
    assert (reference.repo, reference.digest, reference.registry) == (repo, digest, domain)
    assert reference.tag == (tag or (None if digest else "latest"))


@pytest.mark.parametrize(
    "text", ["a" * 5000, "a." * 5000, "a-" * 5000, "a.b/" + "a_" * 5000, "a.b/" + "a/" * 5000 + "A"]
)
def test_long_nonsense_is_refused_at_once(text: str) -> None:
    with pytest.raises(ReferenceProblem):
        parse_reference(text)


SOURCES = {
    "quay.io/a/b:1": ("docker", "quay.io/a/b:1", "quay.io/a/b:1"),
    "docker://quay.io/a/b:1": ("docker", "quay.io/a/b:1", "quay.io/a/b:1"),
    "oci:./layout:localhost/app:1": ("oci", "./layout:localhost/app:1", "localhost/app:1"),
    "oci-archive:/a b/x.tar:localhost/app:1": (
        "oci-archive",
        "/a b/x.tar:localhost/app:1",
        "localhost/app:1",
    ),
    "docker-archive:x.tar:quay.io/a/b:1": (
        "docker-archive",
        "x.tar:quay.io/a/b:1",
        "quay.io/a/b:1",
    ),
    "containers-storage:quay.io/a/b:1": (
        "containers-storage",
        "quay.io/a/b:1",
        "quay.io/a/b:1",
    ),
    "containers-storage:[overlay@/x+/y]quay.io/a/b:1": (
        "containers-storage",
        "[overlay@/x+/y]quay.io/a/b:1",
        "quay.io/a/b:1",
    ),
}


@pytest.mark.parametrize("text", SOURCES)
def test_sources(text: str) -> None:
    source = parse_source(text)
    assert source.text == text
    assert (source.transport, source.location, str(source.reference)) == SOURCES[text]
    is_remote = source.transport == "docker"
    assert source.origin == (source.reference if is_remote else None)


@pytest.mark.parametrize("text", ["dir:./x", "oci:./layout", "quay.io/a/b:1", "oci:x:latest"])
def test_a_source_may_be_given_another_name(text: str) -> None:
    source = parse_source(text, "localhost/app:7")
    assert str(source.reference) == "localhost/app:7"
    assert (str(source.origin) == text) if source.origin else text.startswith(("dir", "oci"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dir:./x", "does not say what the image is called"),
        ("oci:./layout", "does not say what the image is called"),
        ("oci:./layout:latest", "not a full image name: 'latest' in oci:./layout:latest"),
        ("docker-archive:x.tar:nginx:1.2", "not a full image name: 'nginx:1.2'"),
        ("oci-archive:x.tar:library/nginx", "names no registry in oci-archive:x.tar:library/ng"),
        ("http://quay.io/a", "unknown transport 'http'"),
        ("docker-daemon://x:1", "unknown transport 'docker-daemon'"),
        ("docker:quay.io/a", "not a full image name"),
        ("docker://", "not a full image name"),
        ("containers-storage:", "not a full image name"),
    ],
)
def test_bad_sources(text: str, said: str) -> None:
    with pytest.raises(ReferenceProblem, match=said) as caught:
        parse_source(text)
    assert caught.value.hint
    if text.startswith(FILE_TRANSPORTS):
        written = caught.value.hint.removeprefix("write it as a mapping: ")
        entry = yaml.safe_load(written.replace("NAME:TAG", "name:tag"))
        assert entry["source"] == text
        assert parse_source(entry["source"], entry["name"]).location == text.partition(":")[2]
