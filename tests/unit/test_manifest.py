"""Manifests, indexes and configs: what registries really send, and what a hostile one might."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.errors import RegistryError
from paack.helpers.oci import manifest as oci
from tests.support.thorough import THOROUGH


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
        [None, {}, {"platform": {}}, {"platform": {"os": None}}, platform("a", "amd64")],
    ),
}


EXACT |= {
    "no platform": ("x86_64", [{"digest": digest("a"), "size": 1}]),
    "the first without platform": (
        "aarch64",
        [{"digest": digest("a"), "size": 1}, {"digest": digest("b"), "size": 1, "platform": None}],
    ),
    "a platform that fits before none": (
        "x86_64",
        [{"digest": digest("b"), "size": 1}, platform("a", "amd64")],
    ),
    "none before a platform that does not fit": (
        "x86_64",
        [platform("b", "arm64"), ATTESTATION, {"digest": digest("a"), "size": 1}],
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


DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": oci.DOCKER_MANIFEST,
    "config": {"mediaType": "a", "digest": digest("c"), "size": 7},
    "layers": [
        {"mediaType": DOCKER_LAYER, "digest": digest("1"), "size": 10},
        {
            "mediaType": DOCKER_LAYER,
            "digest": digest("2"),
            "size": 0,
            "urls": ["https://example.com"],
        },
    ],
}
OCI_MANIFEST: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": oci.OCI_MANIFEST,
    "config": {"mediaType": oci.OCI_CONFIG, "digest": digest("c"), "size": 7},
    "layers": [{"mediaType": f"{oci.OCI_LAYER}+gzip", "digest": digest("1"), "size": 10}],
}
CONFIG = {
    "architecture": "arm64",
    "os": "linux",
    "created": "2024-05-06T07:08:09.123456789Z",
    "rootfs": {"type": "layers", "diff_ids": [digest("1"), digest("2")]},
    "history": [{"created": "2024-05-06T07:08:09Z"}],
}


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def test_manifests_are_parsed() -> None:
    manifest = oci.parse_manifest(as_bytes(MANIFEST))
    assert manifest.media_type == oci.DOCKER_MANIFEST
    assert manifest.config == oci.Descriptor(digest("c"), 7, "a")
    assert manifest.layers == (
        oci.Descriptor(digest("1"), 10, DOCKER_LAYER),
        oci.Descriptor(digest("2"), 0, DOCKER_LAYER),
    )


def test_a_manifest_need_not_say_its_type() -> None:
    """OCI image specification 1.0: the property mediaType was reserved."""
    document = {key: value for key, value in OCI_MANIFEST.items() if key != "mediaType"}
    assert oci.parse_manifest(as_bytes(document)).media_type == oci.OCI_MANIFEST


def changed(document: dict[str, Any], **more: object) -> bytes:
    return as_bytes({**document, **more})


def oci_layer(media_type: str) -> bytes:
    return changed(OCI_MANIFEST, layers=[{**OCI_MANIFEST["layers"][0], "mediaType": media_type}])


ARTIFACT = {**OCI_MANIFEST["config"], "mediaType": "application/vnd.cncf.helm.config.v1+json"}
EMPTY = {**ARTIFACT, "mediaType": "application/vnd.oci.empty.v1+json"}
DOCKER_IN_OCI = {**ARTIFACT, "mediaType": oci.DOCKER_CONFIG}
DOCKER_ZSTD = {**MANIFEST["layers"][0], "mediaType": DOCKER_LAYER.replace("gzip", "zstd")}
NO_IMAGES = {
    "a chart": (changed(OCI_MANIFEST, config=ARTIFACT), r"an artifact \(type application/vnd.cncf"),
    "an artifact": (
        changed(OCI_MANIFEST, config=EMPTY, artifactType="a/b"),
        r"no image but an artifact \(type a/b\)",
    ),
    "a config of no type": (
        changed(OCI_MANIFEST, config={"digest": digest("c"), "size": 7}),
        r"artifact \(type none\)",
    ),
    "Docker's config": (
        changed(OCI_MANIFEST, config=DOCKER_IN_OCI),
        "its config is of Docker's type",
    ),
    "Docker's, and silent": (
        as_bytes({"schemaVersion": 2, "config": DOCKER_IN_OCI, "layers": []}),
        "does not say so",
    ),
    "an index": (index(platform("a", "amd64")), "an index of images, in an index"),
    "encrypted": (oci_layer(f"{oci.OCI_LAYER}+gzip+encrypted"), "layer 1 is encrypted"),
    "encrypted, not compressed": (oci_layer(f"{oci.OCI_LAYER}+encrypted"), "layer 1 is encrypted"),
    "encrypted zstd": (oci_layer(f"{oci.OCI_LAYER}+zstd+encrypted"), "layer 1 is encrypted"),
    "zstd of Docker's": (
        changed(MANIFEST, layers=[DOCKER_ZSTD]),
        r"diff\.tar\.zstd', which Docker's manifests lack",
    ),
    "also an index": (changed(OCI_MANIFEST, manifests=[]), "has 'manifests', as another kind has"),
    "also schema 1": (changed(MANIFEST, FSLAYERS=[]), "has 'fsLayers', as another kind has"),
    "an annotation of a number": (
        changed(OCI_MANIFEST, annotations={"a": 1}),
        r"annotations\.a is 1 and not a string",
    ),
    "large": (changed(OCI_MANIFEST, more="x" * (4 << 20)), "podman and CRI-O read at most 4194304"),
}


@pytest.mark.parametrize("case", NO_IMAGES)
def test_what_no_device_could_use_is_refused(case: str) -> None:
    raw, message = NO_IMAGES[case]
    with pytest.raises(RegistryError, match=message) as caught:
        oci.parse_manifest(raw)
    assert caught.value.hint


def test_docker_knows_no_annotations() -> None:
    """So podman does not mind what they are."""
    assert oci.parse_manifest(changed(MANIFEST, annotations=[1])).layers


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"mediaType": oci.OCI_INDEX, "manifests": []}, True),
        ({"mediaType": oci.DOCKER_LIST}, True),
        ({"schemaVersion": 2, "manifests": [{}]}, True),
        ({"schemaVersion": 2, "layers": []}, False),
        ({"schemaVersion": 2, "manifests": []}, False),
        ({"schemaVersion": 2, "config": {"mediaType": "a"}, "manifests": [{}]}, False),
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
        ({"labels": {"org.opencontainers.image.licenses": "MIT"}}, "MIT"),
        ({"Labels": {"org.opencontainers.image.licenses": None}}, ""),
        ({"Labels": None}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_licences_are_a_label(settings: object, licenses: str) -> None:
    assert oci.parse_config(as_bytes({**CONFIG, "config": settings})).licenses == licenses


@pytest.mark.parametrize("created", ["", "yesterday", 1714979289, ["2024-05-06T07:08:09Z"]])
def test_a_wrong_time_is_never_1970(created: object) -> None:
    with pytest.raises(RegistryError, match=r"created is .* and not a time"):
        oci.parse_config(as_bytes({**CONFIG, "created": created}))


@pytest.mark.parametrize("config", [{**CONFIG, "created": None}, {"rootfs": CONFIG["rootfs"]}])
def test_no_time_is_1970(config: dict[str, Any]) -> None:
    assert oci.parse_config(as_bytes(config)).created == "1970-01-01T00:00:00Z"


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
    "number that no float holds": b'{"x": 1e999}',
    "byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_document_is_refused(parser: str, case: str) -> None:
    with pytest.raises(RegistryError):
        PARSERS[parser](HOSTILE[case])


@pytest.mark.parametrize("parser", PARSERS)
def test_documents_nested_as_deep_as_json_allows_give_no_other_error(parser: str) -> None:
    """The limits of json and of repr are not the same."""
    for depth in (*range(5, 1200, 97), *range(900, 1000, 1 if THOROUGH else 9)):
        value = b'{"a":' * depth + b"1" + b"}" * depth
        nested = [
            b'{"manifests": [{"platform": {"os": "linux", "architecture": %b}}]}' % value,
            b'{"manifests": [{"platform": {"os": "linux", "architecture": "amd64", '
            b'"variant": %b}, "digest": 1}]}' % value,
            b'{"schemaVersion": 2, "config": %b, "layers": [%b]}' % (value, value),
            b'{"rootfs": {"diff_ids": [%b]}, "created": %b}' % (value, value),
            b'{"config": {"Labels": %b}, "x": %b}' % (value, value),
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
        {"digest": digest("a"), "size": None},
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
        with pytest.raises(
            RegistryError, match=r"manifest's (config|layer 2) has no|cannot be used"
        ):
            oci.parse_manifest(as_bytes(document))


@pytest.mark.parametrize("version", [1, 3, None])
def test_schema_1_is_refused_with_a_hint(version: object) -> None:
    for media_type in (oci.DOCKER_MANIFEST, "", None):
        with pytest.raises(RegistryError, match="schema 2") as caught:
            oci.parse_manifest(changed(MANIFEST, schemaVersion=version, mediaType=media_type))
        assert "push the image anew" in str(caught.value.hint)


@pytest.mark.parametrize("diff_ids", [None, "x", {}, [1], ["sha256:1"], [None]])
def test_diff_ids_that_are_none_are_refused(diff_ids: object) -> None:
    with pytest.raises(RegistryError, match=r"diffID|diff_ids"):
        oci.parse_config(as_bytes({**CONFIG, "rootfs": {"diff_ids": diff_ids}}))
