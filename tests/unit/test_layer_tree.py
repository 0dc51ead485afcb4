"""The tree of a layer, compared with what GNU tar, bsdtar and Python's tarfile extract."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from stat import S_ISGID

import pytest
from hypothesis import assume, example, given, settings

from paack.helpers.store import tar
from paack.helpers.store.layer_tree import Refusal, Tree
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.support.rights import need_root
from tests.support.tree import ROOT, Record, diff_trees, read_tree
from tests.unit.archives import (
    BSDTAR,
    GNU_TAR,
    Archive,
    archives,
    bsdtar_keeps,
    chunk_sizes,
    extracted,
    records_of,
    tree_of,
    whole_times,
)

Layer = Callable[[LayerTar], None]


def made(*steps: Layer) -> bytes:
    """The archive of a layer that ``steps`` write."""
    layer = LayerTar()
    for step in steps:
        step(layer)
    return layer.close()


def below_setgid() -> Archive:
    """An archive that implies a directory below one with the setgid bit."""
    layer = LayerTar()
    layer.add("x", b"")
    layer.directory("d", mode=0o2755)
    layer.hard_link("d/y/x", "x")
    return Archive(layer.close(), frozenset({b"d/y"}))


def plain(tree: dict[bytes, Record], archive: Archive) -> dict[bytes, Record]:
    """Return a tree without what directories that have no entry inherit from those above them.

    The kernel gives them the setgid bit, unless the tool sets that of the one above only later.
    """
    inherits = archive.timeless & tree.keys()
    return tree | {path: replace(tree[path], mode=tree[path].mode & ~S_ISGID) for path in inherits}


@settings(max_examples=100)
@given(archives(), chunk_sizes)
@example(archive=below_setgid(), sizes=[1])
def test_equals_what_gnu_tar_extracts(archive: Archive, sizes: list[int]) -> None:
    tree = records_of(tree_of(archive.content, sizes), archive.content)
    found = extracted(GNU_TAR, archive.content)
    found, tree = plain(found, archive), plain(tree, archive)
    assert diff_trees(found, tree, timeless=archive.timeless) == []


@settings(max_examples=100)
@given(archives(formats=[tarfile.PAX_FORMAT], times=whole_times))
def test_equals_what_bsdtar_extracts(archive: Archive) -> None:
    tree = records_of(tree_of(archive.content), archive.content)
    assume(all(map(bsdtar_keeps, tree)))
    found = extracted(BSDTAR, archive.content)
    found, tree = plain(found, archive), plain(tree, archive)
    assert diff_trees(found, tree, timeless=archive.timeless) == []


#: What podman does and GNU tar does not: a hard link changes the attributes of its file.
CHANGED_BY_LINK = (b"odd/links/changed-by-link", b"odd/links/changer")
#: Nor has podman times before 1970 or after 2262.
NO_TIME = (b"odd/times/-86400.5", b"odd/times/20000000000")
#: Sparse files whose data do not fill blocks: GNU tar never writes such, and cannot read them.
HAND_MADE = (b"odd/sparse_1_0", b"odd/sparse_0_1", b"odd/sparse_0_0")


def test_the_odd_files_are_what_gnu_tar_extracts() -> None:
    archive = oddities.files()
    tree, found = records_of(tree_of(archive), archive), extracted(GNU_TAR, archive)
    for path in CHANGED_BY_LINK:
        found[path] = replace(found[path], mode=0o755, uid=8, gid=9)
    for path in NO_TIME:
        found[path] = replace(found[path], mtime=0)
    for path in HAND_MADE:
        assert tree.pop(path).size == oddities.SPARSE_SIZE
    found = {
        path: record
        for path, record in found.items()
        if path not in HAND_MADE and not path.startswith(b"GNUSparseFile")
    }
    implied = {b"odd/" + b"p" * 90}
    assert diff_trees(found, tree, timeless=implied) == []
    assert len(found) > 90


@pytest.mark.parametrize("command", [GNU_TAR, BSDTAR], ids=["gnu", "bsdtar"])
@pytest.mark.parametrize("name", ["duplicates", "lower", "empty"])
def test_odd_layers_are_what_tools_extract(name: str, command: tuple[str, ...]) -> None:
    archive = oddities.ALL[name]()
    tree = records_of(tree_of(archive), archive)
    assert diff_trees(extracted(command, archive), tree) == []


def in_chroot(archive: bytes) -> dict[bytes, Record]:
    """Extract with Python's tarfile, with the target as the root of the filesystem."""
    need_root("a directory becomes the root")
    with tempfile.TemporaryDirectory(prefix="paack-unit-") as target:
        child = os.fork()
        if child == 0:
            try:
                os.chroot(target)
                os.chdir("/")
                with tarfile.open(fileobj=io.BytesIO(archive), errors="surrogateescape") as opened:
                    opened.extractall(numeric_owner=True)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        tree = read_tree(Path(target))
        del tree[ROOT]
        return tree


