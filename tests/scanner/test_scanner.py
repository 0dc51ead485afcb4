"""What paack finds in images, beside what syft finds: `make test-scanner`, outside `make test`.

The images are made of Debian's own packages, of packages for rpm that are made here, and of what
wheels bring. A table of the figures is printed (and stands in docs/sbom.md).
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import pytest
from packageurl import PackageURL

from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from paack.helpers.oci.locked import LockedImage
from paack.helpers.packages.image_packages import ImagePackages
from paack.helpers.rpm.sbom_formats import MAKERS
from paack.helpers.rpm.spdx import Subject
from paack.helpers.store.inventory import packages_of
from tests.scanner.images import IMAGES, layers_of
from tests.support.commands import run
from tests.unit.images import put_image

SYFT = os.environ.get("PAACK_TEST_SYFT")
pytestmark = [
    pytest.mark.scanner,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not SYFT, reason="make test-scanner runs it"),
]
DISTRIBUTION = {"deb", "apk", "rpm"}
LANGUAGE = {"pypi", "npm", "golang", "maven"}


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A package as both are compared by."""

    kind: str
    name: str
    version: str
    qualifiers: tuple[tuple[str, str], ...] = ()


@dataclass
class Scanned:
    """What both found in an image."""

    ours: ImagePackages
    theirs: list[Name]
    bills: dict[str, bytes]
    work: Path


def name_of(purl: str) -> Name:
    """Return a URL's parts; Go's paths whole, wherever they are cut."""
    url = PackageURL.from_string(purl)
    parts = [url.namespace or "", url.name, url.subpath or ""]
    name = "/".join(filter(None, parts))
    if url.type == "pypi":
        name = re.sub(r"[-_.]+", "-", name).lower()
    distribution = url.type in DISTRIBUTION
    qualifiers = tuple(sorted(url.qualifiers.items())) if distribution else ()
    return Name(url.type, unquote(name), url.version or "", qualifiers)


def scan(source: str) -> list[Name]:
    """Return what syft finds, in order, each once."""
    said = run([str(SYFT), "scan", source, "-q", "-o", "json"], env=ENVIRONMENT).stdout
    urls = {each["purl"] for each in json.loads(said)["artifacts"] if each["purl"]}
    names = {name_of(each) for each in urls}
    # What has no version is looked up nowhere, and is not listed by us.
    return sorted(each for each in names if each.version)


ENVIRONMENT = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false", "SYFT_PARALLELISM": "2"}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scanned]]:
    found = {}
    for name in IMAGES:
        work = tmp_path_factory.mktemp(name)
        cache, layers = Cache(work / "cache"), layers_of(name)
        image: LockedImage = put_image(cache, f"a.example/{name}:1", layers, compress=bytes)
        (ours,) = packages_of(cache, [image]).values()
        write_image(work / "oci", "image", [ImageSpec("x86_64", layers, packing=Packing.NONE)])
        configs = {image.config: cache.read(image.config)}
        subject = Subject(name, "1", "1", "x86_64", 0)
        bills = {
            kind: make(subject, [image], configs, {image.manifest: ours})
            for kind, make in MAKERS.items()
        }
        found[name] = Scanned(ours, scan(f"oci-dir:{work / 'oci'}"), bills, work)
    yield found


def test_recall(scanned: dict[str, Scanned], capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[tuple[object, ...]] = []
    lacking = []
    for image, each in scanned.items():
        ours = {name_of(one.purl) for one in each.ours.packages}
        for label, kinds in (("distribution", DISTRIBUTION), ("language", LANGUAGE)):
            theirs = {one for one in each.theirs if one.kind in kinds}
            mine = {one for one in ours if one.kind in kinds}
            both = theirs & mine
            if theirs or mine:
                share = len(both) / len(theirs) if theirs else 1
                rows.append((image, label, len(theirs), len(mine), len(both), f"{share:.1%}"))
                least = 0.99 if label == "distribution" else 0.95
                if share < least:
                    lacking.append((image, label, share))
            for one in sorted(theirs - mine):
                rows.append((image, "only syft", one.kind, one.name, one.version, one.qualifiers))
            for one in sorted(mine - theirs):
                rows.append((image, "only paack", one.kind, one.name, one.version, one.qualifiers))
        others = Counter(one.kind for one in each.theirs if one.kind not in DISTRIBUTION | LANGUAGE)
        rows.append((image, "others", dict(others), each.ours.problems))
    with capsys.disabled():
        print()
        for row in rows:
            print(*row, sep=" | ")
    assert not lacking


@pytest.mark.parametrize("kind", ["spdx", "cyclonedx"])
def test_the_scanner_reads_our_bills(scanned: dict[str, Scanned], kind: str) -> None:
    """What is in a bill is what syft, and what builds on it, sees in it."""
    for image, each in scanned.items():
        file = each.work / f"bill.{kind}.json"
        file.write_bytes(each.bills[kind])
        said = run([str(SYFT), "convert", str(file), "-q", "-o", "json"], env=ENVIRONMENT).stdout
        read = {one["purl"] for one in json.loads(said)["artifacts"]}
        # Of SPDX it takes Go's paths in lower case.
        wanted = {_lower(name_of(one.purl)) for one in each.ours.packages}
        assert wanted <= {_lower(name_of(one)) for one in read if one}, image


def _lower(name: Name) -> Name:
    return replace(name, name=name.name.lower())


def test_a_later_layer(scanned: dict[str, Scanned]) -> None:
    names = {each.package.name: each for each in scanned["updated"].ours.packages}
    assert "curl" not in names
    assert (names["python3-certifi"].package.version, names["hostname"].package.version) == (
        "2020.1", "99",
    )  # fmt: skip
    layers = {names[each].layer for each in ("python3-certifi", "hostname", "acme-tool")}
    assert len(layers) == 1
    assert layers != {names["bash"].layer}
