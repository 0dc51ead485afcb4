"""The images that units need: what podman would run, pull or mount, each with its place.

Names are as systemd would hand them to podman, with specifiers such as ``%N`` expanded. What
depends on the device (``%H``, ``$TAG``) stays: no image's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import PurePosixPath

from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes import ImageUse, images_of, read_objects
from paack.helpers.quadlet.named_files import below
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import Assignment
from paack.helpers.quadlet.unit_tree import UnitTree

#: Units that stand for an image in ``Image=``, and their keys with its name; the first one counts.
NAMING = {".image": ("ImageTag", "Image"), ".build": ("ImageTag",)}
#: What podman does with images that no package brings.
MADE_HERE = ("build", "artifact")
_INFRA = "--infra-image"


@dataclass(frozen=True, slots=True)
class UnitImage:
    """A use of an image by a unit.

    ``how`` is what podman does with it: "run", "pull" (.image), "volume" (Driver=image), "mount"
    (Mount=type=image), "build" (made on the device), "artifact", "infra" or "kube". ``policy`` is
    what the unit says of when to pull, "" for podman's default; ``policy_place`` is where.
    """

    unit: Unit
    how: str
    use: ImageUse
    policy: str = ""
    policy_place: Place | None = None


def unit_images(tree: UnitTree, directory: str) -> Iterator[UnitImage]:
    """Yield the images of all units; YAML that cannot be read is for the checks of manifests."""
    units = {unit.name: unit for unit in tree.units}
    for unit in tree.units:
        group = unit.kind.group
        if group == "Kube":
            yield from _kube(unit, tree, directory)
        elif group == "Artifact":
            yield from _named(unit, unit.file.last(group, "Artifact"), "artifact", units)
        elif group == "Build":
            yield from _named(unit, _first(unit.file.of(group, "ImageTag")), "build", units)
        elif group == "Image":
            policy = _policy(unit, "Policy", "--policy")
            yield from _named(unit, unit.file.last(group, "Image"), "pull", units, policy)
        elif group == "Container":
            policy = _policy(unit, "Pull", "--pull")
            yield from _named(unit, unit.file.last(group, "Image"), "run", units, policy)
            for mount in unit.file.arguments(group, "Mount"):
                yield from _named(unit, mounted_image(mount), "mount", units)
        elif group == "Volume" and unit.file.text(group, "Driver") == "image":
            yield from _named(unit, unit.file.last(group, "Image"), "volume", units)
        for value in option(unit, _INFRA):
            yield from _named(unit, value, "infra", units)


def mounted_image(mount: Assignment) -> Assignment | None:
    """Return the image of a ``Mount=type=image,source=IMAGE,…``; None for another mount."""
    options = [each.partition("=") for each in mount.value.split(",")]
    values = {key: value for key, _, value in options}
    source = values.get("source", values.get("src"))
    return replace(mount, value=source) if values.get("type") == "image" and source else None


def option(unit: Unit, name: str) -> list[Assignment]:
    """Return the values of an option of podman in ``PodmanArgs=``."""
    found = []
    words = unit.file.arguments(unit.kind.group, "PodmanArgs")
    for word, following in zip_longest(words, words[1:]):
        flag, equals, value = word.value.partition("=")
        if flag == name and equals:
            found.append(replace(word, value=value))
        elif flag == name and following:
            found.append(following)
    return found


def resolved(name: str, units: Mapping[str, Unit]) -> str | None:
    """Return the image that ``Image=NAME`` means: NAME, or what the unit of that name says.

    None when there is no such unit, or it does not say it. Its specifiers are those of the unit
    that has the ``Image=``: podman copies the text.
    """
    keys = NAMING.get(PurePosixPath(name).suffix)
    if keys is None:
        return name
    unit = units.get(name)
    if unit is None:
        return None
    group = unit.kind.group
    if group == "Build":
        tags = unit.file.of(group, "ImageTag")
        return tags[0].value if tags else None
    texts = [unit.file.text(group, key) for key in keys]
    return next(filter(None, texts), "") or None


def _has_instances(unit: Unit, units: Mapping[str, Unit]) -> bool:
    """Tell whether there are units like ``web@1.container`` of a template ``web@.container``."""
    start = unit.name.partition("@.")[0] + "@"
    others = (name for name in units if name != unit.name)
    return "@." in unit.name and any(name.startswith(start) for name in others)


def _first(found: list[Assignment]) -> Assignment | None:
    return found[0] if found else None


def _policy(unit: Unit, key: str, name: str) -> Assignment | None:
    """Return what says when to pull: of podman's options the last one, after the key's."""
    if options := option(unit, name):
        return options[-1]
    given = unit.file.last(unit.kind.group, key)
    return given if given and given.value else None


def _named(
    unit: Unit,
    named: Assignment | None,
    how: str,
    units: Mapping[str, Unit],
    policy: Assignment | None = None,
) -> Iterator[UnitImage]:
    """Yield the use of an image that a key names; nothing where podman refuses the unit."""
    if named is None or not named.value:
        return
    image = resolved(named.value, units)
    if image is None:
        return
    name = unit.expanded(image)
    if "%" in name and _has_instances(unit, units):
        return  # each of them is a unit of its own
    where = f"{unit.name} {named.key}={named.value if image != named.value else ''}"
    use = ImageUse(name, named.place, where.rstrip("="))
    if policy:
        yield UnitImage(unit, how, use, policy.value, policy.place)
    else:
        yield UnitImage(unit, how, use)


def _kube(unit: Unit, tree: UnitTree, directory: str) -> Iterator[UnitImage]:
    for named in unit.file.words("Kube", "Yaml"):
        target = below(unit.path, unit.expanded(named.value), directory)
        file = tree.files.get(target or "")
        if file is None:
            continue
        try:
            objects = read_objects(file.read_text("utf-8"), file)
        except (DefinitionError, OSError, ValueError):
            continue
        for item in objects:
            for use in images_of(item, file):
                yield UnitImage(unit, "kube", use)
