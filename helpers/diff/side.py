"""Sides of a comparison: an RPM, a lock, a definition (its lock), or REVISION:FILE of git."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paack.helpers.blobs import Cache
from paack.helpers.diff.packages import listed
from paack.helpers.errors import UsageError
from paack.helpers.lock import Lock, LockedGroup, layers_of, lock_path, missing_lock, read_lock
from paack.helpers.oci import LockedImage, stored_layers
from paack.helpers.rpm import (
    FILES,
    ListedPackage,
    UnpackedRpm,
    check_is_rpm,
    is_part_name,
    query,
    read_bill,
    read_unit_list,
    unpack,
)
from paack.helpers.run import run
from paack.helpers.store import Rootfs, Table, packages_of, read_image, recorded
from paack.helpers.verify import Verifier

_LOCK = ".lock.yaml"


@dataclass(frozen=True)
class Side:
    """One of two things to compare: its images; ``rootfs`` reads their files (slow).

    ``download`` and ``disk`` are the bytes of an RPM and of the store image in it; None without.
    ``parts`` are the packages of layers, each with the bytes of its layers' blobs, and the packs
    (by digest) with theirs. ``packages`` gives those in an image: an RPM's bill has them, or the
    cache; None where neither has.
    ``units`` are an RPM's Quadlet units, each with a digest of all that it says and runs.
    """

    name: str
    images: tuple[LockedImage, ...]
    rootfs: Callable[[], Rootfs]
    download: int | None = None
    disk: int | None = None
    parts: Mapping[LockedGroup | str, int] = field(default_factory=dict)
    packages: Callable[[LockedImage], Sequence[ListedPackage] | None] = field(
        default=lambda _: None
    )
    units: Mapping[str, str] | None = None

    def layers(self) -> dict[str, int]:
        """Return the size of each layer's blob by its digest."""
        return {layer.digest: layer.size for image in self.images for layer in image.layers}


def side_of(text: str, verifier: Verifier, work: Path) -> Side:
    """Return what a word of the command line names; ``work`` must live as long as the Side.

    Raises UsageError when there is no such thing, LockError when a definition has no lock.
    """
    work.mkdir()
    path = Path(text)
    if path.suffix == ".rpm":
        check_is_rpm(path)
        if is_part_name(query(path, "%{NAME}")):
            raise UsageError(f"{path} has no images", hint="compare packages that need it")
        package = unpack(path, work)
        download = path.stat().st_size
        units = _units(work / "units")
        if package is None:
            return Side(text, (), lambda: Rootfs(Table()), download, 0, units=units)
        lock = _checked(package.lock, read_lock(package.lock))
        images = tuple(lock.images.values())
        if lock.groups or lock.packs:
            rootfs = _fetched(images, verifier, work)
            side = Side(text, images, rootfs, download, None, _parts(lock))
        else:
            side = Side(text, images, _stored(package), download, package.store.stat().st_size)
        return replace(side, packages=_listed(package), units=units)
    revision, colon, name = text.partition(":")
    if colon and not path.exists():
        path = Path(name)
        file = work / f"git{_LOCK}"
        file.write_bytes(_from_git(revision, path))
    else:
        file = _lock_file(path)
        if not file.is_file() and not path.is_file():
            hint = "name an RPM, a lock, a definition, or REVISION:FILE as for git show"
            raise UsageError(f"{path}: there is no such file", hint=hint)
    lock = _checked(file, read_lock(file))
    images = tuple(lock.images.values())
    # Sources that are relative paths start at the definition.
    there = replace(verifier, registry=replace(verifier.registry, base=path.parent))
    found = _in_cache(there.cache)
    return Side(text, images, _fetched(images, there, work), parts=_parts(lock), packages=found)


def _stored(package: UnpackedRpm) -> Callable[[], Rootfs]:
    return lambda: Rootfs(read_image(package.store, package.filesystem))


def _units(file: Path) -> Mapping[str, str]:
    """Return the digests of the units that an RPM lists."""
    text = file.read_text("utf-8", "replace") if file.exists() else ""
    return {each.name: each.digest for each in read_unit_list(text)}


def _listed(package: UnpackedRpm) -> Callable[[LockedImage], Sequence[ListedPackage] | None]:
    """Return the way to the packages of a bill; one that is no bill knows none."""
    bill = next((each for each in package.sboms if each.name == FILES["spdx"]), None)
    try:
        found = read_bill(bill) if bill and bill.exists() else {}
    except (ValueError, OSError):
        found = {}
    return lambda image: found.get(image.manifest)


def _in_cache(cache: Cache) -> Callable[[LockedImage], Sequence[ListedPackage] | None]:
    """Return the way to packages of images whose layers were read before: nothing is now."""

    def packages(image: LockedImage) -> Sequence[ListedPackage] | None:
        if not all(recorded(cache, layer) for layer in image.layers):
            return None
        return [listed(each) for each in packages_of(cache, [image])[image.manifest].packages]

    return packages


def _fetched(images: Sequence[LockedImage], verifier: Verifier, work: Path) -> Callable[[], Rootfs]:
    def rootfs() -> Rootfs:
        verifier.fetch(images)
        return Rootfs(verifier.expected(images, stored_layers(images), work))

    return rootfs


def _parts(lock: Lock) -> dict[LockedGroup | str, int]:
    layers = layers_of(lock.images.values())
    sizes = {key: layer.locked.size for key, layer in layers.items()}
    parts: dict[LockedGroup | str, int] = {each.digest: each.size for each in lock.packs}
    for group in lock.groups:
        parts[group] = sum(sizes.get(layer, 0) for layer in group.layers)
    return parts


def _lock_file(path: Path) -> Path:
    return path if path.name.endswith(_LOCK) else lock_path(path)


def _from_git(revision: str, path: Path) -> bytes:
    file = f"./{_lock_file(path)}"  # from here, not from the top of the repository
    command = ["git", "show", "--end-of-options", f"{revision}:{file}"]
    shown = run(command, check=False, quiet=True)
    if shown.status != 0:
        raise UsageError(
            f"{revision}:{path}: {shown.stderr.strip()}", hint="REVISION:FILE, as for git show"
        )
    return shown.stdout


def _checked(file: Path, lock: Lock | None) -> Lock:
    if lock is None:
        raise missing_lock(file, "FILE")
    return lock
