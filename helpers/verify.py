"""Proving, without root, that the store inside an RPM is what its lock names.

The lock is in the RPM. From it, and the images' blobs (each checked by its digest), the store is
written again as it should be, and compared path by path with what the RPM's filesystem holds.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from helpers.cache import Cache
from helpers.definition_document import FILESYSTEMS
from helpers.device import image_names
from helpers.errors import BuildError, LockError, VerificationError
from helpers.lock import LockedImage, read_lock
from helpers.lock_chain import chain_problems
from helpers.progress import Reporter, count
from helpers.reference import parse_source
from helpers.registry import Registry
from helpers.run import reading, run
from helpers.store import stored_layers, write_store
from helpers.store_image import read_image
from helpers.store_table import Table, differences, read_table, show
from helpers.workspace import workspace

_SHOWN = 50
_PROVIDED = "container-image("
_HINT = "do not ship it: build it again, and see who changed it"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be: where (a path), in which layer, and what."""

    path: str
    what: str
    layer: str | None = None

    def __str__(self) -> str:
        where = f"layer {self.layer}: {self.path}" if self.layer else self.path
        return f"{where}: {self.what}"


@dataclass(frozen=True, slots=True)
class UnpackedRpm:
    """An unpacked RPM: its name, what it provides, its store image, lock and list of images."""

    name: str
    arch: str
    provides: tuple[str, ...]
    store: Path
    filesystem: str
    lock: Path
    images: Path


