"""MicroShift's release files: the images of a release by name, one file per component and arch.

``release-ARCH.json`` is the core, ``release-COMPONENT-ARCH.json`` an optional component:
``{"release": {"base": VERSION}, "images": {NAME: REFERENCE@DIGEST}}``, as openshift/microshift has
them below ``assets/`` and its release-info packages in /usr/share/microshift/release. The version
of MicroShift is not in them, and ``base`` (which may be absent) is another for each arch.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paack.helpers.document import Problems
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.oci import ReferenceProblem, Source, parse_source
from paack.helpers.registry import NAMESPACES, namespace_of

ARCHES = ("x86_64", "aarch64")
CORE = "core"
#: The image that CRI-O's ``pause_image`` names on a MicroShift host; the second is of 2022.
PAUSES = ("pod", "pause")
COMPONENT = r"[a-z0-9]+(?:-[a-z0-9]+)*"

_FILE = re.compile(rf"release(?:-({COMPONENT}))?-(x86_64|aarch64)\.json")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_NUMBERS = re.compile(r"\d+\.\d+\.\d+")
_OCP = "quay.io/openshift-release-dev"
_LAYOUT = 'it should be {"release": {"base": …}, "images": {NAME: REFERENCE@sha256:…}}'


@dataclass(frozen=True, slots=True)
class ReleaseImage:
    """An image of a release: MicroShift's name for it, and the line of its file."""

    name: str
    source: Source
    line: int


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """What one release file says; ``component`` is CORE for the core."""

    file: Path
    component: str
    arch: str
    base: str | None
    images: tuple[ReleaseImage, ...]


def parse_file_name(name: str) -> tuple[str, str] | None:
    """Return (component, arch) of a release file's name; None when it is no such name."""
    match = _FILE.fullmatch(name)
    return (match[1] or CORE, match[2]) if match else None


def file_name(component: str, arch: str) -> str:
    """Return the name of the release file of a component."""
    return f"release-{arch}.json" if component == CORE else f"release-{component}-{arch}.json"


def parse_release(
    file: Path, content: bytes, errors: list[DefinitionError], tags: Collection[str] = ()
) -> ReleaseFile | None:
    """Parse a release file; add what is wrong to ``errors``, None when nothing can be made of it.

    Images of the components in ``tags`` need no digest.
    """
    problems = Problems(file)
    name = parse_file_name(file.name)
    if name is None or (name[0] == CORE and file.name != file_name(*name)):
        problems.add(0, "is not called as a release file is", "release-[COMPONENT-]ARCH.json")
        name = None
    document = _json(content, problems)
    if document is None or name is None:
        errors.extend(problems.found)
        return None
    text = content.decode()
    images = [
        release_image(key, value, _line(text, key), problems)
        for key, value in document["images"].items()
    ]
    if not images:
        problems.add(0, "names no image", _LAYOUT)
    release = document.get("release")
    base = release.get("base") if isinstance(release, dict) else None
    parsed = ReleaseFile(file, *name, str(base) if base else None, tuple(filter(None, images)))
    if parsed.component not in tags:
        hint = f"leave the component out, or accept its tags: --exclude {name[0]}, --tags {name[0]}"
        if parsed.component == CORE:
            hint = "take a release whose core is pinned, or accept its tags: --tags core"
        check_pinned(parsed, problems, hint)
    errors.extend(problems.found)
    return parsed


def check_registries(
    files: Sequence[ReleaseFile], namespaces: Collection[str] = NAMESPACES
) -> list[DefinitionError]:
    """Return an error for every image that comes from none of ``namespaces``."""
    hint = "check that it is right; if it is, allow it: --registry REGISTRY/NAMESPACE"
    return [
        _error(each, image.line, f"{image.name}: unknown registry: {image.source.text}", hint)
        for each in files
        for image in each.images
        if namespace_of(image.source.reference.repo, namespaces) is None
    ]


