"""Manifests: one archive, the same wherever and whenever it is made."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from paack.helpers.errors import DefinitionError
from paack.helpers.kubernetes.manifests import read_manifests
from tests.support.rights import IS_ROOT
from tests.support.tree import read_tree
from tests.unit.archives import GNU_TAR, extracted, members_of


def fill(directory: Path, names: list[str]) -> Path:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"# " + os.fsencode(name))
    return directory


NAMES = [
    "b.yaml",
    "a/z.yaml",
    "a/kustomization.yaml",
    "Z@1=x+y-z_.json",
    "a.yaml",
    "long/" * 30 + "n" * 101,
]


def test_tar_extracts_the_files(tmp_path: Path) -> None:
    manifests = read_manifests(fill(tmp_path, NAMES))
    tree, found = read_tree(tmp_path), extracted(GNU_TAR, manifests.archive)
    files = {path: record.sha256 for path, record in tree.items() if record.kind == "file"}
    assert {path: r.sha256 for path, r in found.items() if r.kind == "file"} == files
    assert sorted(map(os.fsencode, manifests.paths)) == sorted(files)
    assert list(manifests.paths) == [member.name for member in members_of(manifests.archive)]


def test_owners_modes_times_and_order_do_not_matter(tmp_path: Path) -> None:
    one = fill(tmp_path / "one", NAMES)
    other = fill(tmp_path / "other", NAMES[::-1])
    (other / "empty").mkdir()
    for path in other.rglob("*"):
        os.utime(path, (5, 5))
        path.chmod(0o700)
        if IS_ROOT:
            os.chown(path, 12345, 54321)
    manifests = read_manifests(one)
    assert manifests == read_manifests(other)
    for member in members_of(manifests.archive):
        assert (member.mode, member.uid, member.gid, member.mtime) == (0o644, 0, 0, 0)
        assert member.type == tarfile.REGTYPE


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda d: None, "holds no manifest"),
    "only directories": (lambda d: (d / "sub").mkdir(), "holds no manifest"),
    "symlink": (lambda d: (d / "x.yaml").symlink_to("/etc/passwd"), "is not a regular file"),
    "dangling symlink": (lambda d: (d / "x.yaml").symlink_to("no"), "is not a regular file"),
    "symlink to a directory": (lambda d: (d / "x").symlink_to("/etc"), "is not a regular file"),
    "fifo": (lambda d: os.mkfifo(d / "x.yaml"), "is not a regular file"),
    "space": (lambda d: fill(d, ["a b.yaml"]), "the name 'a b.yaml' cannot"),
    "macro": (lambda d: fill(d, ["%(id).yaml"]), "cannot go into an RPM"),
    "newline": (lambda d: fill(d, ["a\nb.yaml"]), "cannot go into an RPM"),
    "glob in a directory": (lambda d: fill(d, ["a*/b.yaml"]), "cannot go into an RPM"),
    "not UTF-8": (lambda d: fill(d, ["\udcff.yaml"]), "cannot go into an RPM"),
    "long": (lambda d: fill(d, ["/".join(["n" * 64] * 4)]), "more than 255 characters"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_shipped_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    arrange, message = REFUSED[case]
    arrange(tmp_path)
    with pytest.raises(DefinitionError, match=message) as caught:
        read_manifests(tmp_path)
    assert str(caught.value.place).startswith(str(tmp_path))
    assert caught.value.hint
