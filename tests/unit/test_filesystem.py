"""``filesystem: auto``: what a lock says of images decides, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from paack.helpers.definition.definition import Definition, load_definition
from paack.helpers.errors import LockError
from paack.helpers.lock.changes import changes
from paack.helpers.lock.filesystem import chosen, unknown_filesystems, with_filesystems
from paack.helpers.lock.lock import Lock, dump, read_lock
from paack.helpers.oci.locked import LockedImage, LockedLayer
from paack.helpers.oci.reference import Source

DIGEST = f"sha256:{'a' * 64}"


def image(name: str, arch: str = "x86_64", filesystem: str | None = None) -> LockedImage:
    source = f"quay.io/a/{name}:1"
    layers = (LockedLayer(DIGEST, 1, DIGEST),)
    created = "2024-05-06T07:08:09Z"
    return LockedImage(source, arch, (source,), None, DIGEST, DIGEST, created, layers, filesystem)


def lock_of(*images: LockedImage) -> Lock:
    return Lock({(each.source, each.arch): each for each in images})


def define(directory: Path, *packages: str) -> Definition:
    """Write packages, each ``NAME FILESYSTEM LAYERS IMAGE…``, for both arches."""
    text = "packages:\n"
    for each in packages:
        name, filesystem, layers, *images = each.split()
        listed = ", ".join(f"quay.io/a/{image}:1" for image in images)
        text += (
            f"- {{name: {name}, version: '1', filesystem: {filesystem}, layers: {layers}, "
            f"arches: [x86_64, aarch64], images: [{listed}]}}\n"
        )
    path = directory / "app.yaml"
    path.write_text(text)
    return load_definition(path)


def said(images: Sequence[tuple[LockedImage, Source]]) -> list[str]:
    """Say erofs of images that are called odd."""
    assert all(image.source == source.text for image, source in images)
    return ["erofs" if "odd" in image.source else "squashfs" for image, _ in images]


BOTH = ("x86_64", "aarch64")


def locked(*names: str, **filesystems: str) -> Lock:
    return lock_of(*(image(name, arch, filesystems.get(name)) for name in names for arch in BOTH))


@pytest.mark.parametrize(
    ("packages", "filesystems"),
    [
        (["p auto bundled plain"], ["squashfs"]),
        (["p auto bundled plain odd", "q auto bundled plain"], ["erofs", "squashfs"]),
        (["p squashfs bundled odd", "q erofs bundled plain"], ["squashfs", "erofs"]),
        # What shares layers has one filesystem.
        (["p auto shared plain", "q auto shared odd plain"], ["erofs", "erofs"]),
        (
            ["p auto shared plain", "q auto bundled odd", "r squashfs shared odd"],
            ["squashfs", "erofs", "squashfs"],
        ),
    ],
)
def test_erofs_where_it_is_needed(
    tmp_path: Path, packages: list[str], filesystems: list[str]
) -> None:
    definition = define(tmp_path, *packages)
    lock = with_filesystems(definition, locked("plain", "odd"), said)
    assert [each.filesystem for each in chosen(definition, lock).packages] == filesystems
    again = with_filesystems(definition, lock, lambda _: pytest.fail("was looked at"))
    assert again == lock
    assert chosen(chosen(definition, lock), lock) == chosen(definition, lock)


def test_one_arch_decides_for_all(tmp_path: Path) -> None:
    definition = define(tmp_path, "p auto bundled plain")
    lock = lock_of(image("plain", "x86_64", "squashfs"), image("plain", "aarch64", "erofs"))
    assert chosen(definition, lock).packages[0].filesystem == "erofs"


def test_the_lock_says_it_of_the_images_that_ask(tmp_path: Path) -> None:
    definition = define(tmp_path, "p auto bundled odd", "q squashfs bundled plain")
    lock = locked("plain", "odd", plain="erofs")
    assert unknown_filesystems(definition, lock) == [("quay.io/a/odd:1", arch) for arch in BOTH]
    with pytest.raises(LockError, match=r"which filesystem quay.io/a/odd:1 \(x86_64\)") as caught:
        chosen(definition, lock)
    assert caught.value.hint is not None
    new = with_filesystems(definition, lock, said)
    assert [each.filesystem for each in new.images.values()] == [None, None, "erofs", "erofs"]
    assert changes(lock, new) == [
        f"~ quay.io/a/odd:1 ({arch}): erofs holds all of its files" for arch in sorted(BOTH)
    ]
    assert changes(new, new) == []


def test_it_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "app.lock.yaml"
    lock = locked("plain", "odd", odd="erofs")
    path.write_text(dump(lock))
    assert read_lock(path) == lock
    assert path.read_text().count("filesystem:") == 2
    path.write_text(dump(lock).replace("filesystem: erofs", "filesystem: ext4"))
    with pytest.raises(LockError, match="no filesystem: 'ext4'"):
        read_lock(path)
    assert replace(lock.images["quay.io/a/odd:1", "x86_64"], filesystem=None) == image("odd")