@dataclass(frozen=True)
class Verifier:
    """Verifies RPMs; blobs that the cache lacks are fetched. ``scratch`` is for work."""

    registry: Registry
    scratch: Path

    @property
    def cache(self) -> Cache:
        """Where the blobs are."""
        return self.registry.cache

    @property
    def reporter(self) -> Reporter:
        """Who is told."""
        return self.registry.reporter

    def verify_all(self, rpms: Sequence[Path]) -> Iterator[str]:
        """Yield what was proved of each RPM; at the end, raise VerificationError for the others."""
        failed: list[VerificationError] = []
        for rpm in rpms:
            try:
                yield self.verify(rpm)
            except VerificationError as error:
                failed.append(error)
        if failed:
            text = "\n".join(each.message for each in failed)
            raise VerificationError(text, hint=failed[0].hint)

    def verify(self, rpm: Path) -> str:
        """Return what was proved; raise VerificationError with every difference."""
        if not rpm.is_file():
            raise VerificationError(f"{rpm} is no file", hint="paack verify _output/rpms/*/*.rpm")
        self.scratch.mkdir(parents=True, exist_ok=True)
        with workspace(self.scratch) as work:
            found = list(_rpm_differences(rpm))
            images: list[LockedImage] = []
            if not found:  # else nothing in it can be trusted to be read
                package = unpack(rpm, work)
                if package is None:
                    return f"{rpm}: no images inside"
                images, more = self._differences(package, work)
                found += more
        if found:
            lines = [f"  {each}" for each in found[:_SHOWN]]
            lines += [f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
            raise VerificationError(
                f"{rpm}: {count(len(found), 'difference')}:\n" + "\n".join(lines), hint=_HINT
            )
        layers = stored_layers(images)
        return f"{rpm}: {count(len(images), 'image')}, {count(len(layers), 'layer')}: as locked"

    def _differences(
        self, package: UnpackedRpm, work: Path
    ) -> tuple[list[LockedImage], list[Difference]]:
        shared = f"/usr/share/paack/{package.name}"
        try:
            lock = read_lock(package.lock)
        except LockError as error:
            return [], [Difference(f"{shared}/lock.yaml", error.message)]
        images = list(lock.images.values()) if lock else []
        found = list(_list_differences(package, images))
        self.fetch(images)
        for image in images:
            found += [
                Difference(f"{shared}/lock.yaml", f"{image.source} ({image.arch}): {problem}")
                for problem in chain_problems(image, self.cache)
            ]
        found += self.verify_store(package.store, package.filesystem, images, work)
        return images, found

    def fetch(self, images: Sequence[LockedImage]) -> None:
        """Bring what the cache lacks of the images."""
        for image in images:
            self.registry.fetch(image, parse_source(image.source, image.names[0]))

    def verify_store(
        self, store: Path, filesystem: str, images: Sequence[LockedImage], work: Path
    ) -> list[Difference]:
        """Return how a store image differs from what a lock names; ``work`` is for spools."""
        with ThreadPoolExecutor(1) as pool:
            reading_found = pool.submit(read_image, store, filesystem)
            expected = self.expected(images, work)
            try:
                found = reading_found.result()
            except (BuildError, ValueError) as error:
                return [Difference(store.name, f"cannot be read: {error}")]
        layers = {each.id.encode(): each.locked.digest for each in stored_layers(images)}
        return [_difference(path, what, layers) for path, what in differences(expected, found)]

    def expected(self, images: Sequence[LockedImage], work: Path) -> Table:
        """Return the store of a lock: the stream that a build pipes into the image maker."""
        reader, writer = os.pipe()

        def write() -> None:
            with os.fdopen(writer, "wb") as out:
                write_store(out, images, self.cache, work, self.reporter, lambda *_: None)

        with os.fdopen(reader, "rb") as stream, ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            try:
                table = read_table(stream)
            except ValueError:
                writing.result()  # the reason, if it is there
                raise
            writing.result()
        return table


def _difference(path: bytes, what: str, layers: dict[bytes, str]) -> Difference:
    """Name a path of the store as a person knows it: a layer, and a path in it."""
    parts = path.split(b"/")
    identifier = parts[1].partition(b".")[0] if len(parts) > 1 else b""
    layer = layers.get(identifier)
    if layer and parts[2:3] == [b"diff"]:
        return Difference("/" + show(b"/".join(parts[3:])), what, layer)
    return Difference(show(path), what, layer)


def _rpm_differences(rpm: Path) -> Iterator[Difference]:
    """Yield what rpm itself says: digests of header and payload."""
    result = run(
        ["rpmkeys", "--checksig", "--nosignature", str(rpm.resolve())], check=False, quiet=True
    )
    if result.status != 0:
        said = (result.stdout.decode("utf-8", "replace") + result.stderr).strip().splitlines()
        yield Difference(rpm.name, f"rpm: {said[-1].rpartition(': ')[2] if said else 'no RPM'}")


def unpack(rpm: Path, work: Path) -> UnpackedRpm | None:
    """Take what matters out of an RPM, into ``work``; None when it has no images (but manifests).

    Raises VerificationError when it has only some of what belongs together.
    """
    query = ["rpm", "-qp", "--nosignature", "--qf", r"%{NAME}\n%{ARCH}\n[%{PROVIDES}\n]"]
    said = run([*query, str(rpm.resolve())], quiet=True).stdout.decode()
    name, arch, *provides = said.splitlines()
    shared = f"usr/share/paack/{name}"
    wanted = {f"{shared}/lock.yaml": work / "lock.yaml", f"{shared}/images": work / "images"}
    stores: list[Path] = []
    with (
        rpm.open("rb") as file,
        reading(["rpm2archive", "--nocompression", "-"], file) as out,
        tarfile.open(fileobj=out, mode="r|*") as archive,
    ):
        for member in archive:
            path = PurePosixPath("/", member.name).relative_to("/")
            target = wanted.get(str(path))
            if target is None and path.suffix[1:] in FILESYSTEMS and member.isreg():
                target = work / f"{len(stores)}.{path.suffix[1:]}"
                stores.append(target)
            content = archive.extractfile(member) if target else None
            if target and content:
                with target.open("wb") as copy:
                    while chunk := content.read(1 << 20):
                        copy.write(chunk)
    claims = any(each.startswith(_PROVIDED) for each in provides)
    if not stores and not claims and not any(each.exists() for each in wanted.values()):
        return None
    if len(stores) != 1 or not all(each.exists() for each in wanted.values()):
        raise VerificationError(
            f"{rpm}: holds {count(len(stores), 'store image')}, "
            f"{'a' if (work / 'lock.yaml').exists() else 'no'} lock and "
            f"{'a' if (work / 'images').exists() else 'no'} list of images",
            hint="only RPMs that paack made, with images inside, can be verified",
        )
    filesystem = stores[0].suffix[1:]
    lock, images = wanted.values()
    return UnpackedRpm(name, arch, tuple(provides), stores[0], filesystem, lock, images)


def _list_differences(package: UnpackedRpm, images: Sequence[LockedImage]) -> Iterator[Difference]:
    """Compare what the RPM says of its images in other places with the lock."""
    names = image_names(images)
    listed = package.images.read_text("utf-8", "replace").splitlines()
    where = f"/usr/share/paack/{package.name}/images"
    yield from _compare(where, names, listed)
    wanted = [f"container-image({name})" for name in names]
    provided = [each for each in package.provides if each.startswith(_PROVIDED)]
    yield from _compare("Provides", wanted, provided)
    lock = f"/usr/share/paack/{package.name}/lock.yaml"
    for arch in sorted({image.arch for image in images} - {package.arch}):
        yield Difference(lock, f"names images for {arch}; the RPM is for {package.arch}")


def _compare(where: str, wanted: Sequence[str], found: Sequence[str]) -> Iterator[Difference]:
    for name in sorted(set(wanted) - set(found)):
        yield Difference(where, f"{name} is missing")
    for name in sorted(set(found) - set(wanted)):
        yield Difference(where, f"{name} is not of the lock")
