"""MicroShift's image sets: ``microshift-images/NAME/`` with release files and a ``set.yaml``.

The release files are MicroShift's own, unchanged; ``set.yaml`` holds what they do not say.
helpers/microshift/release_import.py makes these directories.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from helpers.document import Problems, bind, key, load, suggest
from helpers.errors import DefinitionError, DefinitionErrors, UsageError
from helpers.microshift.release import (
    ARCHES,
    CORE,
    PAUSE,
    ReleaseFile,
    check_registries,
    check_releases,
    file_name,
    parse_file_name,
    parse_release,
)

SETS = Path("microshift-images")
SET_FILE = "set.yaml"
_VERSION = r"[0-9][A-Za-z0-9._+~^]*"
RELEASE = r"[A-Za-z0-9._+~^]+"
RELEASE_HINT = "letters, digits and . _ + ~ ^; no dash"
_IMPORT_HINT = "import the set anew: paack microshift.import --help"


@dataclass(frozen=True)
class OmitDocument:
    """An image of the core that the set leaves out."""

    image: str = key("Its name in the release file", required=True, default="")
    arches: tuple[str, ...] = key("For which arches; all when left out", choices=ARCHES, default=())
    reason: str = key("Why", required=True, default="")
    line: int = 0


@dataclass(frozen=True)
class ExcludedDocument:
    """A component of the release that the set does not offer."""

    component: str = key("Its name", required=True, default="")
    reason: str = key("Why", required=True, default="")
    line: int = 0


@dataclass(frozen=True)
class FileDocument:
    """A release file, and where it is from."""

    name: str = key("Its name", required=True, default="")
    sha256: str = key("Its SHA-256", required=True, pattern=r"[0-9a-f]{64}", default="")
    origin: str = key(
        "Repository, commit and path; or the RPM and the path in it", required=True, default=""
    )
    line: int = 0


@dataclass(frozen=True)
class SetDocument:
    """The file set.yaml."""

    name: str = key("What MicroShift calls the release", required=True, default="")
    version: str = key(
        "RPM version of the package microshift", required=True, pattern=_VERSION,
        hint="as rpm -q microshift --qf %{VERSION} prints it", default="",
    )  # fmt: skip
    release: str = key(
        "RPM release of our packages", pattern=RELEASE, hint=RELEASE_HINT, default="1"
    )
    license: str = key("Licence of MicroShift", default="Apache-2.0")
    url: str | None = key("Home page", pattern=r"https://\S+")
    registries: tuple[str, ...] = key("All that images may come from", required=True, default=())
    pull_secret: tuple[str, ...] = key("Those that want OpenShift's pull secret", default=())
    components: tuple[str, ...] = key("Optional components", default=())
    excluded: tuple[ExcludedDocument, ...] = key("Components that are not offered", default=())
    omit: tuple[OmitDocument, ...] = key("Images of the core that are left out", default=())
    files: tuple[FileDocument, ...] = key("The release files", required=True, default=())
    line: int = 0


@dataclass(frozen=True, slots=True)
class ImageSet:
    """One MicroShift release: its files by component (the core first) and arch.

    Images that set.yaml leaves out are not in them.
    """

    directory: Path
    document: SetDocument
    components: Mapping[str, Mapping[str, ReleaseFile]]

    @property
    def version(self) -> str:
        """The RPM version of the package ``microshift``."""
        return self.document.version


def load_set(directory: Path) -> ImageSet:
    """Load and check a set; raise DefinitionErrors with all of its problems."""
    set_file = directory / SET_FILE
    problems = Problems(set_file)
    document = bind(SetDocument, load(set_file), problems)
    if document is None:
        raise DefinitionErrors(problems.found)
    found: list[DefinitionError] = []
    releases = _read_files(directory, document, problems, found)
    # A file that is wrong by itself would seem to differ from its other arch.
    found = found or check_releases(releases, directory)
    _check_components(document, releases, problems)
    releases = [_without_omitted(each, document) for each in releases]
    found += check_registries(releases, document.registries)
    if problems.found or found:
        raise DefinitionErrors([*problems.found, *found])
    components = {
        component: {each.arch: each for each in releases if each.component == component}
        for component in (CORE, *document.components)
    }
    return ImageSet(directory, document, components)


def find_set(sets: Path, version: str | None) -> ImageSet:
    """Return the set of a version, named by its directory or RPM version.

    Without ``version`` the newest that is no pre-release and not of OKD. Raises UsageError.
    """
    names = sorted(file.parent.name for file in sets.glob(f"*/{SET_FILE}"))
    if not names:
        raise UsageError(
            f"no set of images in {sets}/",
            hint="add one: paack microshift.import --from RPM   (or name a directory with --sets)",
        )
    if version is None:
        return load_set(sets / max(names, key=_rank))
    if version in names:
        return load_set(sets / version)
    for name in names:
        if _version_of(sets / name) == version:
            return load_set(sets / name)
    raise UsageError(
        f"there is no set for MicroShift {version!r}; there are: {', '.join(names)}",
        hint=f"{suggest(version, tuple(names))}   (add one: paack microshift.import --from …)",
    )


def _without_omitted(file: ReleaseFile, document: SetDocument) -> ReleaseFile:
    omitted = {
        each.image
        for each in document.omit
        if file.component == CORE and file.arch in (each.arches or ARCHES)
    }
    return replace(file, images=tuple(each for each in file.images if each.name not in omitted))


def _version_of(directory: Path) -> object:
    keys = load(directory / SET_FILE).value
    version = keys.get("version") if isinstance(keys, dict) else None
    return version.value if version else None


def _rank(name: str) -> tuple[bool, tuple[int, ...]]:
    final = re.fullmatch(r"\d+(\.\d+)*", name) is not None
    return final, tuple(int(number) for number in re.findall(r"\d+", name))


def _read_files(
    directory: Path, document: SetDocument, problems: Problems, found: list[DefinitionError]
) -> list[ReleaseFile]:
    """Read the release files that set.yaml lists, and see that there are no others."""
    releases = []
    listed = {each.name: each for each in document.files}
    for path in sorted(directory.glob("release*.json")):
        if path.name not in listed:
            problems.add(document.line, f"{path.name} is not listed in 'files'", _IMPORT_HINT)
    for each in document.files:
        if parse_file_name(each.name) is None:
            problems.add(each.line, f"{each.name!r} is no release file", _IMPORT_HINT)
            continue
        try:
            content = (directory / each.name).read_bytes()
        except OSError as error:
            problems.add(each.line, f"{each.name}: {error.strerror}", _IMPORT_HINT)
            continue
        if hashlib.sha256(content).hexdigest() != each.sha256:
            problems.add(each.line, f"{each.name} was changed since its import", _IMPORT_HINT)
        if release := parse_release(directory / each.name, content, found):
            releases.append(release)
    return releases


def _check_components(
    document: SetDocument, releases: list[ReleaseFile], problems: Problems
) -> None:
    there = {each.component for each in releases} | {CORE}
    for component in document.components:
        if component not in there:
            wanted = " or ".join(file_name(component, arch) for arch in ARCHES)
            problems.add(document.line, f"components: {component} has no {wanted}", _IMPORT_HINT)
    for component in sorted(there - {CORE, *document.components}):
        problems.add(
            document.line,
            f"{component} has release files, but is not in 'components'",
            "list it, or remove its files",
        )
    core = {image.name for each in releases if each.component == CORE for image in each.images}
    for each in document.omit:
        if each.image == PAUSE:
            problems.add(each.line, f"omit: {PAUSE} cannot be left out: no pod starts without it")
        elif each.image not in core:
            names = tuple(sorted(core))
            problems.add(each.line, f"omit: no image {each.image!r}", suggest(each.image, names))
    for registry in set(document.pull_secret) - set(document.registries):
        problems.add(document.line, f"pull_secret: {registry} is not in 'registries'")
