"""The images that the manifests of a definition need: each with all places that name it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from paack.helpers.definition import MANIFEST_SUFFIXES, Definition, IgnoredImage
from paack.helpers.errors import DefinitionError, PaackError, Place
from paack.helpers.kubernetes.candidates import NEEDED, PROBABLE
from paack.helpers.kubernetes.images import ImageUse, all_images_of, full_name, read_objects
from paack.helpers.kubernetes.kustomize import (
    Kustomization,
    kustomization_file,
    read_kustomization,
    render,
)
from paack.helpers.kubernetes.kustomize_versions import version_warnings
from paack.helpers.kubernetes.manifests import manifest_problems
from paack.helpers.kubernetes.slim import slim_copy
from paack.helpers.kubernetes.sources import Places, Reading, Sources, problem_at


@dataclass(frozen=True, slots=True)
class Need:
    """A use of an image in the manifests of a package, for these RPM arches.

    ``ignored`` is what the definition says why it does not count, None when it does.
    """

    package: str
    arches: tuple[str, ...]
    use: ImageUse
    ignored: IgnoredImage | None = None


@dataclass
class Needs:
    """What all manifests of a definition need, and what is wrong with them.

    ``others`` are texts that only look like images, or cannot be known to be one. ``absent`` are
    directories that are not there: problems of the definition.
    """

    found: list[Need] = field(default_factory=list)
    others: list[Need] = field(default_factory=list)
    problems: list[PaackError] = field(default_factory=list)
    warnings: list[DefinitionError] = field(default_factory=list)
    absent: set[Path] = field(default_factory=set)

    @property
    def are_known(self) -> bool:
        """Whether ``found`` is all."""
        return not self.problems and not self.absent


def needs_of(definition: Definition) -> Needs:
    """Read the manifests of all packages, each directory once, with no network."""
    needs = Needs()
    sources = Sources()
    for package in definition.packages:
        arches: dict[Path, list[str]] = {}
        for arch in package.arches:
            if arch.manifests and arch.manifests.exists():
                arches.setdefault(arch.manifests, []).append(arch.name)
            elif arch.manifests:
                needs.absent.add(arch.manifests)
        for directory, names in arches.items():
            needs.problems += manifest_problems(directory)
            reading = Reading(sources, package.image_paths, needs.warnings)
            for use in uses_in(directory, needs.problems, reading):
                is_need = use.level in (NEEDED, PROBABLE)
                found = needs.found if is_need else needs.others
                ignored = ignored_by(use.image, package.ignore_images)
                found.append(Need(package.name, tuple(names), use, ignored))
    return needs


def ignored_by(image: str, entries: Iterable[IgnoredImage]) -> IgnoredImage | None:
    """Return the entry of ``ignoreImages`` that settles an image, if one does."""
    name = full_name(image)
    for entry in entries:
        if fnmatchcase(image, entry.image):
            return entry
        wanted = full_name(entry.image)
        has_version = re.search("[:@]", entry.image.rpartition("/")[2])
        if name and wanted and (name == wanted if has_version else name.repo == wanted.repo):
            return entry
    return None


def uses_in(
    directory: Path,
    problems: list[PaackError],
    reading: Reading | None = None,
) -> Iterator[ImageUse]:
    """Yield all texts that are images, or may be, below ``directory``; note what cannot be read.

    Kustomizations are rendered, but for those that others build on; files outside of any are
    taken as they are.
    """
    reading = reading or Reading()
    kustomizations, broken = _kustomizations(directory, problems)
    used = {path for each in kustomizations.values() for path in each.uses}
    top = directory.resolve()
    # As a device does: a kustomization at the top is all that is applied.
    tops = [
        each
        for home, each in kustomizations.items()
        if home == top or not (home in used or top in kustomizations or each.is_part)
    ]
    if tops:
        named = {file for each in kustomizations.values() for file in (each.file, *each.files)}
        with slim_copy(directory, sorted(named)) as copy:
            rendering = _Rendering(directory, copy, kustomizations, reading)
            for kustomization in tops:
                yield from rendering.uses(kustomization, problems)
    owners = broken | kustomizations.keys()
    for file in manifest_files(directory):
        if not owners & {file.parent.resolve(), *file.resolve().parents}:
            try:
                yield from reading.uses(file)
            except PaackError as error:
                problems.append(error)


def _kustomizations(
    directory: Path, problems: list[PaackError]
) -> tuple[dict[Path, Kustomization], set[Path]]:
    """Return the kustomizations at or below ``directory``, and where one cannot be read."""
    kustomizations: dict[Path, Kustomization] = {}
    broken: set[Path] = set()
    for home in sorted({directory, *(path.parent for path in directory.rglob("*"))}):
        if file := kustomization_file(home):
            try:
                kustomizations[home.resolve()] = read_kustomization(file)
            except (DefinitionError, OSError, ValueError) as error:
                problems.append(problem_at(error, file))
                broken.add(home.resolve())
    return kustomizations, broken


def manifest_files(directory: Path) -> list[Path]:
    """Return the files below ``directory``, or itself, that may hold objects, sorted."""
    paths = [directory] if directory.is_file() else directory.rglob("*")
    return sorted(path for path in paths if path.suffix in MANIFEST_SUFFIXES and path.is_file())


@dataclass
class _Rendering:
    """Renders kustomizations, from a ``copy`` of their directory if there is one."""

    directory: Path
    copy: Path | None
    others: dict[Path, Kustomization]
    reading: Reading

    def uses(self, kustomization: Kustomization, problems: list[PaackError]) -> Iterator[ImageUse]:
        """Yield the images that the objects of a kustomization name."""
        parts = _closure(kustomization, self.others)
        faults = [problem for part in parts for problem in part.problems]
        problems += faults
        if faults:
            return
        try:
            text = self._render(kustomization, parts)
            objects = read_objects(text, kustomization.file)
        except PaackError as error:
            problems.append(error)
            return
        uses = [
            use
            for item in objects
            for use in all_images_of(item, kustomization.file, self.reading.more)
        ]
        places = Places(parts, self.reading, {use.image for use in uses})
        for part in parts:
            if "images" in (part.document.value or ()):
                self.reading.warnings.extend(version_warnings(part, places.uses))
        for use in uses:
            yield replace(use, place=places.of(use) or Place(kustomization.file))

    def _render(self, kustomization: Kustomization, parts: list[Kustomization]) -> str:
        homes = [part.directory.resolve() for part in parts]
        top = self.directory.resolve()
        if self.copy and all(home.is_relative_to(top) for home in homes):
            # A patch of what the copy lacks fails there; messages are to name the real files.
            with suppress(DefinitionError):
                return render(self.copy / homes[0].relative_to(top))
        return render(kustomization.directory)


def _closure(top: Kustomization, others: dict[Path, Kustomization]) -> list[Kustomization]:
    """Return a kustomization and all that it builds on, itself first."""
    closure: dict[Path, Kustomization] = {}
    waiting = [top]
    while waiting:
        each = waiting.pop()
        if each.file not in closure:
            closure[each.file] = each
            for path in each.uses:
                if path in others:
                    waiting.append(others[path])
                elif file := kustomization_file(path):
                    waiting.append(read_kustomization(file))
    return list(closure.values())
