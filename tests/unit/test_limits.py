"""What filesystems cannot hold: told of each file, and of all files at once."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.errors import BuildError
from paack.helpers.oci.chain import stored_layers
from paack.helpers.oci.locked import LockedImage
from paack.helpers.oci.reference import Source, parse_source
from paack.helpers.progress import Reporter
from paack.helpers.registry.skopeo import Registry
from paack.helpers.store import tar
from paack.helpers.store.filesystem_needs import filesystems_of
from paack.helpers.store.limits import SHOWN, losses
from paack.helpers.store.tar_store import write_store
from tests.support import oddities
from tests.support.oddities import LayerTar
from tests.unit.images import put_image, small_layer

FILE = tar.Entry(b"", tar.REGULAR, 0o644, 0, 0, 0, 0, b"", 0, 0, {})
ACL, DEFAULT, NFS = (
    {f"system.{name}".encode(): b"x"}
    for name in ("posix_acl_access", "posix_acl_default", "nfs4_acl")
)
POSIX = "its POSIX ACL (system.posix_acl_access)"
LATE = "its time, 2106-02-07 06:28:16 UTC"


@pytest.mark.parametrize(
    ("entry", "squashfs", "erofs"),
    [
        (FILE, [], []),
        (replace(FILE, mtime=(1 << 32) - 1), [], []),
        (replace(FILE, mtime=1 << 32), [LATE], []),
        (replace(FILE, mtime=-1), *[["its time, 1969-12-31 23:59:59 UTC"]] * 2),
        (replace(FILE, mtime=1 << 63), *[[f"its time, {1 << 63} seconds since 1970"]] * 2),
        (replace(FILE, size=1 << 37), *[["its content of 137.4 GB"]] * 2),
        (replace(FILE, xattrs={b"user.a": b"", b"trusted.a": b"", b"security.a": b""}), [], []),
        (replace(FILE, xattrs=ACL), [POSIX], []),
        (
            replace(FILE, mtime=1 << 32, xattrs=ACL | DEFAULT),
            [LATE, POSIX, "its default POSIX ACL (system.posix_acl_default)"],
            [],
        ),
        # Of mkfs.erofs 1.8.6: "Failed to set xattr(system.nfs4_acl)".
        (replace(FILE, xattrs=NFS), *[["its NFSv4 ACL (system.nfs4_acl)"]] * 2),
        (replace(FILE, xattrs={b"system.other\xff": b""}), *[[r"its xattr system.other\xff"]] * 2),
    ],
)
def test_what_a_file_would_lose(entry: tar.Entry, squashfs: list[str], erofs: list[str]) -> None:
    assert losses("squashfs", entry) == squashfs
    assert losses("erofs", entry) == erofs


def layer_of(count: int, *, prefix: str = "", xattrs: dict[str, bytes] | None = None) -> bytes:
    """Return a layer with files of 2106, each of which has two names."""
    layer = LayerTar()
    for number in range(count):
        name = f"{prefix}{number:03}"
        layer.add(name, b"", mtime=1 << 32, xattrs=xattrs)
        layer.hard_link(f"{name}-link", name, mtime=1 << 32, xattrs=xattrs)
    return layer.close()


@pytest.mark.parametrize("nfs", [False, True])
def test_all_files_of_a_store_are_told_at_once(tmp_path: Path, nfs: bool) -> None:
    cache = Cache(tmp_path)
    odd = layer_of(15, prefix="z", xattrs={"system.nfs4_acl": b"x"} if nfs else None)
    image = put_image(cache, "a/b:1", [layer_of(15), small_layer("good"), odd, oddities.acl()])
    out = io.BytesIO()
    with pytest.raises(BuildError) as caught:
        write_store(out, [image], stored_layers([image]), cache, tmp_path, Reporter(), "squashfs")
    first, *lines, last = caught.value.message.split("\n  ")
    assert first == "squashfs cannot hold 31 files as in the image:"
    assert (len(lines), last) == (SHOWN, "and 11 more files")
    assert all(" would lose its " in line for line in lines)
    assert f"'000' of layer {image.layers[0].digest} would lose {LATE}" in lines
    assert (caught.value.hint or "").startswith("EROFS cannot" if nfs else "filesystem: erofs")
    assert b"good" not in out.getvalue() or len(out.getvalue()) < 20_000


class Cached(Registry):
    """Has everything already."""

    def fetch(self, image: LockedImage, source: Source) -> None:
        """Fetch nothing."""
        assert image.source == source.text


def test_what_images_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = Cache(tmp_path)
    good, late = small_layer("good"), layer_of(2)
    images = [
        put_image(cache, f"a.io/{name}:1", layers)
        for name, layers in (("plain", [good]), ("late", [good, late]), ("acl", [oddities.acl()]))
    ]
    registry = Cached(cache, tmp_path, Reporter())
    found = filesystems_of(registry, [(image, parse_source(image.source)) for image in images])
    assert found == ["squashfs", "erofs", "erofs"]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "look    3 layers"
    assert said[1] == (
        f"erofs   a.io/late:1 (x86_64): 2 files, '000' of layer {images[1].layers[1].digest} "
        f"would lose {LATE}"
    )
    assert [line.split()[1] for line in said[1:]] == ["a.io/late:1", "a.io/acl:1"]
