"""Locks: written, read, compared; and damaged in every way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from paack.helpers.check.lock import lock_problems
from paack.helpers.definition.definition import load_definition
from paack.helpers.errors import LockError
from paack.helpers.lock.changes import changes
from paack.helpers.lock.lock import (
    Lock,
    LockedGroup,
    dump,
    lock_path,
    make_lock,
    newest,
    read_lock,
    wanted,
    write_lock,
)
from paack.helpers.lock.locked_pack import LockedPack
from paack.helpers.lock.mismatch import check_lock
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.oci.reference import Source

digests = st.binary(min_size=32, max_size=32).map(lambda raw: f"sha256:{raw.hex()}")
layers = st.builds(LockedLayer, digests, st.integers(0, 1 << 62), digests)
names = st.from_regex(r"[a-z]{1,9}\.io/[a-z]{1,9}:[A-Za-z0-9_][A-Za-z0-9._-]{0,9}", fullmatch=True)
times = st.datetimes(min_value=datetime(1900, 1, 1)).map(lambda when: when.isoformat() + "Z")
sources = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
locked = st.builds(
    LockedImage,
    source=sources,
    arch=st.sampled_from(["x86_64", "aarch64"]),
    names=st.lists(names, min_size=1, max_size=3).map(tuple),
    list=st.none() | digests,
    manifest=digests,
    config=digests,
    created=times,
    layers=st.lists(layers, max_size=3).map(tuple),
    filesystem=st.sampled_from([None, "squashfs", "erofs"]),
)
groups = st.builds(
    LockedGroup,
    arch=st.sampled_from(["x86_64", "aarch64"]),
    filesystem=st.sampled_from(["squashfs", "erofs"]),
    layers=st.lists(digests.map(lambda digest: digest[7:]), min_size=1, max_size=3).map(tuple),
)
packs = st.builds(
    LockedPack,
    arch=st.sampled_from(["x86_64", "aarch64"]),
    digest=digests,
    size=st.integers(0, 1 << 40),
    packages=st.lists(st.from_regex(r"[a-z-]{1,9}", fullmatch=True), min_size=1).map(tuple),
    blobs=st.lists(digests, max_size=2).map(tuple),
    bits=st.binary(max_size=9),
)
locks = st.builds(
    lambda images, groups, packs, packed: Lock(
        {(each.source, each.arch): each for each in images}, tuple(groups), tuple(packs), packed
    ),
    st.lists(locked, max_size=4),
    st.lists(groups, max_size=3),
    st.lists(packs, max_size=3, unique_by=lambda pack: pack.digest),
    st.just("") | digests,
)


@settings(max_examples=40)
@given(locks)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, lock: Lock) -> None:
    path = tmp_path_factory.getbasetemp() / "any.lock.yaml"
    write_lock(lock, path)
    assert read_lock(path) == lock
    assert path.read_text("utf-8") == dump(lock)
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".any")] == []


@settings(max_examples=40)
@given(locks)
def test_other_programs_read_it(lock: Lock) -> None:
    document = yaml.safe_load(dump(lock))
    assert document["paack"] == 1
    assert [image["source"] for image in document["images"]] == [key[0] for key in lock.images]
    assert "!!" not in dump(lock)
    assert "&" not in dump(lock) or any("&" in key[0] for key in lock.images)


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


IMAGE = LockedImage(
    source="quay.io/a/b:1",
    arch="x86_64",
    names=("quay.io/a/b:1", f"quay.io/a/b@{digest('d')}"),
    list=digest("d"),
    manifest=digest("a"),
    config=digest("c"),
    created="2024-05-06T07:08:09.5Z",
    layers=(LockedLayer(digest("1"), 100, digest("e")), LockedLayer(digest("2"), 50, digest("f"))),
)


def lock_of(*images: LockedImage) -> Lock:
    return Lock({(image.source, image.arch): image for image in images})


def test_reads_no_lock_where_there_is_none(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "app.lock.yaml") is None


@pytest.mark.parametrize(
    ("definition", "lock"),
    [("app.yaml", "app.lock.yaml"), ("a/b.c.yml", "a/b.c.lock.yaml"), ("app", "app.lock.yaml")],
)
def test_a_lock_is_beside_its_definition(definition: str, lock: str) -> None:
    assert lock_path(Path(definition)) == Path(lock)


GOOD = dump(lock_of(IMAGE))
GROUP = LockedGroup("x86_64", "squashfs", ("a" * 64, "b" * 64))
GROUPED = dump(replace(lock_of(IMAGE), groups=(GROUP,)))
PACK = LockedPack("x86_64", digest("8"), 4096, ("app",), (digest("9"),), b"\x05")
PACKED = dump(replace(lock_of(IMAGE), packs=(PACK,), packed=digest("7")))
PACK_ITEM = PACKED[PACKED.index("- arch: x86_64\n  digest: " + digest("8")) :]
DAMAGED = {
    "empty": "",
    "packed is no digest": PACKED.replace(digest("7"), "yes"),
    "packed is null": PACKED.replace(f"packed: {digest('7')}", "packed:"),
    "packs are a number": GOOD + "packs: 5\n",
    "packs are a text": GOOD + "packs: abc\n",
    "packs are null": GOOD + "packs:\n",
    "pack is null": GOOD + "packs: [null]\n",
    "pack is a text": GOOD + "packs: [abc]\n",
    "pack is a list": GOOD + "packs: [[]]\n",
    "pack without an arch": PACKED.replace("- arch: x86_64\n  digest", "- digest"),
    "pack without a digest": PACKED.replace(f"  digest: {digest('8')}\n", ""),
    "arch of a pack is a path": PACKED.replace("arch: x86_64\n  digest", "arch: ../x\n  digest"),
    "arch of a pack is a list": PACKED.replace("arch: x86_64\n  digest", "arch: []\n  digest"),
    "pack is a path": PACKED.replace(digest("8"), "sha256:../../etc/passwd"),
    "pack without a size": PACKED.replace("  size: 4096\n", ""),
    "size of a pack is negative": PACKED.replace("4096", "-4096"),
    "pack of no package": PACKED.replace("packages:\n  - app", "packages: []"),
    "packages of a pack are a text": PACKED.replace("packages:\n  - app", "packages: app"),
    "package of a pack is a number": PACKED.replace("- app", "- 5"),
    "pack from a text": PACKED.replace(f"from:\n  - {digest('9')}", "from: abc"),
    "pack from null": PACKED.replace(f"from:\n  - {digest('9')}", "from:"),
    "pack from no digest": PACKED.replace(digest("9"), digest("9")[:-1]),
    "bits are no base64": PACKED.replace("bits: BQ==", "bits: BQ="),
    "bits are no letters": PACKED.replace("bits: BQ==", "bits: 'ä'"),
    "bits are a number": PACKED.replace("bits: BQ==", "bits: 5"),
    "bits are null": PACKED.replace("bits: BQ==", "bits:"),
    "a pack twice": PACKED + PACK_ITEM,
    "text": "just a text",
    "list": "[]",
    "not YAML": "paack: [",
    "two documents": "a: 1\n---\nb: 2\n",
    "other format": GOOD.replace("paack: 1", "paack: 2"),
    "no format": GOOD.replace("paack: 1\n", ""),
    "no images": "paack: 1\n",
    "images are null": "paack: 1\nimages:\n",
    "images are a number": "paack: 1\nimages: 5\n",
    "images are a text": "paack: 1\nimages: abc\n",
    "images are a mapping": "paack: 1\nimages: {a: b}\n",
    "image is null": "paack: 1\nimages: [null]\n",
    "no source": GOOD.replace("source:", "sauce:"),
    "no arch": GOOD.replace("arch:", "arc:"),
    "no layers": GOOD.replace("layers:", "lawyers:"),
    "layers are a text": GOOD[: GOOD.index("  layers:")] + "  layers: abc\n",
    "layers are null": GOOD[: GOOD.index("  layers:")] + "  layers:\n",
    "no manifest": GOOD.replace("manifest:", "money:"),
    "short digest": GOOD.replace(digest("a"), digest("a")[:-1]),
    "digest of another kind": GOOD.replace(digest("c"), digest("c").replace("256", "512")),
    "digest is a path": GOOD.replace(digest("1"), "sha256:../../../../etc/passwd"),
    "digest is a number": GOOD.replace(digest("1"), "5"),
    "list is null": GOOD.replace(f"list: {digest('d')}", "list:"),
    "size is a text": GOOD.replace("size: 100", "size: many"),
    "size is negative": GOOD.replace("size: 100", "size: -1"),
    "size is infinite": GOOD.replace("size: 100", "size: .inf"),
    "size is true": GOOD.replace("size: 100", "size: true"),
    "no size": GOOD.replace("size: 100", "sighs: 100"),
    "created is no time": GOOD.replace("2024-05-06T07", "2024-05-06 at 07"),
    "created is out of range": GOOD.replace("2024-05-06T07:08:09.5Z", "2024-05-06T25:08:09Z"),
    "created is a number": GOOD.replace("'2024-05-06T07:08:09.5Z'", "2024"),
    "no names": GOOD.replace("names:", "games:"),
    "names are empty": GOOD.replace("names:\n  - quay.io/a/b:1\n", "names: []\n  xs:\n"),
    "names are a text": GOOD.replace("names:\n  - quay.io/a/b:1\n", "names: abc\n  xs:\n"),
    "a name is none": GOOD.replace("- quay.io/a/b:1", "- no name"),
    "a name is a macro": GOOD.replace("- quay.io/a/b:1", "- 'quay.io/a/b:%(touch x)'"),
    "a second name is a macro": GOOD.replace("- quay.io/a/b@", "- '%{lua:x}'\n  - quay.io/a/b@"),
    "a name of two lines": GOOD.replace("- quay.io/a/b:1", '- "quay.io/a/b:1\\nx"'),
    "groups are a text": GOOD + "groups: abc\n",
    "groups are null": GOOD + "groups:\n",
    "a group of nothing": GROUPED[: GROUPED.index("  layers:\n  - aaa")] + "  layers: []\n",
    "a group's layers are a text": GROUPED.replace("layers:\n  - aaa", "layers: aaa\n  x:\n  - "),
    "a group without arch": GROUPED.replace("- arch: x86_64\n  file", "- file"),
    "a group of another filesystem": GROUPED.replace("squashfs", "ext4"),
    "a group's layer is a digest": GROUPED.replace("a" * 64 + "\n  - b", "sha256:a\n  - b"),
    "a group's layer is a path": GROUPED.replace("b" * 64, "../" * 20 + "etc"),
    "deep": "paack: 1\nimages: " + "[" * 5000 + "]" * 5000,
    "binary": "\0\1\2",
    "unknown tag": "paack: !!python/object/apply:os.system ['true']\n",
    "recursive": "paack: 1\nimages: &a [*a]\n",
    "key is a list": "? [a]\n: b\n",
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_lock_is_an_error_with_a_hint(tmp_path: Path, case: str) -> None:
    assert DAMAGED[case] != GOOD
    path = tmp_path / "app.lock.yaml"
    path.write_text(DAMAGED[case])
    with pytest.raises(LockError) as caught:
        read_lock(path)
    assert caught.value.exit_code == 4
    assert str(caught.value).startswith(f"{path}: is not a usable lock: ")
    assert f"paack lock --def {tmp_path}/app.yaml" in str(caught.value.hint)


def test_a_lock_that_is_not_utf_8_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.lock.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "b.lock.yaml").mkdir()
    for name in ("a", "b"):
        with pytest.raises(LockError):
            read_lock(tmp_path / f"{name}.lock.yaml")


def test_a_lock_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "app.lock.yaml"
    target.mkdir()
    with pytest.raises(LockError, match="cannot be written"):
        write_lock(lock_of(IMAGE), target)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    "key", ["source", "arch", "names", "manifest", "created", "layers", "list", "all"]
)
def test_a_billion_laughs_end(tmp_path: Path, key: str) -> None:
    """YAML shares what an alias names; whoever prints it would never end."""
    laughs = "laughs: &a0 [ha]\n"
    for number in range(1, 60):
        laughs += f"l{number}: &a{number} [*a{number - 1}, *a{number - 1}, *a{number - 1}]\n"
    document = yaml.safe_load(GOOD)
    document["images"][0][key] = "LAUGHS"
    text = laughs + yaml.safe_dump(document)
    if key == "all":
        text = laughs + "paack: 1\nimages: LAUGHS\n"
    path = tmp_path / "app.lock.yaml"
    path.write_text(text.replace("LAUGHS", "*a59"))
    with pytest.raises(LockError):
        read_lock(path)


DEFINITION = """\
packages:
- name: one
  version: 1
  arches: [x86_64, aarch64]
  images: [quay.io/a/b:1, quay.io/a/c:1]
