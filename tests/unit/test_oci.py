"""Manifests, indexes and configs: what registries really send, and what a hostile one might."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import RegistryError
from helpers.registry import oci


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def platform(letter: str, architecture: str, variant: str = "", os: str = "linux") -> Any:
    """One image of an index."""
    there = {"architecture": architecture, "os": os, **({"variant": variant} if variant else {})}
    return {
        "mediaType": oci.OCI_MANIFEST,
        "digest": digest(letter),
        "size": 1000,
        "platform": there,
    }


def index(*manifests: Any) -> bytes:
    return json.dumps(
        {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": manifests}
    ).encode()


ATTESTATION = {
    **platform("e", "unknown", os="unknown"),
    "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
}
EXACT = {
    "arm64": ("aarch64", [platform("a", "arm64")]),
    "arm64/v8": ("aarch64", [platform("a", "arm64", "v8")]),
    "amd64": ("x86_64", [platform("b", "arm64", "v8"), platform("a", "amd64")]),
    "amd64/v1": ("x86_64", [platform("a", "amd64", "v1")]),
    "the plain one first": ("x86_64", [platform("b", "amd64", "v1"), platform("a", "amd64")]),
    "not what needs a newer CPU": (
        "x86_64",
        [platform("b", "amd64", "v3"), platform("a", "amd64"), platform("c", "amd64", "v2")],
    ),
    "the first of two": ("x86_64", [platform("a", "amd64"), platform("b", "amd64")]),
    "not Windows": ("x86_64", [platform("b", "amd64", os="windows"), platform("a", "amd64")]),
    "no attestation": ("x86_64", [ATTESTATION, platform("a", "amd64"), ATTESTATION]),
    "no arm/v7": ("aarch64", [platform("b", "arm", "v7"), platform("a", "arm64")]),
    "s390x": ("s390x", [platform("b", "amd64"), platform("a", "s390x")]),
    "ppc64le": ("ppc64le", [platform("b", "ppc64"), platform("a", "ppc64le")]),
    "riscv64": ("riscv64", [platform("a", "riscv64")]),
    "nonsense beside it": (
        "x86_64",
        [None, 5, "x", [], {}, {"platform": 1}, {"platform": {}}, platform("a", "amd64")],
    ),
    "nonsense in variants": (
        "x86_64",
        [platform("b", "amd64") | {"platform": {"os": ["linux"]}}, platform("a", "amd64")],
    ),
}


@pytest.mark.parametrize("case", EXACT)
def test_chooses(case: str) -> None:
    arch, manifests = EXACT[case]
    assert oci.choose(index(*manifests), arch) == digest("a")


@pytest.mark.parametrize(
    ("manifests", "there"),
    [
        ([], "none"),
        ([ATTESTATION], "none"),
        ([platform("a", "arm64", "v8"), platform("b", "s390x")], "arm64/v8, s390x"),
        ([platform("a", "amd64", "v3"), platform("a", "amd64", "v3")], "amd64/v3"),
        ([platform("a", "amd64", os="windows")], "amd64"),
        ([{"platform": {"os": "linux"}}], "?"),
    ],
)
def test_says_what_is_there_instead(manifests: list[Any], there: str) -> None:
    with pytest.raises(RegistryError) as caught:
        oci.choose(index(*manifests), "x86_64")
    assert caught.value.message == f"no image for x86_64 (amd64); there are: {there}"
    assert caught.value.hint is not None


MANIFEST = {
    "schemaVersion": 2,
    "mediaType": oci.DOCKER_MANIFEST,
    "config": {"mediaType": "a", "digest": digest("c"), "size": 7},
    "layers": [
        {"mediaType": "b", "digest": digest("1"), "size": 10},
        {"mediaType": "b", "digest": digest("2"), "size": 0, "urls": ["https://example.com"]},
    ],
}
CONFIG = {
    "architecture": "arm64",
    "os": "linux",
    "created": "2024-05-06T07:08:09.123456789Z",
    "rootfs": {"type": "layers", "diff_ids": [digest("1"), digest("2")]},
    "history": [{"created": "x"}],
}


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def test_manifests_are_parsed() -> None:
    manifest = oci.parse_manifest(as_bytes(MANIFEST))
    assert manifest.media_type == oci.DOCKER_MANIFEST
    assert manifest.config == oci.Descriptor(digest("c"), 7, "a")
    assert manifest.layers == (
        oci.Descriptor(digest("1"), 10, "b"),
        oci.Descriptor(digest("2"), 0, "b"),
    )


@pytest.mark.parametrize(
    ("config_type", "media_type"),
    [
        ("application/vnd.docker.container.image.v1+json", oci.DOCKER_MANIFEST),
        (oci.OCI_CONFIG, oci.OCI_MANIFEST),
    ],
)
def test_a_manifest_need_not_say_its_type(config_type: str, media_type: str) -> None:
    """OCI image specification 1.0: the property mediaType was reserved."""
    config = {"mediaType": config_type, "digest": digest("c"), "size": 7}
    document = {"schemaVersion": 2, "config": config, "layers": []}
    assert oci.parse_manifest(as_bytes(document)).media_type == media_type


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"mediaType": oci.OCI_INDEX, "manifests": []}, True),
        ({"mediaType": oci.DOCKER_LIST}, True),
        ({"manifests": []}, True),
        ({"layers": []}, False),
        ({"layers": [], "manifests": []}, False),
        ({"mediaType": [oci.OCI_INDEX]}, False),
        (MANIFEST, False),
    ],
)
def test_tells_an_index_from_a_manifest(document: dict[str, Any], expected: bool) -> None:
    assert oci.is_index(as_bytes(document)) is expected


def test_configs_are_parsed() -> None:
    config = oci.parse_config(as_bytes(CONFIG))
    assert config == oci.Config(
        "arm64", "linux", "2024-05-06T07:08:09.123456789Z", (digest("1"), digest("2"))
    )


@pytest.mark.parametrize(
    ("settings", "licenses"),
    [
        ({"Labels": {"org.opencontainers.image.licenses": "MIT"}}, "MIT"),
        ({"Labels": {"org.opencontainers.image.licenses": 5}}, ""),
        ({"Labels": ["org.opencontainers.image.licenses"]}, ""),
        ({"Labels": None}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_licences_are_a_label(settings: object, licenses: str) -> None:
    assert oci.parse_config(as_bytes({**CONFIG, "config": settings})).licenses == licenses


@pytest.mark.parametrize(
    ("created", "kept"),
    [
        ("2024-05-06T07:08:09Z", True),
        ("2024-05-06T07:08:09.1Z", True),
        ("2024-05-06T07:08:09.123456789+05:30", True),
        ("0001-01-01T00:00:00Z", True),
        ("0001-01-01T00:00:00+05:00", False),
        ("9999-12-31T23:59:59-05:00", False),
        ("0000-01-01T00:00:00Z", False),
        ("2024-13-01T00:00:00Z", False),
        ("2024-02-30T00:00:00Z", False),
        ("2024-05-06T24:00:00Z", False),
        ("2024-05-06T07:08:60Z", False),
        ("2024-05-06T07:08:09", False),
        ("2024-05-06 07:08:09Z", False),
        ("2024-05-06T07:08:09.1234567890Z", False),
        ("\u0662024-05-06T07:08:09Z", False),
        ("\uff12024-05-06T07:08:09Z", False),
        ("2024-05-06T07:08:09Z\n", False),
        ("yesterday", False),
        ("", False),
        (None, False),
        (1714979289, False),
        (["2024-05-06T07:08:09Z"], False),
    ],
)
def test_a_creation_time_that_is_none_is_1970(created: object, kept: bool) -> None:
    found = oci.parse_config(as_bytes({**CONFIG, "created": created})).created
    assert found == (created if kept else "1970-01-01T00:00:00Z")
    oci.parse_time(found).timestamp()


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)),
    st.integers(-23, 23),
)
def test_times_are_parsed_as_python_does(when: datetime, hours: int) -> None:
    text = f"{when.isoformat()}{hours:+03d}:00"
    expected = when.replace(tzinfo=UTC) - timedelta(hours=hours)
    assert oci.parse_time(text) == expected
    assert oci.parse_time(text).utcoffset() == timedelta(0)


PARSERS: dict[str, Callable[[bytes], object]] = {
    "is_index": oci.is_index,
    "choose": lambda raw: oci.choose(raw, "x86_64"),
    "parse_manifest": oci.parse_manifest,
    "parse_config": oci.parse_config,
}
VALID = {
    "is_index": MANIFEST,
    "choose": json.loads(index(platform("a", "amd64", "v1"))),
    "parse_manifest": MANIFEST,
    "parse_config": CONFIG,
}
DEEP = 20_000
HOSTILE = {
    "nothing": b"",
    "text": b"<html>502 Bad Gateway</html>",
    "not UTF-8": b'{"a": "\xff"}',
    "NUL": b"\0" * 100,
    "number": b"5",
    "list": b"[]",
    "null": b"null",
    "deep list": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "number of 5000 digits": b'{"schemaVersion": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_document_is_refused(parser: str, case: str) -> None:
    with pytest.raises(RegistryError):
        PARSERS[parser](HOSTILE[case])


@pytest.mark.parametrize("parser", PARSERS)
def test_documents_nested_as_deep_as_json_allows_give_no_other_error(parser: str) -> None:
    """The limits of json and of repr are not the same."""
    for depth in (*range(5, 1200, 97), *range(900, 1000)):
        value = b'{"a":' * depth + b"1" + b"}" * depth
        nested = [
            b'{"manifests": [{"platform": {"os": "linux", "architecture": %b}}]}' % value,
            b'{"manifests": [{"platform": {"os": "linux", "architecture": "amd64", '
            b'"variant": %b}, "digest": 1}]}' % value,
            b'{"schemaVersion": 2, "config": %b, "layers": [%b]}' % (value, value),
            b'{"rootfs": {"diff_ids": [%b]}, "created": %b}' % (value, value),
        ]
        for raw in nested:
            attempt(parser, raw)


def attempt(parser: str, raw: bytes) -> bool:
    """Parse, and tell whether it went well; no other error than RegistryError comes through."""
    try:
        PARSERS[parser](raw)
    except RegistryError as error:
        assert len(str(error)) < 2000
        return False
    return True


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**18, 10**30, -1, 1.5, float("inf"), float("nan")])
    | st.text(max_size=5)
    | st.sampled_from(["linux", "amd64", "v1", digest("a"), oci.OCI_INDEX, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["digest", "size", "mediaType", "platform", "os", "architecture", "variant"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def places(document: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value of a document."""
    found = [path]
    if isinstance(document, dict):
        for key in document:
            found += places(document[key], (*path, key))
    elif isinstance(document, list):
        for number, item in enumerate(document):
            found += places(item, (*path, number))
    return found


