"""Kubernetes objects: which container images they name, and where.

Every pod specification is found wherever it stands (Deployment, CronJob, Job, List, a custom
resource that embeds one), since a list called ``containers`` of mappings with an ``image`` is one
everywhere. What custom resources say in other ways is a table that definitions extend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.document import Located, load_all
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes.candidates import NEEDED, PROBABLE, candidates
from paack.helpers.kubernetes.crds import without_schemas
from paack.helpers.kubernetes.custom_resources import CUSTOM_RESOURCES
from paack.helpers.oci import Reference, ReferenceProblem, parse_reference

_CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")
_RELATED_IMAGE = "RELATED_IMAGE_"  # the convention of operators built with operator-sdk


@dataclass(frozen=True, slots=True)
class ImageUse:
    """An image that an object names: the text, its place, and ``where``: ``KIND/NAME path``.

    ``policy`` is the pull policy, "" when none is written, None where there can be none.
    ``level`` says how sure it is: NEEDED, PROBABLE, POSSIBLE (it only looks like one), or
    UNFINDABLE for a text that is put together when it is used; ``reason`` why, but for NEEDED.
    """

    image: str
    place: Place
    where: str
    policy: str | None = None
    level: str = NEEDED
    reason: str = ""


def read_objects(text: str, file: Path) -> list[Located]:
    """Parse the objects in ``text``, those of Lists one by one; raise DefinitionError.

    A CustomResourceDefinition may come without its ``spec``.
    """
    try:
        documents = load_all(without_schemas(text), file)
        return [item for document in documents for item in _items(document)]
    except DefinitionError as error:
        hint = "render templates first (helm template), and package what comes out"
        raise DefinitionError(error.message, place=error.place, hint=error.hint or hint) from error


def full_name(image: str) -> Reference | None:
    """Return the name that ``image`` stands for, as docker completes it; None for no image name.

    A short name is of docker.io, which is where all but the most unusual devices look for it.
    """
    first, slash, _ = image.partition("/")
    if not slash or ("." not in first and ":" not in first and first != "localhost"):
        image = f"docker.io/{image}"
    try:
        return parse_reference(image)
    except ReferenceProblem:
        return None


def title_of(item: Located) -> str:
    """Return ``KIND/NAME`` of an object."""
    return f"{_text(item, 'kind') or '?'}/{_text(_get(item, 'metadata'), 'name') or '?'}"


def images_of(
    item: Located, file: Path, more: Sequence[tuple[str, str]] = ()
) -> Iterator[ImageUse]:
    """Yield the images that an object needs, or probably does; ``more``: (kind, path) of others."""
    return (use for use in all_images_of(item, file, more) if use.level in (NEEDED, PROBABLE))


def all_images_of(
    item: Located, file: Path, more: Sequence[tuple[str, str]] = ()
) -> Iterator[ImageUse]:
    """Yield every text of an object that is an image, looks like one, or will be made one."""
    kind, title = _text(item, "kind"), title_of(item)
    if kind == "CustomResourceDefinition":
        return  # describes containers, has none
    seen: set[tuple[str, int]] = set()
    for path, image, policy in _walk(item, ""):
        if isinstance(image.value, str):
            seen.add((image.value, image.line))
            yield ImageUse(image.value, Place(file, image.line), f"{title} {path}", policy)
    paths = [*((each[0], each[1]) for each in CUSTOM_RESOURCES), *more]
    for pattern in (path for wanted, path in paths if wanted == kind):
        for path, image in _select(item, pattern.split("."), ""):
            value = image.value
            if isinstance(value, str) and (value, image.line) not in seen:
                seen.add((value, image.line))
                yield ImageUse(value, Place(file, image.line), f"{title} {path}")
    for candidate in candidates(item):
        if (candidate.text, candidate.line) not in seen:
            seen.add((candidate.text, candidate.line))
            place, where = Place(file, candidate.line), f"{title} {candidate.path}"
            yield ImageUse(candidate.text, place, where, None, candidate.level, candidate.reason)


def _walk(item: Located, path: str) -> Iterator[tuple[str, Located, str | None]]:
    """Yield (path, image, pull policy) of all containers and image volumes below ``item``."""
    if isinstance(item.value, list):
        for number, each in enumerate(item.value):
            yield from _walk(each, f"{path}[{number}]")
    elif isinstance(item.value, dict):
        for key, value in item.value.items():
            key_path = f"{path}.{key}" if path else key
            if key in _CONTAINER_LISTS and isinstance(value.value, list):
                for number, container in enumerate(value.value):
                    yield from _container(container, f"{key_path}[{number}]")
            elif key == "volumes" and isinstance(value.value, list):
                for number, volume in enumerate(value.value):
                    image = _get(volume, "image")
                    reference = _get(image, "reference")
                    if reference is not None:
                        policy = _text(image, "pullPolicy") or ""
                        yield f"{key_path}[{number}].image.reference", reference, policy
            yield from _walk(value, key_path)


def _container(container: Located, path: str) -> Iterator[tuple[str, Located, str | None]]:
    image = _get(container, "image")
    if image is not None:
        yield f"{path}.image", image, _text(container, "imagePullPolicy") or ""
    for number, variable in enumerate(_list(container, "env")):
        for found in _in_variable(variable):
            yield f"{path}.env[{number}].value", found, None


def _in_variable(variable: Located) -> Iterator[Located]:
    """Yield the image in an environment variable of operator-sdk's convention."""
    value = _text(variable, "value")
    if value and (_text(variable, "name") or "").startswith(_RELATED_IMAGE):
        yield Located(value, (_get(variable, "value") or variable).line)


def _select(item: Located, parts: Sequence[str], path: str) -> Iterator[tuple[str, Located]]:
    if not parts:
        yield path, item
        return
    head, rest = parts[0], parts[1:]
    if isinstance(item.value, dict):
        for key, value in item.value.items():
            if head in ("*", key):
                yield from _select(value, rest, f"{path}.{key}" if path else key)
    elif isinstance(item.value, list) and head == "*":
        for number, value in enumerate(item.value):
            yield from _select(value, rest, f"{path}[{number}]")


def _items(item: Located) -> list[Located]:
    items = _get(item, "items")
    if (_text(item, "kind") or "").endswith("List") and items and isinstance(items.value, list):
        return [found for each in items.value for found in _items(each)]
    return [item]


def _get(item: Located | None, key: str) -> Located | None:
    value = item.value if item else None
    if not isinstance(value, dict):
        return None
    return value[key] if key in value else _get(value.get("<<"), key)


def _list(item: Located | None, key: str) -> list[Located]:
    found = _get(item, key)
    return found.value if found and isinstance(found.value, list) else []


def _text(item: Located | None, key: str) -> str | None:
    found = _get(item, key)
    return found.value if found and isinstance(found.value, str) else None