def directory(name: str, mode: int = 0o755) -> Layer:
    return lambda layer: layer.directory(name, mode=mode)


def file(name: str, content: bytes = b"x", **more: int) -> Layer:
    return lambda layer: layer.add(name, content, **more)  # type: ignore[arg-type]


def symlink(name: str, target: str) -> Layer:
    return lambda layer: layer.symlink(name, target)


def link(name: str, target: str) -> Layer:
    return lambda layer: layer.hard_link(name, target)


SYMLINKED = {
    "relative": [directory("real"), symlink("l", "real"), file("l/f")],
    "absolute": [directory("real"), symlink("l", "/real"), file("l/f")],
    "absolute with dots": [directory("real"), symlink("l", "/../../real/../real/."), file("l/f")],
    "up": [directory("a"), directory("real"), symlink("a/l", "../real"), file("a/l/f")],
    "further up than the root": [directory("r"), symlink("l", "../../../r"), file("l/f")],
    "chain": [
        directory("real"),
        symlink("1", "real"),
        symlink("2", "/1"),
        symlink("3", "./2/"),
        file("3/f"),
    ],
    "in the middle": [
        directory("real"),
        directory("real/d"),
        symlink("l", "real"),
        file("l/d/f"),
    ],
    "a directory made behind it": [directory("real"), symlink("l", "real"), directory("l/d")],
    "a link to a file behind it": [
        directory("real"),
        symlink("l", "real"),
        file("l/f"),
        link("other", "l/f"),
    ],
    "replaced by a directory": [directory("r"), symlink("l", "r"), file("l/f"), file("r/g")],
    "re-pointed": [
        directory("a"),
        directory("b"),
        symlink("l", "a"),
        file("l/f", b"1"),
        symlink("l", "b"),
        file("l/f", b"2"),
    ],
}


@pytest.mark.parametrize("case", SYMLINKED)
def test_symlinked_parents_are_followed_as_the_kernel_does(case: str) -> None:
    archive = made(*SYMLINKED[case])
    found = in_chroot(archive)
    # tarfile keeps no times of symbolic links, and fills directories after it set theirs.
    timeless = {path for path, record in found.items() if record.kind != "file"}
    assert diff_trees(found, records_of(tree_of(archive), archive), timeless=timeless) == []
    assert any(record.kind == "symlink" for record in found.values())


REPLACED = {
    "file by file": [file("a", b"1", mode=0o600), file("a", b"22", mode=0o644)],
    "file by symlink": [file("a"), symlink("a", "b")],
    "symlink by file": [symlink("a", "b"), file("a"), file("b", b"2")],
    "file by directory": [file("a"), directory("a"), file("a/b")],
    "directory by directory": [directory("a", 0o700), file("a/b"), directory("a", 0o755)],
    "one name of two": [file("a", b"1"), link("b", "a"), file("a", b"2")],
    "a name by a link to the same file": [file("a"), link("b", "a"), link("b", "a")],
    "a file by a link": [file("a"), file("b", b"2"), link("b", "a")],
    "a link to a link": [file("a"), link("b", "a"), link("c", "b"), file("a", b"2")],
}


@pytest.mark.parametrize("case", REPLACED)
def test_the_last_of_a_name_wins_as_with_gnu_tar(case: str) -> None:
    archive = made(*REPLACED[case])
    tree = records_of(tree_of(archive), archive)
    assert diff_trees(extracted(GNU_TAR, archive), tree) == []


def test_a_directory_is_replaced_with_all_that_it_held() -> None:
    """Podman removes it; GNU tar only removes an empty one."""
    steps = [directory("a"), file("a/b"), file("a"), directory("a"), file("a/c")]
    archive = made(*steps)
    assert set(records_of(tree_of(archive), archive)) == {b"a", b"a/c"}


WHITEOUT = Record(
    kind="character device",
    mode=0,
    uid=0,
    gid=0,
    mtime=0,
    size=None,
    sha256=None,
    links=1,
    twin=b"",
    target=None,
    device=(0, 0),
    xattrs=(),
)


