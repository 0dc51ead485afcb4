"""Groups of layers: properties of any images, and examples a person can check."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.check.layers import group_findings
from paack.helpers.definition.definition import Definition, load_definition
from paack.helpers.errors import LockError
from paack.helpers.lock.group import (
    LIMIT,
    SMALL,
    check_groups,
    group_layers,
    layers_of,
    with_groups,
)
from paack.helpers.lock.lock import Lock, LockedGroup, read_lock, write_lock
from paack.helpers.oci.chain import stored_layers
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.plan.plan import make_plan

MB = 1_000_000
Ids = tuple[str, ...]


def locked_layer(name: str, size: int, blob: str = "") -> LockedLayer:
    digest = hashlib.sha256(f"blob {blob}{name} {size}".encode()).hexdigest()
    diff_id = hashlib.sha256(name.encode()).hexdigest()
    return LockedLayer(f"sha256:{digest}", size, f"sha256:{diff_id}")


def image(name: str, *layers: tuple[str, int], blob: str = "") -> LockedImage:
    """Return an image of layers, each a name and the size of its blob."""
    digest = f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    return LockedImage(
        source=name, arch="x86_64", names=(name,), list=None, manifest=digest, config=digest,
        created="2024-05-06T07:08:09Z",
        layers=tuple(locked_layer(each, size, blob) for each, size in layers),
    )  # fmt: skip


def named(groups: Sequence[Ids], *images: LockedImage) -> list[str]:
    """Return groups by the names of their layers, which are the layers' first letters."""
    names = {
        stored.id: name
        for each in images
        for stored in stored_layers([each])
        for name in "abcdefghijklmnopqrstuvwxyz"
        if stored.locked.diff_id == locked_layer(name, 0).diff_id
    }
    return ["".join(names[each] for each in ids) for ids in groups]


sizes = st.sampled_from([0, 1, SMALL - 1, SMALL, MB, 3 * MB, 60 * MB, 400 * MB])
# Few names, so that images share layers
stacks = st.lists(st.tuples(st.sampled_from("abc"), sizes), min_size=0, max_size=5)
package = st.lists(stacks, max_size=6)


def images_of(stack: Sequence[Sequence[tuple[str, int]]]) -> list[LockedImage]:
    return [image(str(number), *layers) for number, layers in enumerate(stack)]


packages = st.lists(package.map(images_of), min_size=1, max_size=3)


def all_layers(wanted: Sequence[Sequence[LockedImage]]) -> set[str]:
    return {layer.id for images in wanted for layer in stored_layers(images)}


@given(packages)
def test_each_layer_is_in_one_group_or_small(wanted: list[list[LockedImage]]) -> None:
    groups = group_layers(wanted)
    grouped = [each for ids in groups for each in ids]
    assert len(grouped) == len(set(grouped))
    layers = layers_of(each for images in wanted for each in images)
    assert set(grouped) <= all_layers(wanted) == layers.keys()
    left = layers.keys() - set(grouped)
    assert all(layers[each].locked.size < SMALL for each in left)
    for ids in groups:
        assert sum(layers[each].locked.size for each in ids) >= SMALL


@given(packages, st.randoms())
def test_the_order_of_the_images_does_not_count(
    wanted: list[list[LockedImage]], random: Random
) -> None:
    groups = group_layers(wanted)
    shuffled = [list(images) for images in wanted]
    for images in shuffled:
        random.shuffle(images)
    random.shuffle(shuffled)
    assert group_layers(shuffled) == groups
    assert group_layers(wanted, groups) == groups


@given(packages, packages)
def test_groups_of_before_are_kept(
    before: list[list[LockedImage]], after: list[list[LockedImage]]
) -> None:
    old = group_layers(before)
    new = group_layers(after, old)
    there = all_layers(after)
    for ids in old:
        assert (ids in new) is (set(ids) <= there)
    grouped = [each for ids in new for each in ids]
    assert len(grouped) == len(set(grouped)) <= len(there)


