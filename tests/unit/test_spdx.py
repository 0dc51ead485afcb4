"""The bill of materials: spdx-tools reads what was put in, whatever images are called and say."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packageurl import PackageURL
from spdx_tools.spdx.model.document import Document
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.locked import LockedImage
from paack.helpers.rpm.sbom_formats import MAKERS
from paack.helpers.rpm.spdx import Subject
from paack.helpers.store.inventory import packages_of
from tests.support.oddities import LayerTar
from tests.unit.images import put_image, small_layer

SUBJECT = Subject("app", "1.0~rc1^2+x", "3.el9", "x86_64", 1_700_000_000)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def parsed(bill: bytes, directory: Path) -> Document:
    """Read a bill with spdx-tools, which must find nothing wrong with it."""
    file = directory / "bill.spdx.json"
    file.write_bytes(bill)
    document: Document = parse_file(str(file))
    problems = validate_full_spdx_document(document, "SPDX-2.3")
    assert [each.validation_message for each in problems] == []
    return document


def bill_of(
    cache: Cache, *images: LockedImage, subject: Subject = SUBJECT, kind: str = "spdx"
) -> bytes:
    configs = {image.config: cache.read(image.config) for image in images}
    bill = MAKERS[kind](subject, images, configs, packages_of(cache, images))
    if kind == "spdx":  # the same facts make the other format, and that is valid, too
        other = bill_of(cache, *images, subject=subject, kind="cyclonedx")
        assert validator().validate_str(other.decode()) is None
    return bill


@functools.cache
def validator() -> JsonStrictValidator:
    return JsonStrictValidator(SchemaVersion.V1_6)


def labelled(cache: Cache, text: object, name: str = "quay.io/acme/app:1") -> LockedImage:
    """Return an image whose label for licences says ``text``."""
    image = put_image(cache, name, [small_layer("a")])
    config = json.loads(cache.read(image.config))
    config["config"]["Labels"] = {"org.opencontainers.image.licenses": text}
    return replace(image, config=cache.put(json.dumps(config).encode()))


def package(document: Document, kind: str) -> Any:
    """Return the one package whose ID starts so."""
    (found,) = (each for each in document.packages if each.spdx_id.startswith(f"SPDXRef-{kind}"))
    return found


def test_images_and_layers(cache: Cache, tmp_path: Path) -> None:
    base, top = small_layer("base"), small_layer("top")
    one = put_image(cache, "quay.io:8443/acme/app:1", [base, top])
    other = put_image(cache, "localhost/other:2", [base], listed=False)
    document = parsed(bill_of(cache, one, other), tmp_path)
    found = {each.spdx_id: each for each in document.packages}
    assert {each.name for each in found.values()} == {
        "app", "quay.io:8443/acme/app", "localhost/other",
        *(layer.diff_id for layer in one.layers),
    }  # fmt: skip
    sums = {each.name: [one.value for one in each.checksums] for each in found.values()}
    assert sums["quay.io:8443/acme/app"] == [one.manifest.removeprefix("sha256:")]
    for layer in one.layers:
        assert sums[layer.diff_id] == [layer.diff_id.removeprefix("sha256:")]
        comment = found[f"SPDXRef-Layer-{layer.diff_id.removeprefix('sha256:')}"].comment
        assert f"{layer.digest} ({layer.size} bytes)" in (comment or "")
    related = {
        (found[each.spdx_element_id].name, found[str(each.related_spdx_element_id)].name)
        for each in document.relationships
        if each.relationship_type.name == "CONTAINS"
    }
    assert related == {
        ("app", "quay.io:8443/acme/app"),
        ("app", "localhost/other"),
        *(("quay.io:8443/acme/app", layer.diff_id) for layer in one.layers),
        ("localhost/other", other.layers[0].diff_id),
    }
    described = [
        each for each in document.relationships if each.relationship_type.name != "CONTAINS"
    ]
    assert [each.related_spdx_element_id for each in described] == ["SPDXRef-Package"]
    assert document.creation_info.created.isoformat() == "2023-11-14T22:13:20"


def test_package_urls(cache: Cache, tmp_path: Path) -> None:
    image = put_image(cache, "quay.io:8443/acme/app:v1.0_x", [small_layer("a")])
    document = parsed(bill_of(cache, image), tmp_path)
    (reference,) = package(document, "Image").external_references
    url = PackageURL.from_string(reference.locator)
    assert (url.type, url.namespace, url.name) == ("oci", None, "app")
    assert url.version == image.manifest
    assert url.qualifiers == {
        "arch": "amd64", "repository_url": "quay.io:8443/acme/app", "tag": "v1.0_x"
    }  # fmt: skip
    (reference,) = package(document, "Package").external_references
    url = PackageURL.from_string(reference.locator)
    assert (url.type, url.name, url.version) == ("rpm", "app", "1.0~rc1^2+x-3.el9")
    assert url.qualifiers == {"arch": "x86_64"}


def test_an_image_with_two_names_is_one_package(cache: Cache, tmp_path: Path) -> None:
    image = put_image(cache, "quay.io/acme/app:1", [small_layer("a")])
    again = replace(image, source="x", names=("quay.io/acme/app:latest",))
    document = parsed(bill_of(cache, image, again), tmp_path)
    found = package(document, "Image")
    assert [each.locator.rpartition("=")[2] for each in found.external_references] == [
        "1", "latest"
    ]  # fmt: skip
    assert len(document.packages) == 3


@pytest.mark.parametrize(
    ("label", "declared"),
    [
        ("Apache-2.0", "Apache-2.0"),
        (" MIT ", "MIT"),
        ("Apache-2.0 AND MIT OR BSD-3-Clause", "(Apache-2.0 AND MIT) OR BSD-3-Clause"),
        ("mit or GPL-2.0+", "MIT OR GPL-2.0-or-later"),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0 AND (MIT OR HPND)",
            "GPL-2.0-only WITH Classpath-exception-2.0 AND (MIT OR HPND)",
        ),
        ("LicenseRef-ours", "NOASSERTION"),
        ("Apache 2", "NOASSERTION"),
        ("GPLv2+ and MIT", "NOASSERTION"),
        ("MIT AND", "NOASSERTION"),
        ("(MIT", "NOASSERTION"),
        ("<script>\n\x1b[31m\u202e", "NOASSERTION"),
        ("x" * 100_000, "NOASSERTION"),
        ("", None),
        (None, None),
    ],
)
def test_licences(cache: Cache, tmp_path: Path, label: object, declared: str | None) -> None:
    bill = bill_of(cache, labelled(cache, label))
    assert len(bill) < 10_000
    found = package(parsed(bill, tmp_path), "Image")
    assert str(found.license_declared) == (declared or "NOASSERTION")
    if declared == "NOASSERTION":
        assert found.license_comment.startswith("The image's label says: ")
        assert found.license_comment.isprintable()
    else:
        assert found.license_comment is None


@pytest.mark.parametrize(
    "created",
    ["0001-01-01T00:00:00Z", "2024-05-06T07:08:09.123456789+05:30", "9999-12-31T23:59:59Z"],
)
def test_times(cache: Cache, tmp_path: Path, created: str) -> None:
    image = replace(put_image(cache, "quay.io/acme/app:1", [small_layer("a")]), created=created)
    found = package(parsed(bill_of(cache, image), tmp_path), "Image")
    assert found.built_date.isoformat()[:4] == created[:4]


def test_another_document_has_another_name(cache: Cache) -> None:
    one = put_image(cache, "quay.io/acme/app:1", [small_layer("a")])
    other = put_image(cache, "quay.io/acme/app:1", [small_layer("b")])
    bills = [
        bill_of(cache, one),
        bill_of(cache, other),
        bill_of(cache, one, subject=replace(SUBJECT, release="4")),
        bill_of(cache, one, subject=replace(SUBJECT, epoch=1)),
    ]
    assert len({json.loads(bill)["documentNamespace"] for bill in bills}) == len(bills)
    assert bill_of(cache, one) == bills[0]
    images = [one, replace(other, names=("quay.io/acme/b:1",), source="b")]
    assert bill_of(cache, *images) == bill_of(cache, *reversed(images))


STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u4
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
"""


