"""Locks: every image of a definition, for every arch, as digests.

``app.yaml`` is locked in ``app.lock.yaml`` beside it. From a lock and a warm cache all that
follows is offline and reproducible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from paack.helpers.definition import Definition
from paack.helpers.errors import LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock.fields import (
    as_digest,
    as_filesystem,
    as_names,
    as_size,
    as_text,
    as_time,
)
from paack.helpers.lock.locked_pack import LockedPack, pack_document, read_pack
from paack.helpers.oci import (
    LockedImage,
    LockedLayer,
    Source,
    names_of,
    parse_reference,
    parse_time,
)
from paack.helpers.workspace import workspace

FORMAT = 1
_ID = re.compile(r"[0-9a-f]{64}")
_HEAD = "# Made by paack lock. Commit it; change it with: paack lock --def FILE --update\n"


@dataclass(frozen=True, slots=True)
class LockedGroup:
    """Layers that are a package of their own: their IDs in the store, parents first.

    ``blobs`` are the digests of the blobs that they are made from, in the same order; older locks
    have none. Groups are equal when their layers are.
    """

    arch: str
    filesystem: str
    layers: tuple[str, ...]
    blobs: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Lock:
    """All images, by (source as the definition writes it, RPM arch), groups of layers, packs.

    ``packed`` is a digest of the packs, and of the packages and layers that they were chosen for.
    """

    images: Mapping[tuple[str, str], LockedImage] = field(default_factory=dict)
    groups: tuple[LockedGroup, ...] = ()
    packs: tuple[LockedPack, ...] = ()
    packed: str = ""

    def of(self, source: Source, arch: str) -> LockedImage:
        """Return the locked image of a source; KeyError when it is not there."""
        return self.images[source.text, arch]

    def groups_of(self, arch: str, filesystem: str) -> list[LockedGroup]:
        """Return the groups for an arch and a filesystem, in their order."""
        return [each for each in self.groups if (each.arch, each.filesystem) == (arch, filesystem)]

    def packs_of(self, arch: str, package: str) -> list[LockedPack]:
        """Return the packs of a package for an arch, in their order."""
        return [each for each in self.packs if each.arch == arch and package in each.packages]

    def blobs(self, arch: str, filesystem: str) -> dict[str, str]:
        """Return, by ID, the digests of the blobs that layers in groups are made from."""
        # Older locks do not say.
        return {
            key: digest
            for each in self.groups_of(arch, filesystem)
            for key, digest in zip(each.layers, each.blobs, strict=False)
        }


def lock_path(definition: Path) -> Path:
    """Return where the lock of a definition is: ``app.yaml`` -> ``app.lock.yaml``."""
    return definition.with_name(f"{definition.stem}.lock.yaml")


def lock_scratch(lock: Path) -> Path:
    """Return the directory where a lock is written before it appears."""
    return lock.with_name(f".{lock.name}.work")


def missing_lock(lock: Path, definition: Path | str) -> LockError:
    """Return the error of a definition that has no lock."""
    hint = f"{command('lock', def_=definition)}   (and commit the lock)"
    return LockError("there is no lock", place=Place(lock), hint=hint)


def wanted(definition: Definition) -> dict[tuple[str, str], Source]:
    """Return what a lock of ``definition`` must hold, sorted."""
    found = {(image.source.text, arch): image.source for arch, image in definition.images()}
    return dict(sorted(found.items()))


def is_named(source: Source, locked: LockedImage) -> bool:
    """Tell whether a locked image has the name that its line in the definition gives it."""
    name = parse_reference(locked.names[0])
    return (name.repo, name.tag) == (source.reference.repo, source.reference.tag)


def make_lock(
    definition: Definition,
    old: Lock,
    resolve: Callable[[Iterable[tuple[Source, str]]], Iterable[LockedImage]],
) -> Lock:
    """Resolve what ``old`` does not hold, keep what it does, drop what is not wanted.

    What is kept gets the names that the definition gives it now.
    """
    sources = wanted(definition)
    images = {key: old.images[key] for key in sources if key in old.images}
    for key, image in images.items():
        if not is_named(sources[key], image):
            names = names_of(sources[key].reference, image.list or image.manifest)
            images[key] = replace(image, names=names)
    missing = [(source, key[1]) for key, source in sources.items() if key not in images]
    for image in resolve(missing):
        images[image.source, image.arch] = image
    return Lock({key: images[key] for key in sources})


def newest(images: Iterable[LockedImage]) -> int:
    """Return the newest creation time, in seconds since 1970; 0 when there is none."""
    return max((parse_time(image.created) for image in images), default=0)


def dump(lock: Lock) -> str:
    """Return the lock as YAML: sorted, without clock or path."""
    images = []
    for image in lock.images.values():
        item = {name: value for name, value in asdict(image).items() if value is not None}
        item["names"] = list(image.names)
        item["layers"] = [asdict(layer) for layer in image.layers]
        images.append(item)
    document: dict[str, Any] = {"paack": FORMAT, "images": images}
    if lock.groups:
        document["groups"] = [
            {
                "arch": each.arch,
                "filesystem": each.filesystem,
                "layers": list(each.layers),
                **({"blobs": list(each.blobs)} if each.blobs else {}),
            }
            for each in lock.groups
        ]
    if lock.packed:
        document["packed"] = lock.packed
    if lock.packs:
        document["packs"] = [pack_document(each) for each in lock.packs]
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=200)


def write_lock(lock: Lock, path: Path) -> None:
    """Write the lock; it appears by rename."""
    try:
        with workspace(lock_scratch(path)) as work:
            scratch = work / path.name
            scratch.write_text(dump(lock), "utf-8")
            scratch.rename(path)
    except OSError as error:
        raise LockError(
            f"cannot be written: {error.strerror}",
            place=Place(path),
            hint="make its directory writable; the lock belongs beside the definition",
        ) from error


def read_lock(path: Path) -> Lock | None:
    """Read a lock, or return None when there is none; raise LockError when it is not right."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(document, dict) or document.get("paack") != FORMAT:
        raise _damaged(path, f"not a lock of format {FORMAT}")
    try:
        images = [_image(item) for item in document["images"]]
        groups = tuple(_group(item) for item in document.get("groups", ()))
        packs = tuple(read_pack(item) for item in document.get("packs", ()))
        packed = as_digest(document["packed"]) if "packed" in document else ""
        if len({(each.arch, each.digest) for each in packs}) != len(packs):
            raise ValueError("a pack comes twice")
    except KeyError as error:
        raise _damaged(path, f"{error} is missing") from error
    except (TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    return Lock({(image.source, image.arch): image for image in images}, groups, packs, packed)


def _group(item: dict[str, Any]) -> LockedGroup:
    layers = item["layers"]
    if not isinstance(layers, list) or not layers:
        raise ValueError("no list of layers")
    for layer in layers:
        if not _ID.fullmatch(as_text(layer)):
            raise ValueError(f"no ID of a layer: {layer!r}")
    blobs = item.get("blobs", [])
    if not isinstance(blobs, list) or len(blobs) not in (0, len(layers)):
        raise ValueError("no list of blobs, one for each layer")
    digests = tuple(as_digest(each) for each in blobs)
    filesystem = as_filesystem(item["filesystem"])
    return LockedGroup(as_text(item["arch"]), filesystem, tuple(layers), digests)


def _image(item: dict[str, Any]) -> LockedImage:
    layers = tuple(
        LockedLayer(as_digest(layer["digest"]), as_size(layer["size"]), as_digest(layer["diff_id"]))
        for layer in item["layers"]
    )
    return LockedImage(
        source=as_text(item["source"]),
        arch=as_text(item["arch"]),
        names=as_names(item["names"]),
        list=as_digest(item["list"]) if "list" in item else None,
        manifest=as_digest(item["manifest"]),
        config=as_digest(item["config"]),
        created=as_time(item["created"]),
        layers=layers,
        filesystem=as_filesystem(item["filesystem"]) if "filesystem" in item else None,
    )


def _damaged(path: Path, why: str) -> LockError:
    file = path.with_name(f"{path.name.removesuffix('.lock.yaml')}.yaml")
    return LockError(
        f"is not a usable lock: {why}",
        place=Place(path),
        hint=f"restore it from version control, or remove it and run: {command('lock', def_=file)}",
    )