@given(packages)
def test_parents_come_first(wanted: list[list[LockedImage]]) -> None:
    groups = group_layers(wanted)
    layers = layers_of(each for images in wanted for each in images)
    for ids in groups:
        depths = [len(layers[each].parents) for each in ids]
        assert depths == sorted(depths)
        for at, each in enumerate(ids):
            assert not set(layers[each].parents) & set(ids[at:])
    firsts = [len(layers[ids[0]].parents) for ids in groups]
    assert firsts == sorted(firsts)


@given(packages)
def test_there_are_about_a_dozen(wanted: list[list[LockedImage]]) -> None:
    """More only where groups have no packages in common."""
    sets = {
        frozenset(
            n for n, images in enumerate(wanted) if each in {i.id for i in stored_layers(images)}
        )
        for each in all_layers(wanted)
    }
    assert len(group_layers(wanted)) <= max(LIMIT, len(sets))


@pytest.mark.parametrize(
    ("stacks", "groups"),
    [
        # What several images share, then the rest of each
        ([["a60 b3"], ["a60 c3"]], ["a", "c", "b"]),
        # Layers of one size: each cut saves; below a megabyte none does
        ([["a60 b60 c60"]], ["a", "b", "c"]),
        ([["a.2 b.2 c.2"]], ["abc"]),
        # A large layer under a small one is spared
        ([["a400 b3"]], ["a", "b"]),
        # What is small stays with the images
        ([["a60 b.01"], ["a60 c.01"]], ["a"]),
        ([["a.01 b.01"]], []),
        # An image that is the lower part of another
        ([["a60 b.3 c.3"], ["a60 b.3"]], ["a", "b", "c"]),
        # A small layer on top of a large one: an update of it is nearly nothing
        ([["a60 b60 c.001"]], ["a", "b"]),
        # Two that together are not small are a store, unless there are a dozen
        ([["l1.2 m.05 n.05"]], ["l", "mn"]),
        (
            [[f"{' '.join(f'{each}60' for each in 'abcdefghijk')} l1.2 m.05 n.05"]],
            [*"abcdefghijkl"],
        ),
        # Packages share, too
        ([["a60 b3"], ["a60"]], ["a", "b"]),
    ],
)
def test_examples(stacks: list[list[str]], groups: list[str]) -> None:
    wanted = [[parsed(text) for text in package] for package in stacks]
    flat = [each for images in wanted for each in images]
    assert sorted(named(group_layers(wanted), *flat)) == sorted(groups)


def parsed(text: str) -> LockedImage:
    layers = [(word[0], int(float(word[1:]) * MB)) for word in text.split()]
    return image(text, *layers)


def test_an_update_downloads_what_changed() -> None:
    old, new = parsed("a60 b80 c20 d3"), parsed("a60 b80 c20 e3")
    before = group_layers([[old]])
    assert named(before, old) == ["a", "b", "c", "d"]
    after = group_layers([[new]], before)
    assert named(after, new) == ["a", "b", "c", "e"]
    assert after[:3] == before[:3]


def test_what_remains_of_a_group_is_cut_off() -> None:
    """It is downloaded once more, and then never again."""
    old, new, newer = (parsed(f"a.3 b.3 {top}.3") for top in "cde")
    before = group_layers([[old]])
    assert named(before, old) == ["abc"]
    after = group_layers([[new]], before)
    assert named(after, new) == ["ab", "d"]
    assert named(group_layers([[newer]], after), newer) == ["ab", "e"]


def test_groups_that_are_not_ours_are_no_matter() -> None:
    one = parsed("a60 b3")
    good = group_layers([[one]])
    stray = ["f" * 64, good[0][0]]
    assert group_layers([[one]], [tuple(stray), (), good[0], good[0]]) == good
    assert group_layers([], good) == []


