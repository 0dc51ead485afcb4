"""The store, compared with the OCI specification and with what facts/storage.md found."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.blobs.cache import Cache
from paack.helpers.errors import VerificationError
from paack.helpers.oci.chain import chain_ids, layer_id, stored_layers
from paack.helpers.oci.locked import LockedImage
from paack.helpers.store.store import _big_data_file, link_name
from tests.support import oddities
from tests.unit.archives import members_of
from tests.unit.images import contents_of, pack, put_image, small_layer, store_of

digests = st.binary(min_size=32, max_size=32).map(lambda raw: f"sha256:{raw.hex()}")


def chain_id(diff_ids: list[str]) -> str:
    """OCI image specification, config.md, "Layer ChainID": the definition, word for word."""
    if len(diff_ids) == 1:
        return diff_ids[0]
    *before, last = diff_ids
    digest = hashlib.sha256(f"{chain_id(before)} {last}".encode()).hexdigest()
    return f"sha256:{digest}"


@given(st.lists(digests, max_size=6))
def test_chain_ids_are_those_of_the_specification(diff_ids: list[str]) -> None:
    wanted = [chain_id(diff_ids[: depth + 1]) for depth in range(len(diff_ids))]
    assert chain_ids(diff_ids) == wanted


@given(digests, digests)
def test_layer_ids_are_salted(one: str, other: str) -> None:
    identifier = layer_id(one)
    assert re.fullmatch("[0-9a-f]{64}", identifier)
    assert identifier == hashlib.sha256(b"paack:" + one.encode()).hexdigest()
    assert identifier not in one
    assert (identifier == layer_id(other)) is (one == other)


@given(st.text("0123456789abcdef", min_size=64, max_size=64))
def test_links_are_names_as_the_driver_makes_them(identifier: str) -> None:
    name = link_name(identifier)
    assert re.fullmatch("[A-Z2-7]{26}", name)
    whole = base64.b32encode(hashlib.sha256(identifier.encode()).digest()).decode()
    assert whole.startswith(name)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("manifest", "manifest"),
        ("a.b9", "a.b9"),
        ("sha256:ab", "=c2hhMjU2OmFi"),
        ("manifest-sha256:ab", "=bWFuaWZlc3Qtc2hhMjU2OmFi"),
        ("Manifest", "=TWFuaWZlc3Q="),
        ("signature-ab", "=c2lnbmF0dXJlLWFi"),
        ("under_score", "=dW5kZXJfc2NvcmU="),
    ],
)
def test_big_data_files_are_named_as_containers_storage_does(key: str, name: str) -> None:
    assert _big_data_file(key) == name


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def images(cache: Cache) -> list[LockedImage]:
    """Four images: two share layers, two are the same under other names and compression."""
    base, middle, top = small_layer("base"), small_layer("middle"), oddities.upper()
    return [
        put_image(cache, "quay.io/a/app:1", [base, middle, top]),
        put_image(cache, "quay.io/a/base:1", [base], listed=False),
        put_image(cache, "quay.io/b/app:2", [base, middle, top], compress=bytes),
        put_image(cache, "docker.io/c/twice:3", [base, base, oddities.empty()]),
    ]


@pytest.fixture
def store(images: list[LockedImage], cache: Cache, tmp_path: Path) -> bytes:
    return store_of(images, cache, tmp_path)


def parsed(store: bytes, path: str) -> Any:
    return json.loads(contents_of(store)[path][1])


def test_no_path_comes_twice_and_no_directory_is_implied(store: bytes) -> None:
    there: set[str] = set()
    for member in members_of(store):
        assert member.name not in there
        assert str(PurePosixPath(member.name).parent) in there or member.name == "."
        there.add(member.name)
    assert len(there) > 50


def test_each_layer_is_there_once(images: list[LockedImage], store: bytes) -> None:
    ids = {
        layer_id(chain)
        for image in images
        for chain in chain_ids([layer.diff_id for layer in image.layers])
    }
    layers = parsed(store, "overlay-layers/layers.json")
    assert [layer["id"] for layer in layers] == sorted(ids)
    assert len(ids) == 5


def test_layers_are_chained_as_the_driver_reads_it(store: bytes) -> None:
    contents = contents_of(store)
    layers = {layer["id"]: layer for layer in parsed(store, "overlay-layers/layers.json")}
    links = {}
    for identifier in layers:
        link = contents[f"overlay/{identifier}/link"][1].decode()
        assert contents[f"overlay/l/{link}"][0].linkname == f"../{identifier}/diff"
        links[identifier] = link
    assert len(set(links.values())) == len(links)
    for identifier, layer in layers.items():
        home = f"overlay/{identifier}"
        parents = []
        parent = layer.get("parent")
        while parent:
            parents.append(parent)
            parent = layers[parent].get("parent")
        if parents:
            lower = ":".join(f"l/{links[each]}" for each in parents)
            assert contents[f"{home}/lower"][1].decode() == lower
            assert contents[f"{home}/lower-layers"][1].decode() == ":".join(parents)
        else:
            assert contents[f"{home}/empty"][0].isdir()
            assert f"{home}/lower" not in contents
        for directory in ("diff", "merged", "work"):
            assert contents[f"{home}/{directory}"][0].isdir()
        assert contents[f"{home}/diff"][0].mode == 0o555
        assert contents[f"overlay-layers/{identifier}.tar-split.gz"][1][:3] == b"\x1f\x8b\x08"


def test_layer_records(images: list[LockedImage], cache: Cache, store: bytes) -> None:
    layers = {layer["diff-digest"]: layer for layer in parsed(store, "overlay-layers/layers.json")}
    locked = {each.diff_id: each for image in images for each in image.layers}
    for diff_id, layer in layers.items():
        blob = cache.path(layer["compressed-diff-digest"]).read_bytes()
        assert layer["compressed-size"] == len(blob)
        packed = blob.startswith(b"\x1f\x8b")
        assert layer.get("compression", 0) == (2 if packed else 0)
        assert layer["diff-size"] % 512 == 0
        assert diff_id in locked
        assert layer["created"] == "1970-01-01T00:00:00Z"
    upper = layers[images[0].layers[2].diff_id]
    assert upper["uidset"] == [0, 2, 11, 77]
    assert upper["gidset"] == [0, 2, 12, 77]
    empty = layers[images[3].layers[2].diff_id]
    assert "uidset" not in empty


def test_images_that_share_a_config_are_one(images: list[LockedImage], store: bytes) -> None:
    records = {record["id"]: record for record in parsed(store, "overlay-images/images.json")}
    assert len(records) == 3
    first, other = images[0], images[2]
    merged = records[first.config.removeprefix("sha256:")]
    assert merged["names"] == sorted([*first.names, *other.names])
    keys = {
        f"manifest-{digest}" for image in (first, other) for digest in (image.list, image.manifest)
    }
    assert keys < set(merged["big-data-names"])
    names = [name for record in records.values() for name in record["names"]]
    assert len(set(names)) == len(names), "containers/storage refuses a name that comes twice"


def test_image_records(images: list[LockedImage], cache: Cache, store: bytes) -> None:
    contents = contents_of(store)
    layers = {layer["id"] for layer in parsed(store, "overlay-layers/layers.json")}
    by_id = {image.config.removeprefix("sha256:"): image for image in images[1:]}
    for record in parsed(store, "overlay-images/images.json"):
        assert record["layer"] in layers
        image = by_id.get(record["id"], images[0])
        assert record["created"] == image.created
        assert set(record["big-data-names"]) >= {"manifest", image.config}
        for name in record["big-data-names"]:
            content = contents[f"overlay-images/{record['id']}/{_big_data_file(name)}"][1]
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            assert record["big-data-sizes"][name] == len(content)
            assert record["big-data-digests"][name] == digest
            assert name == "manifest" or name.removeprefix("manifest-") == digest
    base = next(r for r in parsed(store, "overlay-images/images.json") if len(r["names"]) == 2)
    assert base["digest"] in {images[1].manifest, images[3].list}


def test_locks_change_when_the_metadata_do(
    images: list[LockedImage], store: bytes, cache: Cache, tmp_path: Path
) -> None:
    def locks(store: bytes) -> set[bytes]:
        contents = contents_of(store)
        return {contents[f"overlay-{what}/{what}.lock"][1] for what in ("images", "layers")}

    (lock,) = locks(store)
    assert re.fullmatch(b"[0-9a-f]{64}", lock)
    assert locks(store_of(images, cache, tmp_path)) == {lock}
    assert locks(store_of(images[:-1], cache, tmp_path)) != {lock}


def test_the_order_of_images_makes_no_difference(
    images: list[LockedImage], store: bytes, cache: Cache, tmp_path: Path
) -> None:
    for order in itertools.permutations(images):
        assert store_of(order, cache, tmp_path) == store


def test_the_store_is_roots_and_timeless_but_for_the_files_of_layers(store: bytes) -> None:
    for member in members_of(store):
        if "/diff/" not in member.name:
            assert (member.uid, member.gid, member.mtime) == (0, 0, 0)
            assert member.uname == member.gname == ""


def test_a_subset_of_the_layers_is_as_in_the_whole(images: list[LockedImage]) -> None:
    """So that layers may once be spread over several packages."""
    whole = {layer.id: layer for layer in stored_layers(images)}
    for image in images:
        for layer in stored_layers([image]):
            assert whole[layer.id].parents == layer.parents


def test_a_layer_may_come_twice_in_an_image(images: list[LockedImage]) -> None:
    layers = stored_layers(images[3:])
    assert len(layers) == 3
    assert len({layer.locked.diff_id for layer in layers}) == 2


def test_a_store_may_be_empty(cache: Cache, tmp_path: Path) -> None:
    store = store_of([], cache, tmp_path)
    assert parsed(store, "overlay-layers/layers.json") == []
    assert parsed(store, "overlay-images/images.json") == []
    image = put_image(cache, "quay.io/no/layers:1", [])
    (record,) = parsed(store_of([image], cache, tmp_path), "overlay-images/images.json")
    assert "layer" not in record


def test_metadata_that_is_damaged_in_the_cache_is_an_error(
    images: list[LockedImage], cache: Cache, tmp_path: Path
) -> None:
    for digest in (images[0].config, images[0].manifest, images[0].list or ""):
        path = cache.path(digest)
        good = path.read_bytes()
        path.write_bytes(good[:-1] + b" ")
        with pytest.raises(VerificationError, match=digest):
            store_of(images, cache, tmp_path)
        path.write_bytes(good)


def test_spools_vanish(images: list[LockedImage], cache: Cache, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert store_of(images, cache, scratch)
    assert list(scratch.iterdir()) == []
    assert pack(b"") != b""
