"""The images that the manifests of a definition need: each with all places that name it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from paack.helpers.definition.definition import Definition
from paack.helpers.document import Located
from paack.helpers.errors import DefinitionError, PaackError, Place
from paack.helpers.kubernetes.kustomize import (
    Kustomization,
    kustomization_file,
    read_kustomization,
    render,
    transformed,
)
from paack.helpers.kubernetes.manifests import manifest_problems
from paack.helpers.kubernetes.objects import ImageUse, full_name, images_of, read_objects

_SUFFIXES = (".yaml", ".yml", ".json")

ImagePaths = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Need:
    """A use of an image in the manifests of a package, for these RPM arches."""

    package: str
    arches: tuple[str, ...]
    use: ImageUse


@dataclass
class Needs:
    """What all manifests of a definition need, and what is wrong with them.

    ``absent`` are directories that are not there: problems of the definition.
    """

    found: list[Need] = field(default_factory=list)
    problems: list[PaackError] = field(default_factory=list)
    absent: set[Path] = field(default_factory=set)

    @property
    def are_known(self) -> bool:
        """Whether ``found`` is all."""
        return not self.problems and not self.absent


def needs_of(definition: Definition) -> Needs:
    """Read the manifests of all packages, each directory once, with no network."""
    needs = Needs()
    for package in definition.packages:
        arches: dict[Path, list[str]] = {}
        for arch in package.arches:
            if arch.manifests and arch.manifests.is_dir():
                arches.setdefault(arch.manifests, []).append(arch.name)
            elif arch.manifests:
                needs.absent.add(arch.manifests)
        for directory, names in arches.items():
            needs.problems += manifest_problems(directory)
            for use in uses_in(directory, needs.problems, package.image_paths):
                needs.found.append(Need(package.name, tuple(names), use))
    return needs


def uses_in(
    directory: Path, problems: list[PaackError], more: ImagePaths = ()
) -> Iterator[ImageUse]:
    """Yield the images that the manifests below ``directory`` name; note what cannot be read.

    Kustomizations are rendered, but for those that others build on; files outside of any are
    taken as they are.
    """
    kustomizations: dict[Path, Kustomization] = {}
    broken: set[Path] = set()
    for home in sorted({directory, *(path.parent for path in directory.rglob("*"))}):
        file = kustomization_file(home)
        if file:
            try:
                kustomizations[home.resolve()] = read_kustomization(file)
            except (DefinitionError, OSError, ValueError) as error:
                problems.append(_problem(error, file))
                broken.add(home.resolve())
    used = {path for each in kustomizations.values() for path in each.uses}
    top = directory.resolve()
    for home, kustomization in kustomizations.items():
        # As a device does: a kustomization at the top is all that is applied.
        if home == top or not (home in used or top in kustomizations or kustomization.is_part):
            yield from _rendered(kustomization, kustomizations, problems, more)
    owners = broken | kustomizations.keys()
    for file in manifest_files(directory):
        if not owners & {file.parent.resolve(), *file.resolve().parents}:
            yield from _in_file(file, problems, more)


def manifest_files(directory: Path) -> list[Path]:
    """Return the files below ``directory`` that may hold objects, sorted."""
    return sorted(
        path for path in directory.rglob("*") if path.suffix in _SUFFIXES and path.is_file()
    )


def _in_file(file: Path, problems: list[PaackError], more: ImagePaths) -> Iterator[ImageUse]:
    try:
        objects = read_objects(file.read_text("utf-8"), file)
    except (DefinitionError, OSError, ValueError) as error:
        problems.append(_problem(error, file))
        return
    yield from _in_objects(objects, file, more)


def _in_objects(objects: list[Located], file: Path, more: ImagePaths) -> Iterator[ImageUse]:
    for item in objects:
        yield from images_of(item, file, more)


def _rendered(
    kustomization: Kustomization,
    others: dict[Path, Kustomization],
    problems: list[PaackError],
    more: ImagePaths,
) -> Iterator[ImageUse]:
    parts = _closure(kustomization, others)
    faults = [problem for part in parts for problem in part.problems]
    problems += faults
    if faults:
        return
    try:
        text = render(kustomization.directory)
        objects = read_objects(text, kustomization.file)
    except PaackError as error:
        problems.append(error)
        return
    places = _Places(parts, more)
    for use in _in_objects(objects, kustomization.file, more):
        yield replace(use, place=places.of(use) or Place(kustomization.file))


def _closure(top: Kustomization, others: dict[Path, Kustomization]) -> list[Kustomization]:
    """Return a kustomization and all that it builds on, itself first."""
    found: list[Kustomization] = []
    waiting = [top]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.append(each)
            for path in each.uses:
                if path in others:
                    waiting.append(others[path])
                elif file := kustomization_file(path):
                    waiting.append(read_kustomization(file))
    return found


class _Places:
    """Tells which line of the sources of a kustomization an image of the outcome is from."""

    def __init__(self, parts: list[Kustomization], more: ImagePaths):
        self._transformed = [
            (Place(part.file, line), repo, tag, digest)
            for part in parts
            for repo, tag, digest, line in transformed(part)
        ]
        self._written: dict[tuple[str, str], Place] = {}
        for part in parts:
            for file in manifest_files(part.directory):
                for use in _in_file(file, [], more):
                    self._written.setdefault((use.image, use.where), use.place)
                    self._written.setdefault((use.image, ""), use.place)

    def of(self, use: ImageUse) -> Place | None:
        written = self._written.get((use.image, use.where))
        return written or self._by_transformer(use) or self._written.get((use.image, ""))

    def _by_transformer(self, use: ImageUse) -> Place | None:
        name = full_name(use.image)
        for place, repo, tag, digest in self._transformed:
            if name and name.repo == repo and (tag or digest) in (None, name.tag, name.digest):
                return place
        return None


def _problem(error: Exception, file: Path) -> PaackError:
    if isinstance(error, PaackError):
        return error
    return DefinitionError(f"cannot be read: {error}", place=Place(file), hint="save it as UTF-8")