def test_many_small_images_share_stores() -> None:
    images = [image(str(n), ("base", 60 * MB), (f"own {n}", (n + 1) * MB)) for n in range(30)]
    groups = group_layers([images])
    assert len(groups) == LIMIT
    sizes = sorted(len(ids) for ids in groups)
    assert sizes[0] == 1
    assert sum(sizes) == 31


def test_of_several_blobs_of_a_layer_one_counts() -> None:
    one, other = image("x", ("a", MB)), image("y", ("a", MB), blob="other ")
    least = min(one.layers[0].digest, other.layers[0].digest)
    for images in ([one, other], [other, one]):
        (layer,) = layers_of(images).values()
        assert layer.locked.digest == least
        (layer,) = layers_of(
            images, {layer.id: max(one.layers[0].digest, other.layers[0].digest)}
        ).values()
        assert layer.locked.digest != least
        (layer,) = layers_of(images, {layer.id: "sha256:gone"}).values()
        assert layer.locked.digest == least
    assert layers_of([replace(one, layers=())]) == {}


DEFINITION = """\
packages:
- {name: one, version: 1, layers: shared, arches: [x86_64], images: [quay.io/a/b:1]}
- {name: two, version: 1, layers: shared, arches: [x86_64], images: [quay.io/a/c:1]}
- {name: three, version: 1, arches: [x86_64], images: [quay.io/a/b:1]}
- {name: four, version: 1, layers: shared, filesystem: erofs, arches: [x86_64],
   images: [quay.io/a/b:1]}
"""


