"""What RPMs say of shared layers: read, compared with locks, and refused when it is not right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.lock.group import layers_of
from paack.helpers.lock.lock import Lock, LockedGroup
from paack.helpers.rpm.partial_store import KnownLayers, own_layers, read_layers
from tests.unit.images import put_image, small_layer
from tests.unit.test_group import MB, image
from tests.unit.test_layer_package import GROUP, IDS, ONE, made

LOCK = Lock({(ONE.source, ONE.arch): ONE}, (GROUP,))
(LISTED,) = (each for each in made().spec.sources if each.name.endswith("layers.json"))
GOOD = json.loads(LISTED.content or b"")
NAME = made().name


def changed(**more: object) -> object:
    first, *rest = GOOD["layers"]
    return {"layers": [{**first, **more}, *rest]}


BAD: dict[str, object] = {
    "no list": {},
    "a list": [],
    "null": None,
    "layers are a text": {"layers": "abc"},
    "layers are a number": {"layers": 5},
    "layers are texts": {"layers": ["abc"]},
    "no ID": {"layers": [{key: value for key, value in GOOD["layers"][0].items() if key != "id"}]},
    "the ID is a path": changed(id="../" * 20 + "etc"),
    "the ID is a number": changed(id=5),
    "parents are a text": changed(parents="abc"),
    "a parent is a path": changed(parents=["../../etc"]),
    "the digest is none": changed(digest="sha256:../../etc/passwd"),
    "the diffID is a list": changed(diff_id=[]),
    "the size is a text": changed(size="1"),
    "the size is negative": changed(size=-1),
    "the size is true": changed(size=True),
}


def test_what_a_package_says_is_read(tmp_path: Path) -> None:
    file = tmp_path / "layers.json"
    file.write_bytes(LISTED.content or b"")
    assert read_layers(file) == [layers_of([ONE])[each] for each in GROUP.layers]


@pytest.mark.parametrize("case", [*BAD, "not JSON", "deep", "binary"])
def test_what_is_not_right_is_refused(tmp_path: Path, case: str) -> None:
    file = tmp_path / "layers.json"
    texts = {"not JSON": b"{", "deep": b"[" * 100_000, "binary": b"\xff\0"}
    file.write_bytes(texts.get(case) or json.dumps(BAD.get(case)).encode())
    with pytest.raises(ValueError):
        read_layers(file)


def test_the_store_of_a_package_has_the_other_layers() -> None:
    assert [each.id for each in own_layers(replace(LOCK, groups=()))] == sorted(IDS)
    (left,) = own_layers(LOCK)
    assert left.id == IDS[2]
    whole = replace(GROUP, layers=IDS)
    assert own_layers(replace(LOCK, groups=(whole,))) == ()


def test_lists_are_compared_with_locks(tmp_path: Path) -> None:
    listed = tmp_path / "layers"
    listed.write_text(f"{NAME} /usr/lib/container-layers/x\n")
    known = KnownLayers()
    known.add(LOCK, listed)
    assert known.packages == {NAME: GROUP.layers}
    known.add(replace(LOCK, groups=()), tmp_path / "none")
    for damaged in ("", f"{NAME} /x\nother /y\n"):
        listed.write_text(damaged)
        with pytest.raises(ValueError, match="the lock 1"):
            known.add(LOCK, listed)
    listed.write_text(f"{NAME} /x\n")
    with pytest.raises(ValueError, match="other layers in another"):
        known.add(replace(LOCK, groups=(replace(GROUP, layers=IDS),)), listed)


def test_problems_of_a_package_of_layers(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    one = put_image(cache, "quay.io/a/app:1", [small_layer("base"), small_layer("top")])
    layers = list(layers_of([one]).values())
    group = LockedGroup("x86_64", "squashfs", tuple(each.id for each in layers))
    listed = tmp_path / "layers"
    listed.write_text("container-layers-a /x\n")
    known = KnownLayers()
    known.add(Lock({(one.source, one.arch): one}, (group,)), listed)

    def found(name: str = "container-layers-a", **more: object) -> list[str]:
        changed = [replace(layers[0], **more), layers[1]]  # type: ignore[arg-type]
        return [what for _, what in known.problems(name, changed, cache)]

    assert found() == []
    assert "under this name" in found("container-layers-b")[0]
    assert found(parents=("f" * 64,)) == ["is another layer in the image that it belongs to"]
    other = image("x", ("zzz", MB)).layers[0]
    assert found(locked=replace(layers[0].locked, diff_id=other.diff_id)) == [
        "is another layer in the image that it belongs to"
    ]
    (missing,) = found(locked=replace(layers[0].locked, digest=other.digest))
    assert missing == f"its blob {other.digest} is not in the cache"
    assert "is no layer of an image" in found(id="f" * 64)[1]
