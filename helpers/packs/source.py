"""Where the packs of a lock come from: whoever has one, its digest proves it.

The cache, its RPM among those that were built, its RPM in the published repository; or it is made
anew, if the images are there that it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from paack.helpers.errors import LockError, PaackError, RegistryError, VerificationError
from paack.helpers.hint import command, worded
from paack.helpers.lock import LockedPack
from paack.helpers.oci import LockedImage, source_of, stored_layers
from paack.helpers.registry import Registry, fetch_layers
from paack.helpers.rpm import pack_file, pack_rpm, packed_files
from paack.helpers.store import (
    Pack,
    check_contents,
    keep_pack,
    open_pack,
    pack_path,
    squashfs_store,
)
from paack.helpers.workspace import workspace

#: Gives, for an arch and a name, an RPM of the published repository (None: it is not there), in a
#: directory for work if it has to be fetched.
Published = Callable[[str, str, Path], AbstractContextManager[Path | None]]


@dataclass(frozen=True)
class PackSource:
    """Opens packs; ``images`` are those that packs may have been made from.

    ``output`` is ``_output``; ``beside`` are more directories that may have their RPMs. ``hint`` is
    what helps when nobody has a pack ("": what helps a build).
    """

    registry: Registry
    output: Path
    images: Sequence[LockedImage] = ()
    published: Published | None = None
    beside: tuple[Path, ...] = ()
    hint: str = ""

    def open(self, locked: LockedPack) -> Pack:
        """Return a pack, which is then in the cache; raise LockError when nobody has it."""
        if pack := self._cached(locked):
            return pack
        reasons, hints = ["not in the cache"], [self.hint or _hint()]
        for where, bring in self._ways(locked):
            with workspace(self.registry.cache.scratch()) as work:
                try:
                    bring(work)
                except PaackError as error:
                    reasons.append(f"{where}: {error.message}")
                    # Nothing needs to be packed anew for a registry that is away for an hour.
                    if isinstance(error, RegistryError) and error.hint:
                        hints.insert(0, error.hint)
                    continue
            if pack := self._cached(locked):
                self.registry.reporter.say(f"pack    {locked.digest[7:19]}: {where}")
                return pack
        needed = ", ".join(locked.packages)
        raise LockError(
            f"nobody has the pack {locked.digest} ({locked.arch}, {needed}):\n"
            + "\n".join(f"  {reason}" for reason in reasons),
            hint="; or ".join(hints),
        )

    def _cached(self, locked: LockedPack) -> Pack | None:
        """Return a pack that is in the cache; a damaged one is as none."""
        path = pack_path(self.registry.cache, locked.digest)
        with suppress(FileNotFoundError, VerificationError):
            pack = open_pack(path, locked.digest)
            if pack.size == locked.size:
                self.registry.cache.use(path)
                return pack
            pack.close()
        return None

    def _ways(self, locked: LockedPack) -> Iterator[tuple[str, Callable[[Path], None]]]:
        """Yield ways to a pack: their names, and what puts it into the cache with them."""
        for directory in dict.fromkeys([*self.beside, self.output / "rpms" / locked.arch]):
            rpm = directory / pack_rpm(locked.digest, locked.arch)
            yield str(rpm), partial(self._from_rpm, rpm, locked)
        yield "the published repository", partial(self._from_published, locked)
        yield "making it anew", partial(self._make_again, locked)

    def _from_published(self, locked: LockedPack, work: Path) -> None:
        if self.published is None:
            raise LockError("none is named")
        with self.published(locked.arch, pack_rpm(locked.digest, locked.arch), work) as rpm:
            if rpm is None:
                raise LockError("it is not there")
            self._from_rpm(rpm, locked, work)

    def _from_rpm(self, rpm: Path, locked: LockedPack, work: Path) -> None:
        if not rpm.is_file():
            raise LockError("it is not there")
        for file in packed_files(rpm):
            # Not more of a hostile one than it should be.
            if file.path == pack_file(locked.digest) and file.size == locked.size:
                file.copy(work / "pack")
                with closing(open_pack(work / "pack", locked.digest)) as pack:
                    check_contents(pack)
                keep_pack(self.registry.cache, work / "pack", locked.digest)
                return
        raise VerificationError("it has no such pack")

    def _make_again(self, locked: LockedPack, work: Path) -> None:
        cache, reporter = self.registry.cache, self.registry.reporter
        images = [image for image in self.images if image.arch == locked.arch]
        # Several images may have a layer in blobs of their own: any may have been the first.
        stored = {each.locked.digest: each for one in images for each in stored_layers([one])}
        lacking = [digest for digest in locked.blobs if digest not in stored]
        if lacking or not locked.blobs:
            raise LockError(f"no image in the lock has the layer {(lacking or ['?'])[0]} any more")
        layers = [stored[digest] for digest in locked.blobs]
        origins = [(image, source_of(image)) for image in images]
        fetch_layers(self.registry, origins, layers, arch=locked.arch, records=False)
        store = squashfs_store(cache, reporter)
        store.pack_again(work / "pack", [each.locked for each in layers], locked.bits)
        keep_pack(cache, work / "pack", locked.digest)


def _hint() -> str:
    return (
        f"name the repository where it is published: {worded('--packs-from WHERE')}; or make packs "
        f"anew, all of which is then downloaded: {command('lock', def_='FILE', repack=True)}"
    )