def check_releases(files: Sequence[ReleaseFile], where: Path) -> list[DefinitionError]:
    """Return what is wrong with the files of one release, all from ``where``, as a whole.

    The core must be there for every arch and have the pause image; the arches of a component must
    name the same images, of the same build.
    """
    by_component: dict[str, list[ReleaseFile]] = {CORE: []}
    for file in files:
        by_component.setdefault(file.component, []).append(file)
    errors = []
    for file in by_component[CORE]:
        if not any(image.name in PAUSES for image in file.images):
            hint = "MicroShift cannot start any pod without it: see CRI-O's pause_image"
            errors.append(
                _error(file, 0, f"the pause image {PAUSES[0]!r} is not in the core", hint)
            )
    errors += [
        DefinitionError(
            f"{file_name(CORE, arch)} is not there",
            place=Place(where),
            hint="a set has the core for both arches: name both files, or where they are",
        )
        for arch in ARCHES
        if arch not in {each.arch for each in by_component[CORE]}
    ]
    for group in by_component.values():
        if len(group) == len(ARCHES):
            errors += _check_arches(*sorted(group, key=lambda each: ARCHES.index(each.arch)))
    return errors


def _check_arches(first: ReleaseFile, second: ReleaseFile) -> list[DefinitionError]:
    """Compare the two arches of a component."""
    ours = {image.name: image for image in first.images}
    theirs = {image.name: image for image in second.images}
    where = f"{first.component}: {first.arch} and {second.arch}"
    errors = []
    if lacking := [
        f"{file.arch} has no {name}"
        for file, images, others in ((first, ours, theirs), (second, theirs, ours))
        for name in sorted(others.keys() - images.keys())
    ]:
        message = f"{where} do not name the same images: {'; '.join(lacking)}"
        errors.append(_error(second, 0, message, "take both files from the same release"))
    mixed = [
        f"{name} ({ours[name].source.reference.repo}, {theirs[name].source.reference.repo})"
        for name in ours.keys() & theirs.keys()
        if _is_ocp(ours[name]) != _is_ocp(theirs[name])
    ]
    if mixed:
        message = f"{where} are of different builds, one of OpenShift: {', '.join(sorted(mixed))}"
        errors.append(_error(second, 0, message, "take both files from the same release"))
    versions = [_NUMBERS.match(file.base or "") for file in (first, second)]
    if versions[0] and versions[1] and versions[0][0] != versions[1][0]:
        message = f"{where} are of different versions: {first.base}, {second.base}"
        errors.append(_error(second, 0, message, "take both files from the same release"))
    return errors


def _is_ocp(image: ReleaseImage) -> bool:
    return namespace_of(image.source.reference.repo, (_OCP,)) is not None


def _json(content: bytes, problems: Problems) -> dict[str, Any] | None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for key, times in Counter(key for key, _ in pairs).items():
            if times > 1:
                line = _line(content.decode(), key)
                problems.add(line, f"{key!r} comes twice", "remove one of them")
        return dict(pairs)

    try:
        document = json.loads(content.decode(), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        problems.add(error.lineno, f"is not JSON: {error.msg}", _LAYOUT)
        return None
    except (UnicodeDecodeError, RecursionError) as error:
        problems.add(0, f"is not JSON: {error}", _LAYOUT)
        return None
    if not isinstance(document, dict) or not isinstance(document.get("images"), dict):
        problems.add(0, "has no mapping 'images'", _LAYOUT)
        return None
    return document


def release_image(name: str, value: object, line: int, problems: Problems) -> ReleaseImage | None:
    """Return an image by its name and reference; None, with a problem, when one is not right."""
    if not _IMAGE.fullmatch(name):
        problems.add(line, f"{name!r} is no name of an image", "letters, digits and . _ -")
        return None
    try:
        source = parse_source(str(value) if isinstance(value, str) else "")
    except ReferenceProblem as problem:
        problems.add(line, f"{name}: {problem}", problem.hint)
        return None
    if source.origin is None or source.text.startswith("docker:"):
        problems.add(line, f"{name}: not a name in a registry: {value!r}", _LAYOUT)
        return None
    return ReleaseImage(name, source, line)


def check_pinned(file: ReleaseFile, problems: Problems, hint: str) -> None:
    """Note the images that have no digest as one problem."""
    loose = [each for each in file.images if each.source.reference.digest is None]
    if loose:
        problems.add(
            loose[0].line,
            f"{len(loose)} of {len(file.images)} images have no digest, and a tag may move: "
            + ", ".join(f"{each.name} ({each.source.text})" for each in loose),
            hint,
        )


def _line(text: str, key: str) -> int:
    """Return the line of a key, 0 when it is written with escapes."""
    match = re.search(rf"{re.escape(json.dumps(key, ensure_ascii=False))}\s*:", text)
    return text.count("\n", 0, match.start()) + 1 if match else 0


def _error(file: ReleaseFile, line: int, message: str, hint: str) -> DefinitionError:
    return DefinitionError(message, place=Place(file.file, line), hint=hint)