def test_whiteouts_are_what_overlayfs_takes_for_them() -> None:
    archive = oddities.upper()
    found = records_of(tree_of(archive), archive)
    whiteouts = {path for path, record in found.items() if record.device == (0, 0)}
    assert whiteouts == {b"gone", b"wh/one", b"wh/sub", b"wh/never-there", b"deep"}
    assert found[b"gone"] == replace(WHITEOUT, twin=b"gone")
    assert found[b"wh/one"] == replace(WHITEOUT, twin=b"wh/one", uid=3, gid=4)
    opaque = {path for path, record in found.items() if record.xattrs}
    assert opaque == {b"opq", b"opq-nested/sub", b"attributes"}
    for path, mode in ((b"opq", 0o700), (b"opq-nested/sub", 0o711)):
        assert found[path].xattrs == (("trusted.overlay.opaque", b"y"),)
        assert found[path].mode == mode
    assert found[b"opq"].uid == 11
    # The whiteout of "redo" comes before the directory that takes its place.
    assert found[b"redo"].kind == "directory"


def test_owners_are_those_of_all_members_but_whiteouts() -> None:
    layer = LayerTar()
    layer.add("a", owner=(1, 2))
    layer.add(".wh.b", owner=(3, 4))
    layer.add("c", owner=(5, 6))
    layer.add("c", owner=(7, 8))
    tree = tree_of(layer.close())
    assert (tree.uids, tree.gids) == ({1, 5, 7}, {2, 6, 8})


def test_the_root_is_podmans_whatever_the_archive_says() -> None:
    tree = tree_of(made(directory("./", 0o700), file("./a")))
    assert (tree.root.entry.mode, tree.root.entry.uid) == (0o555, 0)
    assert [path for path, _ in tree.walk()] == [b"a"]


def test_labels_are_the_hosts() -> None:
    layer = LayerTar()
    layer.add("a", xattrs={"security.selinux": b"label", "user.a": b"b"})
    archive = layer.close()
    assert records_of(tree_of(archive), archive)[b"a"].xattrs == (("user.a", b"b"),)


def entry(name: bytes = b"name", **more: object) -> tar.Entry:
    """A member that no writer would write."""
    made = tar.Entry(name, tar.REGULAR, 0o644, 0, 0, 0, 0, b"", 0, 0, {})
    return replace(made, **more)  # type: ignore[arg-type]


