"""Packages of layers, one upon the other: what is removed, replaced and hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.blobs.cache import Cache
from paack.helpers.packages.image_packages import ImagePackages
from paack.helpers.packages.layer_packages import LayerPackages, dump, load
from paack.helpers.packages.package import Package
from paack.helpers.packages.readers import Found
from paack.helpers.store.inventory import packages_of, recorded, unread
from tests.support.oddities import LayerTar
from tests.unit.images import put_image, squashfs_of

STATUS = "var/lib/dpkg/status"
OS = 'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n'


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def status(**versions: str) -> str:
    form = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n"
    return "\n".join(form.format(name, version) for name, version in versions.items())


def layer(files: dict[str, str], links: dict[str, str] | None = None) -> bytes:
    """Return a layer with text files (an empty name: a directory) and symbolic links."""
    tar = LayerTar()
    for name, text in files.items():
        if name.endswith("/"):
            tar.directory(name)
        else:
            tar.add(name, text.encode())
    for name, target in (links or {}).items():
        tar.symlink(name, target)
    return tar.close()


def packages(cache: Cache, *layers: bytes) -> ImagePackages:
    """Return what the image has, found by a build, by its record, and by reading the blobs."""
    image = put_image(cache, "quay.io/acme/app:1", layers)
    squashfs_of([image], cache, cache.root / "store")
    assert all(recorded(cache, each) for each in image.layers)
    (built,) = packages_of(cache, [image]).values()
    (read,) = packages_of(cache, [image], {}).values()
    assert built == read
    return built


def test_a_later_layer_removes_downgrades_and_replaces(cache: Cache) -> None:
    base = layer({"etc/os-release": OS, STATUS: status(a="1", b="2", c="3")})
    top = layer({STATUS: status(a="1", b="1.9", d="4")})
    found = packages(cache, base, top)
    assert [each.purl for each in found.packages] == [
        "pkg:deb/debian/a@1?arch=amd64&distro=debian-12",
        "pkg:deb/debian/b@1.9?arch=amd64&distro=debian-12",
        "pkg:deb/debian/d@4?arch=amd64&distro=debian-12",
    ]
    by_name = {each.package.name: each.layer for each in found.packages}
    assert by_name["b"] == by_name["d"] != by_name["a"]


JSON = '{"name": "x", "version": "1"}'


@pytest.mark.parametrize(
    ("top", "links", "left"),
    [
        ({}, {}, True),
        ({"srv/app/.wh.package.json": ""}, {}, False),
        ({"srv/.wh.app": ""}, {}, False),
        ({".wh.srv": ""}, {}, False),
        ({".wh.sr": ""}, {}, True),
        ({"srv/.wh..wh..opq": ""}, {}, False),
        ({"srv/app/x/.wh..wh..opq": ""}, {}, True),
        ({".wh..wh..opq": ""}, {}, False),
        ({"srv/app": "a file"}, {}, False),
        ({}, {"srv/app": "/opt"}, False),
        ({}, {"srv/app/package.json": "/dev/null"}, False),
        ({"srv/app/package.json/": ""}, {}, False),
        ({"srv/app/package.json": "{}"}, {}, False),
        ({"srv/app/other.json": "{}"}, {}, True),
    ],
)
def test_what_a_layer_hides(
    cache: Cache, top: dict[str, str], links: dict[str, str], left: bool
) -> None:
    base = layer({"srv/app/package.json": JSON})
    found = packages(cache, base, layer({"y": "", **top}, links))
    assert bool(found.packages) == left


def test_one_that_comes_back_is_the_later_layers(cache: Cache) -> None:
    base, gone = layer({STATUS: status(a="1")}), layer({"var/lib/dpkg/.wh.status": ""})
    image = put_image(cache, "quay.io/acme/app:1", [base, gone, base + bytes(512)])
    (found,) = packages_of(cache, [image]).values()
    assert [each.layer for each in found.packages] == [image.layers[2].diff_id]


def test_licences_of_debian(cache: Cache) -> None:
    text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    files = "Files: *\nLicense: GPL-2+ or Expat\n\nFiles: debian/*\nLicense: GPL-2\n"
    doc = "usr/share/doc"
    base = layer(
        {
            STATUS: status(a="1", b="1", c="1", loop="1"),
            f"{doc}/a/copyright": text + files,
            f"{doc}/c/copyright": "It was packaged by hand.\nLicense: MIT\n",
        },
        {f"{doc}/b": "a", f"{doc}/loop": "loop"},
    )
    found = packages(cache, base)
    expression = "(GPL-2.0-or-later OR MIT) AND GPL-2.0-only"
    assert [each.license for each in found.packages] == [expression, expression, "", ""]


def test_what_cannot_be_read_is_told(cache: Cache) -> None:
    base = layer({"opt/package.json": "{", "var/lib/rpm/Packages": "x" * 100, "a/b.jar": "PK"})
    found = packages(cache, base)
    assert found.packages == ()
    where = [each.partition(": ")[0] for each in found.problems]
    assert where == ["/a/b.jar", "/opt/package.json", "/var/lib/rpm/Packages"]
    mended = packages(cache, base, layer({".wh.opt": "", ".wh.var": "", ".wh.a": ""}))
    assert mended.problems == ()


def test_a_damaged_record_is_made_again(cache: Cache) -> None:
    image = put_image(cache, "quay.io/acme/app:1", [layer({STATUS: status(a="1")})])
    first = packages_of(cache, [image])
    (record,) = (cache.root / "packages").iterdir()
    blob = cache.path(image.layers[0].digest)
    for content in (record.read_bytes()[:-1] + b"x", b"", dump_of(b"[]"), dump_of(b'{"found": 1}')):
        record.write_bytes(content)
        assert unread(cache, image.layers) == ()
        assert packages_of(cache, [image]) == first
    kept = record.read_bytes()
    blob.unlink()
    assert unread(cache, image.layers) == ()
    assert packages_of(cache, [image]) == first
    record.write_bytes(kept[:-1])
    assert unread(cache, image.layers) == image.layers


def dump_of(text: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(text)


PATHS = st.binary(min_size=1, max_size=9).filter(lambda path: b"\0" not in path)
TEXTS = st.text(max_size=9)


@settings(max_examples=50)
@given(
    found=st.lists(
        st.builds(
            Found,
            PATHS,
            st.lists(st.builds(Package, *[TEXTS] * 9), max_size=2).map(tuple),
            st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
            TEXTS,
        ),
        max_size=3,
    ),
    sets=st.tuples(*[st.frozensets(st.one_of(PATHS, st.just(b"")), max_size=4)] * 3),
)
def test_records_are_read_as_written(
    found: list[Found], sets: tuple[frozenset[bytes], ...]
) -> None:
    written = LayerPackages(tuple(found), *sets)
    assert load(dump(written)) == written