def test_a_lock_has_the_groups_of_shared_packages(tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_text(DEFINITION)
    definition = load_definition(file)
    b = image("quay.io/a/b:1", ("a", 60 * MB), ("b", 3 * MB))
    c = image("quay.io/a/c:1", ("a", 60 * MB), ("c", 3 * MB))
    images = {(each.source, each.arch): each for each in (b, c)}
    lock = with_groups(definition, Lock(images))
    found = [(each.arch, each.filesystem, *named([each.layers], b, c)) for each in lock.groups]
    assert found[:2] == [("x86_64", "erofs", "a"), ("x86_64", "erofs", "b")]
    assert sorted(found[2:]) == [("x86_64", "squashfs", name) for name in "abc"]
    check_groups(definition, lock)
    # Joined by hand: it stays, until somebody wants it otherwise
    joined = (LockedGroup("x86_64", "squashfs", found_ids(b)), *lock.groups[:2])
    kept = with_groups(definition, Lock(images), joined)
    assert joined[0] in kept.groups
    assert with_groups(definition, Lock(images)) == lock
    for damaged in (
        (),
        lock.groups[1:],
        (*lock.groups, lock.groups[0]),
        (*lock.groups, LockedGroup("x86_64", "squashfs", ("f" * 64,))),
        (*lock.groups, LockedGroup("aarch64", "squashfs", lock.groups[0].layers)),
    ):
        with pytest.raises(LockError, match="groups of layers") as caught:
            check_groups(definition, replace(lock, groups=damaged))
        assert f"paack lock --def {file}" in str(caught.value.hint)


def test_check_warns_where_new_groups_would_be_better(tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_text(DEFINITION)
    definition = load_definition(file)
    b = image("quay.io/a/b:1", ("a", 60 * MB), ("b", 3 * MB))
    c = image("quay.io/a/c:1", ("a", 60 * MB), ("c", 3 * MB))
    images = {(each.source, each.arch): each for each in (b, c)}
    good = with_groups(definition, Lock(images))
    assert list(group_findings(definition, good)) == []
    joined = LockedGroup("x86_64", "squashfs", found_ids(b))
    (found,) = group_findings(definition, with_groups(definition, Lock(images), [joined]))
    assert found.warning
    assert str(found).startswith(f"{file}:2: warning: quay.io/a/b:1 (x86_64): an update of its ")
    assert "(3.0 MB) downloads 63.0 MB; with new groups 3.0 MB" in str(found)
    assert f"paack lock --def {file} --regroup" in str(found)


def names_of_layers(definition: Definition, lock: Lock) -> list[str]:
    packages = [spec.package for spec in make_plan(definition, lock).specs]
    return [each.name for each in packages if each.layers == "group"]


def test_another_image_does_not_change_the_blobs_of_groups(tmp_path: Path) -> None:
    """It has the same layers, compressed otherwise; the packages of layers keep their names."""
    file = tmp_path / "app.yaml"
    file.write_text(DEFINITION)
    definition = load_definition(file)
    kept, packages = [], []
    for blob in ("", "1 ", "2 ", "3 "):  # whichever has the lesser digest
        b = image("quay.io/a/b:1", ("a", 60 * MB))
        c = image("quay.io/a/c:1", ("c", 60 * MB))
        first = with_groups(definition, Lock({(each.source, each.arch): each for each in (b, c)}))
        old = lock_written(first, tmp_path)
        assert [each.blobs for each in old.groups] == [each.blobs for each in first.groups]
        other = image("quay.io/a/c:1", ("a", 60 * MB), blob=blob)
        images = {(each.source, each.arch): each for each in (b, other)}
        new = with_groups(definition, Lock(images), old.groups)
        check_groups(definition, new)
        (group,) = (each for each in new.groups if each.filesystem == "squashfs")
        assert group.blobs == (b.layers[0].digest,)
        kept.append(other.layers[0].digest < b.layers[0].digest)
        packages += names_of_layers(definition, new)
        # Its blob goes: there is only the other
        gone = {(each.source, each.arch): each for each in (replace(b, layers=other.layers), other)}
        again = with_groups(definition, Lock(gone), new.groups)
        check_groups(definition, again)
        assert {each.blobs for each in again.groups} == {(other.layers[0].digest,)}
        if blob:
            with pytest.raises(LockError, match="groups of layers"):
                check_groups(definition, replace(new, images=gone))
    assert len(set(kept)) == 2
    assert len(set(packages)) == 2  # squashfs and erofs


def test_locks_of_before_do_not_name_blobs(tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_text(DEFINITION)
    definition = load_definition(file)
    b, c = image("quay.io/a/b:1", ("a", 60 * MB)), image("quay.io/a/c:1", ("c", 60 * MB))
    lock = with_groups(definition, Lock({(each.source, each.arch): each for each in (b, c)}))
    path = tmp_path / "app.lock.yaml"
    write_lock(lock, path)
    text = path.read_text()
    old = re.sub(r"  blobs:\n(  - sha256:.*\n)+", "", text)
    assert "blobs" not in old
    path.write_text(old)
    read = read_lock(path)
    assert read is not None
    assert read == lock
    check_groups(definition, read)
    assert names_of_layers(definition, read) == names_of_layers(definition, lock)
    assert with_groups(definition, read, read.groups) == lock
    for damaged in (
        text.replace("  blobs:\n  - sha256:", "  blobs:\n  - md5:"),
        text.replace("  blobs:\n", f"  blobs:\n  - sha256:{'0' * 64}\n"),
        re.sub(r"  blobs:\n(  - sha256:.*\n)+", "  blobs: sha256:abc\n", text),
        re.sub(r"  blobs:\n(  - sha256:.*\n)+", "  blobs: [1]\n", text),
    ):
        assert damaged != text
        path.write_text(damaged)
        with pytest.raises(LockError, match="not a usable lock"):
            read_lock(path)


def lock_written(lock: Lock, directory: Path) -> Lock:
    """Return a lock as it is after it was written and read."""
    write_lock(lock, directory / "app.lock.yaml")
    read = read_lock(directory / "app.lock.yaml")
    assert read is not None
    return read


def found_ids(one: LockedImage) -> Ids:
    return tuple(layers_of([one]))
