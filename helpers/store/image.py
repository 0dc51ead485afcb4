"""The store image: one file that holds a store as a read-only filesystem.

squashfs is linked from compiled layers; no tool of the host has a part in it, so that it is the
same on every host. EROFS is made by mkfs.erofs (erofs-utils >= 1.8), which reads the store's tar
stream, and gives the same bytes for the same version. Neither needs root or a temporary tree.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paack.helpers.blobs import Cache
from paack.helpers.errors import BuildError, ToolError
from paack.helpers.oci import LockedImage, StoredLayer
from paack.helpers.progress import Reporter, human
from paack.helpers.run import Result, feed, require, run
from paack.helpers.store.inventory import record
from paack.helpers.store.layer import Layer
from paack.helpers.store.pack import Pack
from paack.helpers.store.squashfs_store import BLOCK_SIZE, SETTINGS, SquashfsStore, zstd_version
from paack.helpers.store.store import LAYOUT
from paack.helpers.store.tar_store import write_store

#: rpm-ostree reads RPMs through libarchive, which cannot read files of 4 GiB in them.
SIZE_LIMIT = int(3.9 * (1 << 30))

_EROFS_OLDEST = (1, 8)
_EROFS_UUID = "7061616b-0000-4000-8000-000000000000"
_NOISE = re.compile(r"^$|^mkfs\.erofs \d|^<W> .*experimental|^Build completed|^-{3,}$", re.M)


@dataclass(frozen=True, slots=True)
class ImageMaker:
    """A filesystem, the tool that makes it, and the tool's version (all of which make bytes)."""

    filesystem: str
    tool: str
    version: str

    @property
    def recipe(self) -> str:
        """What besides the lock decides the bytes of a store image."""
        made = f"layout {LAYOUT}; {self.filesystem}; {self.tool} {self.version}; "
        if self.filesystem == "squashfs":
            return f"{made}{SETTINGS}; blocks of {BLOCK_SIZE}"
        return made + " ".join(self.command(Path("IMAGE")))

    def command(self, target: Path) -> list[str]:
        """Return the command that reads a tar stream and writes ``target`` (EROFS)."""
        # -T0 alone gives every file the time 0; to keep the files' own takes --mkfs-time.
        options = ["-T0", "--mkfs-time", f"-U{_EROFS_UUID}"]
        return [self.tool, "--quiet", *options, "--tar=f", str(target)]


def image_maker(filesystem: str) -> ImageMaker:
    """Return the maker of ``filesystem``; raise ToolError when its tool is missing or too old."""
    if filesystem == "squashfs":
        return ImageMaker(filesystem, "zstd", zstd_version())
    tool = "mkfs.erofs"
    said = run([require(tool), "-V"], quiet=True, check=False)
    match = re.search(r"(\d+(?:\.\d+)+)", said.stdout.decode() + said.stderr)
    version = match[1] if match else "unknown"
    numbers = tuple(map(int, match[1].split(".")[:2])) if match else ()
    if numbers < _EROFS_OLDEST:
        raise ToolError(
            f"mkfs.erofs {version} cannot make a store from a tar stream; 1.8 or newer can",
            hint="install a newer erofs-utils, or use filesystem: squashfs",
        )
    return ImageMaker(filesystem, tool, version)


def squashfs_store(cache: Cache, reporter: Reporter) -> SquashfsStore:
    """Return the maker of squashfs stores, indexes and packs."""
    return SquashfsStore(cache, reporter, image_maker("squashfs").recipe)


def libzstd_version() -> str:
    """Return the version of the system's libzstd: what rpmbuild compresses payloads with."""
    try:
        version = ctypes.CDLL("libzstd.so.1").ZSTD_versionString
    except OSError:
        return "unknown"
    version.restype = ctypes.c_char_p
    return str(version().decode())


def make_image(
    target: Path,
    maker: ImageMaker,
    images: Sequence[LockedImage],
    layers: Sequence[StoredLayer],
    cache: Cache,
    reporter: Reporter,
    packs: Sequence[Pack] = (),
) -> None:
    """Write the store of ``images`` as a filesystem image to ``target``; see ``write_store``.

    With ``packs`` (squashfs only) it is the index over these. Spools go beside it. Raises
    BuildError when the filesystem cannot hold a file, and when the tool fails, warns, or the image
    is too large.
    """

    def write(out: IO[bytes]) -> None:
        scratch = target.parent

        def look(layer: Layer) -> None:
            record(cache, layer, scratch)

        write_store(out, images, layers, cache, scratch, reporter, maker.filesystem, look)

    if maker.filesystem == "squashfs":
        SquashfsStore(cache, reporter, maker.recipe).make(target, images, layers, packs)
    else:
        _check_result(maker, feed(maker.command(target), write))
    check_size("the store image", target)


def check_size(what: str, file: Path) -> None:
    """Raise BuildError for a file, called ``what``, that is too large to be packaged."""
    size = file.stat().st_size
    if size >= SIZE_LIMIT:
        raise BuildError(
            f"{what} has {human(size)}; rpm-ostree cannot read files of 4 GiB or more",
            hint="spread the images over several packages",
        )


def _check_result(maker: ImageMaker, result: Result) -> None:
    """A tool that warns has left something out: that is an error here."""
    said = [line for line in result.stderr.splitlines() if not _NOISE.search(line)]
    if result.status == 0 and not said:
        return
    if any("No space left" in line for line in said):
        raise BuildError(
            f"the disk is full\n{result.explain()}", hint="make room, or build elsewhere"
        )
    raise BuildError(
        f"{maker.tool} did not make the store image\n{result.explain()}",
        hint="if a file is to blame, try the other filesystem (squashfs or erofs)",
    )