- name: two
  version: 1
  arch:
  - name: aarch64
    images: [quay.io/a/b:1, quay.io/a/d:1]
"""


def resolver(asked: list[tuple[str, str]]) -> object:
    def resolve(images: Iterable[tuple[Source, str]]) -> list[LockedImage]:
        found = []
        for source, arch in images:
            asked.append((source.text, arch))
            names = (str(source.reference),)
            image = replace(IMAGE, source=source.text, arch=arch, names=names, manifest=digest("b"))
            found.append(image)
        return found

    return resolve


def test_a_lock_keeps_what_it_has_and_drops_what_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(DEFINITION)
    definition = load_definition(tmp_path / "app.yaml")
    old = lock_of(
        IMAGE,
        replace(IMAGE, source="quay.io/a/gone:1"),
        replace(IMAGE, source="quay.io/a/d:1"),  # for another arch than the definition asks for
    )
    asked: list[tuple[str, str]] = []
    new = make_lock(definition, old, resolver(asked))  # type: ignore[arg-type]
    assert list(new.images) == sorted(wanted(definition)) == sorted(new.images)
    assert new.images["quay.io/a/b:1", "x86_64"] == IMAGE
    assert asked == [
        ("quay.io/a/b:1", "aarch64"),
        ("quay.io/a/c:1", "aarch64"),
        ("quay.io/a/c:1", "x86_64"),
        ("quay.io/a/d:1", "aarch64"),
    ]
    check_lock(definition, new)
    assert make_lock(definition, new, resolver(asked)) == new  # type: ignore[arg-type]
    assert len(asked) == 4
    image = next(image for arch, image in definition.images() if arch == "x86_64")
    assert new.of(image.source, "x86_64") == IMAGE


def test_a_lock_that_does_not_fit_says_all_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text(DEFINITION)
    definition = load_definition(tmp_path / "app.yaml")
    with pytest.raises(LockError) as caught:
        check_lock(definition, lock_of(IMAGE, replace(IMAGE, source="quay.io/a/gone:1")))
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'app.lock.yaml'}: the lock does not fit the definition:\n")
    assert said.count(" is not locked for ") == 4
    assert "  quay.io/a/gone:1 (x86_64) is locked, but no longer asked for" in said
    assert f"paack lock --def {tmp_path / 'app.yaml'}" in said


def test_a_lock_follows_the_names_of_the_definition(tmp_path: Path) -> None:
    """What is called otherwise since is told by check, and named anew without being asked for."""
    file = tmp_path / "app.yaml"
    text = DEFINITION.replace("quay.io/a/b:1", "{source: 'oci:b:x', name: NAME}")
    file.write_text(text.replace("NAME", "localhost/b:1"))
    asked: list[tuple[str, str]] = []
    old = lock_of(
        replace(IMAGE, source="oci:b:x", names=("localhost/b:1", f"localhost/b@{digest('d')}"))
    )
    old = make_lock(load_definition(file), old, resolver(asked))  # type: ignore[arg-type]
    asked.clear()
    write_lock(old, lock_path(file))
    file.write_text(text.replace("NAME", "localhost/new:2"))
    definition = load_definition(file)
    told = [error.message for error in lock_problems(definition, old)]
    assert "oci:b:x (x86_64) is locked as localhost/b:1, not as localhost/new:2" in told
    with pytest.raises(LockError, match=r"oci:b:x \(x86_64\) is locked as local"):
        check_lock(definition, old)
    new = make_lock(definition, old, resolver(asked))  # type: ignore[arg-type]
    locked = new.images["oci:b:x", "x86_64"]
    assert asked == []
    assert locked.names == ("localhost/new:2", f"localhost/new@{IMAGE.list or IMAGE.manifest}")
    assert locked == replace(old.images["oci:b:x", "x86_64"], names=locked.names)
    check_lock(definition, new)


def test_changes_are_told_for_people() -> None:
    moved = replace(
        IMAGE,
        manifest=digest("b"),
        created="2024-06-01T00:00:00Z",
        layers=(IMAGE.layers[0], LockedLayer(digest("3"), 70, digest("0"))),
    )
    other = replace(IMAGE, source="quay.io/a/c:1", arch="aarch64")
    assert changes(lock_of(IMAGE), lock_of(IMAGE)) == []
    assert changes(lock_of(IMAGE), lock_of(moved, other)) == [
        "~ quay.io/a/b:1 (x86_64): aaaaaaaaaaaa of 2024-05-06 -> bbbbbbbbbbbb of 2024-06-01, "
        "1 of 2 layers new (70 bytes)",
        "+ quay.io/a/c:1 (aarch64): aaaaaaaaaaaa, 2 layers",
    ]
    grouped = replace(lock_of(IMAGE), groups=(GROUP,))
    other_group = replace(GROUP, layers=("c" * 64,))
    assert changes(grouped, replace(grouped, groups=(GROUP, other_group))) == [
        "~ packages of layers (x86_64): 1 kept, 1 new, 0 gone"
    ]
    assert changes(lock_of(IMAGE), lock_of()) == ["- quay.io/a/b:1 (x86_64)"]


def test_the_newest_time_counts() -> None:
    early = replace(IMAGE, created="2024-05-06T07:08:09+05:00")
    expected = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp()
    assert newest([early, IMAGE]) == expected
    assert newest([]) == 0
    assert newest([replace(IMAGE, created="0001-01-01T00:00:00Z")]) < 0


def test_the_size_of_an_image_is_that_of_its_blobs() -> None:
    assert IMAGE.size == 150
