"""Image sets of MicroShift's releases, loaded and checked: ``microshift-images/NAME.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from paack.helpers.document import Problems, bind, load, suggest
from paack.helpers.errors import DefinitionErrors, UsageError
from paack.helpers.hint import command
from paack.helpers.microshift.old_set import OLD_FILE, read_old_set
from paack.helpers.microshift.release_images import (
    ARCHES,
    COMPONENT,
    CORE,
    PAUSES,
    ReleaseFile,
    ReleaseImage,
    check_pinned,
    check_registries,
    check_releases,
    release_image,
)
from paack.helpers.microshift.set_document import ON_REQUEST, SUFFIX, ComponentDocument, SetDocument

SETS = Path("microshift-images")
_NAME = re.compile(r"[0-9][A-Za-z0-9._+^-]*")
_IMPORT_HINT = f"add one: {command('microshift.import', from_='RPM')}   (or --sets DIRECTORY)"


@dataclass(frozen=True, slots=True)
class ImageSet:
    """One MicroShift release: its images by component (the core first) and arch.

    What the set adds is in them, and what it leaves out is not.
    """

    file: Path
    document: SetDocument
    components: Mapping[str, Mapping[str, ReleaseFile]]

    @property
    def name(self) -> str:
        """The name of its file, which ``--version`` takes."""
        return self.directory.name

    @property
    def directory(self) -> Path:
        """Where its locks are: beside the file, called as it."""
        return self.file.parent if self.is_old else self.file.with_suffix("")

    @property
    def version(self) -> str:
        """The RPM version of the package ``microshift``."""
        return self.document.version

    @property
    def is_old(self) -> bool:
        """Whether an older paack made it: a directory of release files."""
        return self.file.name == OLD_FILE

    @property
    def optional(self) -> tuple[str, ...]:
        """The optional components."""
        return tuple(each for each in self.components if each != CORE)

    def by_tag(self, component: str) -> list[ReleaseImage]:
        """Return the images of a component that no digest pins, each name once."""
        images = [each for file in self.components[component].values() for each in file.images]
        loose = (each for each in images if each.source.reference.digest is None)
        return list({each.name: each for each in loose}.values())


def load_set(file: Path) -> ImageSet:
    """Load and check a set; raise DefinitionErrors with all of its problems."""
    if file.name == OLD_FILE:
        return image_set(file, read_old_set(file))
    problems = Problems(file)
    document = bind(SetDocument, load(file), problems)
    if document is None or problems.found:
        raise DefinitionErrors(problems.found)
    return image_set(file, document)


def image_set(file: Path, document: SetDocument) -> ImageSet:
    """Check the document of a set, which is or shall be in ``file``; raise DefinitionErrors."""
    problems = Problems(file)
    released = {
        name: _released(name, component, problems)
        for name, component in document.components.items()
    }
    flat = [each for arches in released.values() for each in arches]
    # A component that is wrong by itself would seem to differ from its other arch.
    if not problems.found:
        problems.found += check_releases(flat, file)
    components = {
        name: {each.arch: _changed(each, document.components[name], problems) for each in arches}
        for name, arches in released.items()
    }
    ordered = {name: components[name] for name in sorted(components, key=lambda n: (n != CORE, n))}
    _check(document, ordered, problems)
    problems.check()
    return ImageSet(file, document, ordered)


def find_set(sets: Path, version: str | None) -> ImageSet:
    """Return the set of a version, named by its file or RPM version.

    Without ``version`` the newest release: no candidate, and not OKD's. Raises UsageError.
    """
    files = set_files(sets)
    if not files:
        raise UsageError(f"no set of images in {sets}/", hint=_IMPORT_HINT)
    if version is None:
        releases = [name for name in files if re.fullmatch(r"\d+(\.\d+)*", name)]
        if not releases:
            raise UsageError(
                f"no set in {sets}/ is of a release", hint=f"--version takes: {', '.join(files)}"
            )
        return load_set(files[max(releases, key=_numbers)])
    if version in files:
        return load_set(files[version])
    for file in files.values():
        if _version_of(file) == version:
            return load_set(file)
    raise UsageError(
        f"there is no set for MicroShift {version!r}; there are: {', '.join(files)}",
        hint=f"{suggest(version, tuple(files))}   (add one: "
        f"{command('microshift.import', from_='RPM')})",
    )


def set_files(sets: Path) -> dict[str, Path]:
    """Return the files of all sets by name, the oldest version first."""
    found = {file.parent.name: file for file in sets.glob(f"*/{OLD_FILE}")}
    found |= {file.stem: file for file in sets.glob(f"*{SUFFIX}") if _NAME.fullmatch(file.stem)}
    return {name: found[name] for name in sorted(found, key=lambda name: (_numbers(name), name))}


def is_set_name(name: str) -> bool:
    """Tell whether a set can be called so."""
    return _NAME.fullmatch(name) is not None


def _version_of(file: Path) -> object:
    keys = load(file).value
    version = keys.get("version") if isinstance(keys, dict) else None
    return version.value if version else None


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", name))


def _released(name: str, component: ComponentDocument, problems: Problems) -> list[ReleaseFile]:
    """Return what the release names for each arch of a component."""
    if not re.fullmatch(COMPONENT, name):
        problems.add(component.line, f"{name!r} is no name of a component", "as in cert-manager")
    files = []
    for arch, references in component.images.items():
        if arch not in ARCHES:
            problems.add(component.line, f"{name}: images: {arch!r}: MicroShift is not for it")
            continue
        images = [
            release_image(image, text, text.line, problems) for image, text in references.items()
        ]
        base = component.base.get(arch)
        files.append(ReleaseFile(problems.file, name, arch, base, tuple(filter(None, images))))
    return files


def _changed(file: ReleaseFile, component: ComponentDocument, problems: Problems) -> ReleaseFile:
    """Return the images of one arch with those that are added, without those left out."""
    omitted = {
        name for name, each in component.omit.items() if file.arch in (each.arches or ARCHES)
    }
    images = {image.name: image for image in file.images if image.name not in omitted}
    for name, added in component.add.items():
        text = added.images.get(file.arch)
        if name in {image.name for image in file.images}:
            where = f"{file.component}: add: {name}"
            problems.add(added.line, f"{where}: the release names it already", "remove it from add")
        elif text is not None and (made := release_image(name, text, text.line, problems)):
            images[name] = made
    changed = replace(file, images=tuple(images.values()))
    if not component.tags:
        hint = f"leave it out (omit), or write below {file.component}: 'tags: {ON_REQUEST}'"
        check_pinned(changed, problems, hint)
    return changed


def _check(
    document: SetDocument,
    components: Mapping[str, Mapping[str, ReleaseFile]],
    problems: Problems,
) -> None:
    for name, component in document.components.items():
        known = {image for images in component.images.values() for image in images}
        for image, omit in component.omit.items():
            if image in PAUSES and name == CORE:
                problems.add(omit.line, f"omit: {image} cannot be left out: no pod starts without")
            elif image not in known:
                hint = suggest(image, tuple(sorted(known)))
                problems.add(omit.line, f"{name}: omit: no image {image!r}", hint)
        for image, add in component.add.items():
            if component.images.keys() != add.images.keys():
                arches = ", ".join(component.images)
                message = f"{name}: add: {image} must have the arches of its component: {arches}"
                problems.add(add.line, message)
    files = [file for arches in components.values() for file in arches.values()]
    problems.found += check_registries(files, document.registries)
    for registry in set(document.pull_secret) - set(document.registries):
        problems.add(document.line, f"pull_secret: {registry} is not in 'registries'")
    if document.version and not components:
        problems.add(document.line, "no component", "a set has the core, for both arches")