def layer_of(**files: str) -> bytes:
    tar = LayerTar()
    for name, text in files.items():
        tar.add(name.replace("__", "/"), text.encode())
    return tar.close()


def test_packages_in_images(cache: Cache, tmp_path: Path) -> None:
    """Two images share a base; one of them replaces a package of it, and cannot be read wholly."""
    node = '{"name": "@acme/x", "version": "1", "license": "GPL v2", "author": "Me (x) <me@a.b>"}'
    base = layer_of(
        **{"etc/os-release": "ID=debian\nVERSION_ID=12\n", "var/lib/dpkg/status": STATUS},
        **{"srv/package.json": node},
    )
    top = layer_of(**{"var/lib/dpkg/status": STATUS.replace("u4", "u5"), "opt/a.jar": "PK" * 99})
    images = [
        put_image(cache, "quay.io/acme/base:1", [base]),
        put_image(cache, "quay.io/acme/app:1", [base, top]),
    ]
    bill = bill_of(cache, *images)
    assert bill == bill_of(cache, *reversed(images))
    document = parsed(bill, tmp_path)
    found = {each.spdx_id: each for each in document.packages}
    inside = {
        (each.name, each.version): each
        for each in document.packages
        if each.spdx_id.startswith(("SPDXRef-deb", "SPDXRef-npm"))
    }
    contained = sorted(
        (found[each.spdx_element_id].name.rpartition("/")[2], found[other].version)
        for each in document.relationships
        if (other := str(each.related_spdx_element_id)) in {one.spdx_id for one in inside.values()}
    )
    lower, upper = (layer.diff_id for layer in images[1].layers)
    old, new = "2.36-9+deb12u4", "2.36-9+deb12u5"
    of_images = [("base", old), ("base", "1"), ("app", new), ("app", "1")]
    assert contained == sorted([*of_images, (lower, old), (lower, "1"), (upper, new)])
    libc, mine = inside["libc6", old], inside["@acme/x", "1"]
    who = "GNU Libc Maintainers (debian-glibc@lists.debian.org)"
    assert str(libc.supplier) == f"Organization: {who}"
    assert libc.source_info == "/var/lib/dpkg/status"
    assert libc.external_references[0].locator == (
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12&upstream=glibc"
    )
    assert str(mine.supplier) == "Person: Me x (me@a.b)"
    assert mine.license_comment == "The package says: GPL v2"
    cyclonedx = bill_of(cache, *images, kind="cyclonedx")
    assert cyclonedx == bill_of(cache, *reversed(images), kind="cyclonedx")
    bom = Bom.from_json(json.loads(cyclonedx))  # type: ignore[attr-defined]
    refs = {str(each.bom_ref.value): each for each in bom.components}
    assert {str(each.purl) for each in bom.components if each.type.value == "library"} == {
        each.external_references[0].locator for each in inside.values()
    }
    has = {
        refs[str(each.ref.value)].name.rpartition("/")[2]: sorted(
            str(refs[str(one.ref.value)].version) for one in each.dependencies
        )
        for each in bom.dependencies
        if str(each.ref.value).startswith("image-")
    }
    assert has == {"base": sorted([old, "1"]), "app": sorted([new, "1"])}
    comments = {each.name: each.comment or "" for each in document.packages}
    assert "/opt/a.jar: cannot be read: File is not a zip file" in comments["quay.io/acme/app"]
    assert "not known" not in comments["quay.io/acme/base"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(texts=st.lists(st.text(min_size=1), min_size=4, max_size=4))
def test_any_package(cache: Cache, tmp_path: Path, texts: list[str]) -> None:
    fields = dict(zip(("name", "version", "license", "author"), texts, strict=True))
    image = put_image(cache, "a.io/a:1", [layer_of(**{"package.json": json.dumps(fields)})])
    parsed(bill_of(cache, image), tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    repository=st.from_regex(
        r"[a-z0-9]+([._-][a-z0-9]+){0,2}(/[a-z0-9]+(__[a-z0-9]+)?){1,3}", fullmatch=True
    ),
    tag=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    label=st.text(),
)
def test_any_name_and_label(
    cache: Cache, tmp_path: Path, repository: str, tag: str, label: str
) -> None:
    image = labelled(cache, label, f"quay.io/{repository}:{tag}")
    found = package(parsed(bill_of(cache, image), tmp_path), "Image")
    url = PackageURL.from_string(found.external_references[0].locator)
    assert url.qualifiers["repository_url"] == f"quay.io/{repository}"
    assert url.qualifiers["tag"] == tag