REFUSED = {
    "absolute": [entry(b"/etc/passwd")],
    "dots": [entry(b"a/../../etc/passwd")],
    "dots at the end": [entry(b"a/..")],
    "long name": [entry(b"n" * 256)],
    "long name in the middle": [entry(b"a/" + b"n" * 256 + b"/b")],
    "long path": [entry(b"d/" * 2048 + b"f")],
    "NUL": [entry(b"a\0b")],
    "below a file": [entry(b"a"), entry(b"a/b")],
    "below a symlink to a file": [
        entry(b"a"),
        entry(b"l", kind=tar.SYMLINK, link=b"a"),
        entry(b"l/b"),
    ],
    "below a dangling symlink": [
        entry(b"l", kind=tar.SYMLINK, link=b"nowhere"),
        entry(b"l/b"),
    ],
    "below a loop": [
        entry(b"l", kind=tar.SYMLINK, link=b"m"),
        entry(b"m", kind=tar.SYMLINK, link=b"l"),
        entry(b"l/b"),
    ],
    "symlink to nothing": [entry(kind=tar.SYMLINK)],
    "long symlink": [entry(kind=tar.SYMLINK, link=b"x/" * 2048)],
    "link to nothing": [entry(kind=tar.LINK)],
    "link to what is not there": [entry(kind=tar.LINK, link=b"a")],
    "link outside": [entry(kind=tar.LINK, link=b"../etc/passwd")],
    "link outside in the middle": [
        entry(b"d", kind=tar.DIRECTORY),
        entry(b"a"),
        entry(kind=tar.LINK, link=b"d/../../a"),
    ],
    "link to a directory": [
        entry(b"d", kind=tar.DIRECTORY),
        entry(kind=tar.LINK, link=b"d"),
    ],
    "link to the root": [entry(kind=tar.LINK, link=b"/")],
    "whiteout of the same layer": [entry(b"a"), entry(b".wh.a")],
    "whiteout of nothing": [entry(b".wh.")],
    "whiteout of a dot": [entry(b".wh..")],
    "whiteout of dots": [entry(b".wh...")],
    "unknown type": [entry(kind=b"7")],
    "negative owner": [entry(uid=-1)],
    "owner out of range": [entry(gid=1 << 32)],
    "owner that means no owner to chown": [entry(uid=(1 << 32) - 1)],
    "device out of range": [entry(kind=tar.CHAR, major=1 << 12)],
    "negative device": [entry(kind=tar.BLOCK_DEVICE, minor=-1)],
    "redirect": [entry(xattrs={b"trusted.overlay.redirect": b"/etc"})],
    "metacopy": [entry(xattrs={b"user.overlay.metacopy": b""})],
    "xattr without name": [entry(xattrs={b"": b"x"})],
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    *before, last = REFUSED[case]
    tree = Tree()
    for each in before:
        tree.add(each)
    with pytest.raises(Refusal) as caught:
        tree.add(last)
    shown = last.name.decode("utf-8", "backslashreplace")
    assert str(caught.value).startswith(f"{shown!r}: ")


def test_a_deep_tree_ends() -> None:
    """By symbolic links a path of any depth can be made, each step of it shorter than PATH_MAX."""
    tree = Tree()
    with pytest.raises(Refusal, match="cannot be reached"):
        for number in range(30):
            start = b"l%d/" % (number - 1) if number else b""
            deep = start + b"/".join([b"d"] * 1000)
            tree.add(entry(deep + b"/f"))
            tree.add(entry(b"l%d" % number, kind=tar.SYMLINK, link=deep))
    assert max(len(path) for path, _ in tree.walk()) <= 4096


def test_get_finds_what_walk_yields_and_nothing_else() -> None:
    layer = LayerTar()
    layer.add("a/b/file", content=b"x")
    layer.symlink("a/link", "b")
    tree = tree_of(layer.close())
    assert {path: tree.get(path) for path, _ in tree.walk()} == dict(tree.walk())
    assert [tree.get(path) for path in (b"a/link/file", b"a/c", b"a/b/file/x", b"")] == [None] * 4


def test_what_the_kernel_does_on_the_way() -> None:
    """As podman's own pull, see test_random_layers: not as GNU tar."""
    capable = {"security.capability": oddities.CAP_NET_RAW, "user.kept": b"1"}
    tree = tree_of(
        made(
            lambda tar: tar.add("capable", xattrs=capable),
            lambda tar: tar.hard_link("same-owner", "capable"),
            lambda tar: tar.add("not", xattrs=capable),
            lambda tar: tar.hard_link("other-owner", "not", owner=(1, 0)),
            lambda tar: tar.add("also", xattrs=capable),
            lambda tar: tar.hard_link("capable-link", "also", owner=(1, 0), xattrs=capable),
            lambda tar: tar.directory("setgid", mode=0o2711, owner=(1, 2)),
            lambda tar: tar.add("setgid/not/named/file"),
        )
    )
    found = {path: node.entry for path, node in tree.walk()}
    assert found[b"not"].xattrs == {b"user.kept": b"1"}
    for path in (b"capable", b"also"):
        assert found[path].xattrs.keys() == {b"security.capability", b"user.kept"}
    assert {found[path].mode for path in (b"setgid/not", b"setgid/not/named")} == {0o2755}
    assert {found[path].gid for path in (b"setgid/not", b"setgid/not/named")} == {0}


def test_a_link_to_what_it_replaces() -> None:
    with pytest.raises(Refusal, match="no file of the layer"):
        tree_of(
            made(
                lambda tar: tar.add("directory/file"),
                lambda tar: tar.hard_link("directory", "directory/file"),
            )
        )


def test_times_of_directories_that_moved() -> None:
    """podman sets them last, by name: here through the symbolic link."""
    moved = (
        lambda tar: tar.directory("moved/name", mtime=5),
        lambda tar: tar.add("there/name", mtime=1),
    )
    tree = tree_of(made(*moved, lambda tar: tar.symlink("moved", "there")))
    found = tree.get(b"there/name")
    assert found is not None
    assert (found.entry.kind, found.entry.mtime) == (tar.REGULAR, 5)
    with pytest.raises(Refusal, match="'moved/name/': a later entry took its place"):
        tree_of(made(*moved, lambda tar: tar.add("moved")))


def test_whiteouts_below_a_whiteout() -> None:
    """Some tools write them; podman passes over them, at any depth."""

    def after(*names: str) -> bytes:
        layer = LayerTar()
        for name in (".wh.gone", *names):
            layer.add(name)
        return layer.close()

    tree = tree_of(after("gone/.wh.a", "gone/b/c/.wh.d"))
    assert [path for path, _ in tree.walk()] == [b"gone"]
    for name in ("gone/b/.wh..wh..opq", "gone/b/file", "gone/file"):
        with pytest.raises(Refusal, match="its parent is not a directory"):
            tree_of(after(name))