@pytest.mark.parametrize("parser", PARSERS)
@given(data=st.data())
def test_any_value_in_any_place_gives_no_other_error(parser: str, data: st.DataObject) -> None:
    document = json.loads(json.dumps(VALID[parser]))
    assert attempt(parser, as_bytes(document))
    *path, last = data.draw(st.sampled_from([each for each in places(document) if each]))
    inner = document
    for key in path:
        inner = inner[key]
    inner[last] = data.draw(anything)
    attempt(parser, as_bytes(document))


@pytest.mark.parametrize(
    "descriptor",
    [
        None,
        {},
        {"digest": digest("a")},
        {"digest": digest("a"), "size": -1},
        {"digest": digest("a"), "size": "1"},
        {"digest": digest("a"), "size": 1.0},
        {"digest": digest("a"), "size": True},
        {"digest": digest("a"), "size": 1 << 63},
        {"digest": digest("A"), "size": 1},
        {"digest": "sha512:" + "a" * 128, "size": 1},
        {"digest": "sha256:../../../etc/passwd", "size": 1},
        {"digest": [digest("a")], "size": 1},
    ],
)
def test_descriptors_that_are_none_are_refused(descriptor: object) -> None:
    for document in (
        {**MANIFEST, "config": descriptor},
        {**MANIFEST, "layers": [MANIFEST["config"], descriptor]},
    ):
        with pytest.raises(RegistryError, match="bad descriptor"):
            oci.parse_manifest(as_bytes(document))


@pytest.mark.parametrize("version", [1, "2", None, [2]])
def test_schema_1_is_refused_with_a_hint(version: object) -> None:
    with pytest.raises(RegistryError, match="schema 2") as caught:
        oci.parse_manifest(as_bytes({**MANIFEST, "schemaVersion": version}))
    assert "push the image anew" in str(caught.value.hint)


@pytest.mark.parametrize("diff_ids", [None, "x", {}, [1], ["sha256:1"], [None]])
def test_diff_ids_that_are_none_are_refused(diff_ids: object) -> None:
    with pytest.raises(RegistryError, match="diffIDs"):
        oci.parse_config(as_bytes({**CONFIG, "rootfs": {"diff_ids": diff_ids}}))
