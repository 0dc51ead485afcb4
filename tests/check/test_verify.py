"""verify: what is built passes; each single change of a store or an RPM is found, and named."""

from __future__ import annotations

import copy
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.oci.chain import stored_layers
from paack.helpers.oci.locked import LockedImage
from paack.helpers.progress import Reporter
from paack.helpers.registry.skopeo import Registry
from paack.helpers.store.image import ImageMaker
from paack.helpers.store.tar_store import write_store
from paack.helpers.verify.verify import Verifier
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.support.product import newer_erofs_utils
from tests.unit.images import put_image, small_layer

BIG = bytes(range(256)) * 2000


@dataclass
class Member:
    """A member of the store's tar stream, as the mutations change it."""

    info: tarfile.TarInfo
    content: bytes

    def xattr(self, name: str, value: str | None) -> None:
        records = dict(self.info.pax_headers)
        records.pop(f"SCHILY.xattr.{name}", None)
        if value is not None:
            records[f"SCHILY.xattr.{name}"] = value
        self.info.pax_headers = records


@dataclass
class Store:
    """A good store, the images in it, and the program that verifies it."""

    images: list[LockedImage]
    members: list[Member]
    verifier: Verifier
    work: Path
    path: str

    @property
    def layers(self) -> list[str]:
        """The digests of the layers of the first image, the base first."""
        return [layer.digest for layer in self.images[0].layers]

    def home(self, depth: int) -> str:
        """Return the directory of a layer of the first image."""
        digest = self.layers[depth]
        found = [each.id for each in stored_layers(self.images) if each.locked.digest == digest]
        return f"overlay/{found[0]}"

    def make(self, filesystem: str, members: list[Member]) -> Path:
        """Make a filesystem image of the members."""
        out = io.BytesIO()
        with tarfile.open(
            fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape"
        ) as archive:
            for each in members:
                each.info.size = len(each.content)
                archive.addfile(each.info, io.BytesIO(each.content))
        target = self.work / f"store.{filesystem}"
        target.unlink(missing_ok=True)
        command = ["tar2sqfs", "--quiet", "--no-skip", "--compressor", "zstd", str(target)]
        if filesystem == "erofs":
            command = ImageMaker(filesystem, "mkfs.erofs", "").command(target)
        env = {**os.environ, "PATH": self.path}
        done = subprocess.run(
            command, input=out.getvalue(), env=env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return target

    def differences(self, image: Path, filesystem: str) -> list[str]:
        """Return what verify says of an image."""
        found = self.verifier.verify_store(
            image, filesystem, self.images, stored_layers(self.images), self.work
        )
        return [str(each) for each in found]


def base_layer() -> bytes:
    layer = LayerTar()
    layer.directory("d")
    layer.add("d/file", b"content", mode=0o640, owner=(1001, 1002), mtime=1_700_000_000)
    layer.add("d/big", BIG)
    layer.add("d/setuid", b"#!", mode=0o4755)
    layer.add("d/cap", xattrs={"security.capability": b"\x01\0\0\x02\0\x04" + bytes(14)})
    layer.add("d/noted", xattrs={"user.note": b"ours"})
    layer.hard_link("d/linked", "d/big")
    layer.symlink("d/symlink", "file")
    layer.add("d/fifo", kind=tarfile.FIFOTYPE)
    layer.add("d/null", kind=tarfile.CHRTYPE, device=(1, 3))
    layer.add("d/late", b"x")
    layer.directory("d/gone")
    layer.add("d/gone/old", b"x")
    return layer.close()


def middle_layer() -> bytes:
    layer = LayerTar()
    layer.directory("d")
    layer.add("d/.wh.late")
    layer.directory("d/gone")
    layer.add("d/gone/.wh..wh..opq")
    layer.add("d/gone/new", b"y")
    return layer.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    work = tmp_path_factory.mktemp("verify")
    cache = Cache(work / "cache")
    base, middle = base_layer(), middle_layer()
    images = [
        put_image(cache, "quay.io/acme/app:1", [base, middle, small_layer("top")]),
        put_image(cache, "quay.io/acme/other:1", [base, oddities.upper()], listed=False),
    ]
    stream = work / "store.tar"
    with stream.open("wb") as out:
        write_store(out, images, stored_layers(images), cache, work, Reporter(), None)
    members = []
    with tarfile.open(stream, errors="surrogateescape") as archive:
        for info in archive:
            file = archive.extractfile(info) if info.isreg() else None
            members.append(Member(info, file.read() if file else b""))
    verifier = Verifier(Registry(cache, work, Reporter()), work / "scratch")
    path = newer_erofs_utils(work / "bin")["PATH"]
    return Store(images, members, verifier, work, path)


class Mutable(list[Member]):
    """The members of a store, found by their path."""

    def __getitem__(self, path: str) -> Member:  # type: ignore[override]
        return next(each for each in self if each.info.name == path)

    def drop(self, path: str) -> None:
        self[:] = [
            each
            for each in self
            if each.info.name != path and not each.info.name.startswith(f"{path}/")
        ]

    def insert_after(self, path: str, info: tarfile.TarInfo, content: bytes = b"") -> None:
        where = [each.info.name for each in self].index(path)
        self.insert(where + 1, Member(info, content))


@pytest.fixture
def members(store: Store) -> Mutable:
    return Mutable(replace(each, info=copy.copy(each.info)) for each in store.members)


@dataclass(frozen=True)
class Mutation:
    """One change: of what (a path in a layer of the first image, or in the store) and how.

    ``said`` is what verify must say of exactly that path; ``others`` whether more may differ.
    """

    depth: int | None
    path: str
    change: Callable[[Mutable, str], None]
    said: str
    others: bool = False


def flipped(content: bytes, at: int = 0) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def flip(at: int = 0) -> Callable[[Mutable, str], None]:
    def change(members: Mutable, path: str) -> None:
        members[path].content = flipped(members[path].content, at)

    return change


def setting(**attributes: object) -> Callable[[Mutable, str], None]:
    def change(members: Mutable, path: str) -> None:
        for name, value in attributes.items():
            setattr(members[path].info, name, value)

    return change


def xattr(name: str, value: str | None) -> Callable[[Mutable, str], None]:
    return lambda members, path: members[path].xattr(name, value)


def replaced(old: bytes, new: bytes) -> Callable[[Mutable, str], None]:
    def change(members: Mutable, path: str) -> None:
        assert old in members[path].content
        members[path].content = members[path].content.replace(old, new, 1)

    return change


def append(members: Mutable, path: str) -> None:
    members[path].content += b"\0"


def drop(members: Mutable, path: str) -> None:
    members.drop(path)


def add_beside(name: str, **attributes: object) -> Callable[[Mutable, str], None]:
    def change(members: Mutable, path: str) -> None:
        info = tarfile.TarInfo(path)
        for key, value in attributes.items():
            setattr(info, key, value)
        members.insert_after(str(Path(path).parent), info)

    return change


def unlink_names(members: Mutable, path: str) -> None:
    """Make a further name of a file a copy of it."""
    other = members[str(Path(path).with_name("big"))]
    info = copy.copy(other.info)
    info.name = path
    members[:] = [
        Member(info, other.content) if each.info.name == path else each for each in members
    ]


def plain_file(members: Mutable, path: str) -> None:
    """As the first paack shipped a whiteout: not a device any more."""
    members[path].info.type = tarfile.REGTYPE


def moved(members: Mutable, path: str) -> None:
    members[path].info.name = path + "-moved"


NEW = tarfile.REGTYPE
MUTATIONS = {
    "a byte of a small file": Mutation(0, "d/file", flip(), "other content"),
    "a byte in the middle of a big file": Mutation(
        0, "d/big", flip(300_001), "other content", True
    ),
    "the last byte of a big file": Mutation(0, "d/big", flip(len(BIG) - 1), "other content", True),
    "a byte more": Mutation(0, "d/file", append, "size is 8, not 7; other content"),
    "an emptied file": Mutation(
        0, "d/file", replaced(b"content", b""), "size is 0, not 7; other content"
    ),
    "owner": Mutation(0, "d/file", setting(uid=0), "uid is 0, not 1001"),
    "owner above 16 bits": Mutation(0, "d/file", setting(uid=70_000), "uid is 70000, not 1001"),
    "group": Mutation(0, "d/file", setting(gid=0), "gid is 0, not 1002"),
    "mode": Mutation(0, "d/file", setting(mode=0o644), "mode is 0644, not 0640"),
    "setuid lost": Mutation(0, "d/setuid", setting(mode=0o755), "mode is 0755, not 4755"),
    "setuid gained": Mutation(0, "d/big", setting(mode=0o4644), "mode is 4644, not 0644", True),
    "mode of a directory": Mutation(0, "d", setting(mode=0o777), "mode is 0777, not 0755"),
    "time": Mutation(
        0, "d/file", setting(mtime=1_700_000_001), "mtime is 1700000001, not 1700000000"
    ),
    "capability lost": Mutation(
        0, "d/cap", xattr("security.capability", None), "xattr security.capability is missing"
    ),
    "capability gained": Mutation(
        0,
        "d/file",
        xattr("security.capability", "\x01\0\0\x02\0\x20" + "\0" * 14),
        "xattr security.capability should not be there",
    ),
    "value of an xattr": Mutation(
        0, "d/noted", xattr("user.note", "theirs"), "xattr user.note has another value"
    ),
    "a file removed": Mutation(0, "d/file", drop, "is missing (file)"),
    "a directory removed": Mutation(0, "d/gone", drop, "is missing (directory)", True),
    "a file added": Mutation(0, "d/new", add_beside("new"), "should not be there (file)"),
    "a directory added": Mutation(
        0,
        "d/new",
        add_beside("new", type=tarfile.DIRTYPE, mode=0o755),
        "should not be there (directory)",
    ),
    "a file renamed": Mutation(0, "d/file", moved, "is missing (file)", True),
    "a hard link made a copy": Mutation(
        0, "d/linked", unlink_names, "is one file with nothing, not with", True
    ),
    "a hard link removed": Mutation(0, "d/linked", drop, "is missing (file)", True),
    "target of a symbolic link": Mutation(
        0, "d/symlink", setting(linkname="setuid"), "points to setuid, not file"
    ),
    "a FIFO made a file": Mutation(0, "d/fifo", plain_file, "is a file, not a FIFO"),
    "minor number of a device": Mutation(
        0, "d/null", setting(devminor=5), "device is (1, 5), not (1, 3)"
    ),
    "a whiteout dropped": Mutation(1, "d/late", drop, "is missing (character device)"),
    "a whiteout made a file": Mutation(
        1, "d/late", plain_file, "is a file, not a character device"
    ),
    "a whiteout added": Mutation(
        2,
        "d/file",
        add_beside("file", type=tarfile.CHRTYPE),
        "should not be there (character device)",
    ),
    "an opaque mark dropped": Mutation(
        1, "d/gone", xattr("trusted.overlay.opaque", None), "xattr trusted.overlay.opaque is miss"
    ),
    "an opaque mark added": Mutation(
        1, "d", xattr("trusted.overlay.opaque", "y"), "xattr trusted.overlay.opaque should not be"
    ),
    "mode of a layer's root": Mutation(
        0, "", setting(mode=0o700), "mode is 0700, not 0555"
    ),
    "a name in images.json": Mutation(
        None,
        "overlay-images/images.json",
        replaced(b"quay.io/acme/app:1", b"quay.io/acme/app:2"),
        "other content",
    ),
    "a digest in images.json": Mutation(
        None, "overlay-images/images.json", replaced(b'"digest":"sha256:', b'"digest":"sha256:0'),
        "size is",
    ),
    "a parent in layers.json": Mutation(
        None, "overlay-layers/layers.json", replaced(b'"parent":', b'"Parent":'), "other content"
    ),
    "a lock file's bytes": Mutation(None, "overlay-layers/layers.lock", flip(), "other content"),
    "a lock file removed": Mutation(
        None, "overlay-images/images.lock", drop, "is missing (file)"
    ),
    "mode of the store": Mutation(None, ".", setting(mode=0o700), "mode is 0700, not 0755"),
    "a file beside": Mutation(
        None, "overlay-images/x", add_beside("x", type=NEW), "should not be there (file)"
    ),
}  # fmt: skip
FILESYSTEMS = ("squashfs", "erofs")


def stored(store: Store, mutation: Mutation) -> str:
    if mutation.depth is None:
        return mutation.path
    return f"{store.home(mutation.depth)}/diff/{mutation.path}".rstrip("/")


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_a_good_store_has_no_difference(store: Store, members: Mutable, filesystem: str) -> None:
    assert store.differences(store.make(filesystem, members), filesystem) == []


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
@pytest.mark.parametrize("name", MUTATIONS)
def test_each_change_is_found_and_named(
    store: Store, members: Mutable, filesystem: str, name: str
) -> None:
    mutation = MUTATIONS[name]
    mutation.change(members, stored(store, mutation))
    found = store.differences(store.make(filesystem, members), filesystem)
    where = mutation.path
    if mutation.depth is not None:
        where = f"layer {store.layers[mutation.depth]}: /{mutation.path}"
    assert any(line.startswith(f"{where}: {mutation.said}") for line in found), found
    assert mutation.others or len(found) == 1


def test_there_are_enough_changes() -> None:
    assert len(MUTATIONS) >= 30


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
@pytest.mark.parametrize("what", ["link", "lower", "lower-layers", "tar-split", "l"])
def test_what_holds_layers_together(
    store: Store, members: Mutable, filesystem: str, what: str
) -> None:
    home = store.home(1)
    identifier = home.rpartition("/")[2]
    if what == "l":
        name = members[f"{home}/link"].content.decode()
        path = f"overlay/l/{name}"
        members[path].info.linkname = f"../{store.home(0).rpartition('/')[2]}/diff"
        expected = f"{path}: points to "
    else:
        split = f"overlay-layers/{identifier}.tar-split.gz"
        path = split if what == "tar-split" else f"{home}/{what}"
        members[path].content = flipped(members[path].content, 5)
        expected = f"layer {store.layers[1]}: {path}: other content"
    (found,) = store.differences(store.make(filesystem, members), filesystem)
    assert found.startswith(expected)


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_two_layers_swapped(store: Store, members: Mutable, filesystem: str) -> None:
    one, other = (f"{store.home(depth)}/diff/" for depth in (0, 1))
    for each in members:
        for text in ("name", "linkname"):
            value = getattr(each.info, text)
            for here, there in ((one, other), (other, one)):
                if value.startswith(here):
                    setattr(each.info, text, there + value.removeprefix(here))
                    break
    # Directories come before what they hold.
    members.sort(key=lambda each: each.info.name if each.info.name.startswith("o") else "")
    found = store.differences(store.make(filesystem, members), filesystem)
    assert any(line.startswith(f"layer {store.layers[0]}: /d/file: is missing") for line in found)
    assert any(line.startswith(f"layer {store.layers[1]}: /d/file: should not") for line in found)


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_a_store_of_other_images(store: Store, members: Mutable, filesystem: str) -> None:
    image = store.make(filesystem, members)
    verifier, images = store.verifier, store.images[:1]
    found = verifier.verify_store(image, filesystem, images, stored_layers(images), store.work)
    assert "overlay-images/images.json" in {each.path for each in found}
    assert any("should not be there" in each.what for each in found)


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_damaged_images(store: Store, members: Mutable, filesystem: str) -> None:
    image = store.make(filesystem, members)
    good = image.read_bytes()
    for bad in (
        b"",
        good[:5000],
        good[:-4096],
        good + b"more",
        flipped(good, 1030 if filesystem == "erofs" else 3),
        bytes(len(good)),
    ):
        image.write_bytes(bad)
        (found,) = store.differences(image, filesystem)
        assert found.startswith(f"store.{filesystem}: cannot be read: ")


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
def test_damage_anywhere_in_a_file_never_crashes(
    store: Store, members: Mutable, filesystem: str
) -> None:
    """Bytes of metadata at many places: found, or of no consequence, but never an exception."""
    image = store.make(filesystem, members)
    good = image.read_bytes()
    harmless = 0
    for at in range(0, len(good), max(len(good) // 60, 1)):
        image.write_bytes(flipped(good, at))
        harmless += not store.differences(image, filesystem)
    assert harmless < 40


def test_a_blob_that_is_damaged_is_no_proof(store: Store, members: Mutable, tmp_path: Path) -> None:
    from paack.helpers.errors import VerificationError

    cache = Cache(tmp_path / "cache")
    shutil.copytree(store.verifier.cache.root, cache.root)
    blob = cache.path(store.layers[0])
    blob.write_bytes(flipped(blob.read_bytes(), 30))
    verifier = Verifier(Registry(cache, tmp_path, Reporter()), tmp_path / "scratch")
    with pytest.raises(VerificationError, match=store.layers[0]):
        image, layers = store.make("squashfs", members), stored_layers(store.images)
        verifier.verify_store(image, "squashfs", store.images, layers, tmp_path)
