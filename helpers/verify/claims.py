"""What an RPM says of its images and layers in places other than its lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from paack.helpers.blobs import Cache
from paack.helpers.errors import RegistryError
from paack.helpers.oci import LockedImage
from paack.helpers.packages import ImagePackages
from paack.helpers.rpm import (
    MAKERS,
    PROGRAM_PREFIX,
    PROVIDED,
    UnpackedRpm,
    image_names,
    is_part_name,
    maker_of,
    named_groups,
    required,
    unit_of,
)
from paack.helpers.store import show
from paack.helpers.verify.difference import Difference, compare


def needs_differences(package: UnpackedRpm, packs: Sequence[str]) -> Iterator[Difference]:
    """Compare the packages of layers that rpm and systemd see with the list of them.

    ``packs`` are the packages that it has to require besides. Its program may be of any paack.
    """
    names = named_groups(package.layers)
    wanted = [required(name) for name in (*names, *packs)]
    parts = [each for each in package.requires if is_part_name(each.partition(" ")[0])]
    there = [each for each in parts if not each.startswith(PROGRAM_PREFIX)]
    yield from compare("Requires", wanted, there)
    text = package.drop_in.read_text("utf-8", "replace") if package.drop_in.exists() else ""
    units = [unit_of(name) for name in names]
    for key in ("Requires", "After"):
        lines = [line.partition("=") for line in text.splitlines()]
        found = [unit for name, _, value in lines if name == key for unit in value.split()]
        yield from compare(f"{unit_of(package.name)}.d/{package.drop_in.name} {key}", units, found)


def list_differences(package: UnpackedRpm, images: Sequence[LockedImage]) -> Iterator[Difference]:
    """Compare what the RPM says of its images in other places with the lock."""
    names = image_names(images)
    listed = package.images.read_text("utf-8", "replace").splitlines()
    where = f"/usr/share/paack/{package.name}/images"
    yield from compare(where, names, listed)
    wanted = [f"container-image({name})" for name in names]
    provided = [each for each in package.provides if each.startswith(PROVIDED)]
    yield from compare("Provides", wanted, provided)
    lock = f"/usr/share/paack/{package.name}/lock.yaml"
    for arch in sorted({image.arch for image in images} - {package.arch}):
        yield Difference(lock, f"names images for {arch}; the RPM is for {package.arch}")


def sbom_differences(
    package: UnpackedRpm,
    images: Sequence[LockedImage],
    cache: Cache,
    inside: Mapping[str, ImagePackages],
) -> Iterator[Difference]:
    """Compare the bills of materials with what they would be, made of the lock and the blobs.

    ``inside`` are the packages of the images by their manifests.
    """
    configs = {image.config: cache.read(image.config) for image in images}
    for file in package.sboms:
        where = f"/usr/share/paack/{package.name}/{file.name}"
        kind = maker_of(file.name)
        if not file.exists():
            # SPDX is always there, others only where the definition has them.
            if kind == "spdx":
                yield Difference(where, "is missing")
            continue
        try:
            wanted = MAKERS[kind](package.subject, images, configs, inside).splitlines()
        except RegistryError:
            return  # a config that is none was found by its chain
        there = file.read_bytes().splitlines()
        for number, (one, other) in enumerate(zip_longest(wanted, there), 1):
            if one != other:
                yield Difference(where, f"line {number} is not of the lock: {show(other or b'')}")
                break
