"""What a repository lacks: packages that definitions make, parts and images that its own need."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from paack.helpers.check import wanted_name
from paack.helpers.definition import FILESYSTEMS
from paack.helpers.errors import PaackError, PublishError, ToolError
from paack.helpers.hint import command
from paack.helpers.kubernetes import NEEDED, full_name, uses_in
from paack.helpers.quadlet import load_definition
from paack.helpers.repo.repodata import SOURCE, Entry
from paack.helpers.repo.retention import newest
from paack.helpers.repo.site import File
from paack.helpers.rpm import is_part_name, packed_files, read_unit_list
from paack.helpers.workspace import workspace

#: No manifests, whatever their names: what paack itself puts on a device.
_OURS = (
    *("/usr/share/paack/", "/usr/libexec/", "/usr/lib/systemd/", "/usr/lib/tmpfiles.d/"),
    *("/usr/lib/greenboot/", "/etc/crio/", "/usr/share/containers/"),
)

_IMAGE = re.compile(r"container-image\((.+)@(sha256:[0-9a-f]{64})\)")


def missing_packages(
    file: Path, arches: Sequence[str], there: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield which packages of the definition ``file`` are not ``there`` (file names by arch)."""
    for package in load_definition(file).packages:
        base = f"{package.name}-{package.version}-{package.release}"
        for arch in package.arches:
            names = (f"{base}.{arch.name}.rpm", f"{base}.noarch.rpm")
            found = any(name in there.get(arch.name, ()) for name in names)
            if (not arches or arch.name in arches) and not found:
                yield f"{arch.name}: {base}, which {file} defines, is not there"


def missing_parts(directory: str, entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield which packages of layers or packs are needed in ``directory`` and are not there."""
    names = {entry.metadata.name for entry in entries.values()}
    for file, entry in sorted(entries.items()):
        for name in sorted({each[0] for each in entry.metadata.requires} - names):
            if is_part_name(name):
                yield f"{directory}/{file}: needs {name}, which is not there"


def check_parts(directories: Mapping[str, Mapping[str, Entry]]) -> None:
    """Raise PublishError for packages that nobody could install: their layers or packs are missing.

    They may have been removed since the choice was made, or were never published.
    """
    lacking = [line for name, some in directories.items() for line in missing_parts(name, some)]
    if lacking:
        raise PublishError(
            "\n".join(lacking),
            hint="once more: publish-job builds layers and packs that are not published; "
            "so do build, repo and publish, one after the other",
        )


def same_images(directories: Mapping[str, Mapping[str, Entry]]) -> Iterator[str]:
    """Yield which packages have the same image under different repositories.

    Only the newest version of each package counts. helpers/check/clients.py has the reason.
    """
    for directory, entries in sorted(directories.items()):
        if directory != SOURCE:
            stores = _repositories(newest(entries, 1))
            pairs = {pair for packages in stores.values() for pair in _differing(packages)}
            for first, second in sorted(pairs):
                yield (
                    f"{directory}: {first} and {second} are the same image: after its start CRI-O "
                    "finds one of these names only when it has listed its images"
                )


def _repositories(entries: Mapping[str, Entry]) -> dict[str, dict[str, set[str]]]:
    """Return, by digest of an image and name of a package, the repositories of that image."""
    found: dict[str, dict[str, set[str]]] = {}
    for entry in entries.values():
        for provided in entry.metadata.provides:
            if match := _IMAGE.fullmatch(provided[0]):
                packages = found.setdefault(match[2], {})
                packages.setdefault(entry.metadata.name, set()).add(match[1])
    return found


def _differing(packages: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    (first, repositories), *others = sorted(packages.items())
    for name, its in others:
        if its != repositories:
            # One that only one of them has
            a = min(repositories - its or repositories)
            b = min(its - repositories or its)
            yield f"{a} in {first}", f"{b} in {name}"


def check_images(
    directories: Mapping[str, Mapping[str, Entry]], new: Mapping[str, File], work: Path
) -> None:
    """Raise PublishError for new packages with manifests or units that need what nothing brings.

    An image may be in any package of the same directory, or in one that the package requires:
    ``container-image(NAME)``.
    """
    brought = {name: _brought(entries.values()) for name, entries in directories.items()}
    refused: dict[str, None] = {}
    for path, rpm in new.items():
        directory, file = path.partition("/")[0], path.rpartition("/")[2]
        entry = directories[directory][file]
        if not isinstance(rpm.source, Path):
            continue
        # A package without an arch is in all directories, its images need not be.
        some = brought.values() if _is_noarch(entry) else [brought[directory]]
        required = {match[1] for each in entry.metadata.requires if (match := _image(each[0]))}
        there = required.union(*some)
        if _has_manifests(entry):
            refused |= dict.fromkeys(_lacking(rpm.source, file, there, work))
        if list_ := _unit_list(entry):
            refused |= dict.fromkeys(_lacking_of_units(rpm.source, file, there, list_, work))
    if refused:
        raise PublishError(
            "\n".join(refused),
            hint=f"{command('check', def_='FILE')} says what its definition lacks; then raise the "
            "release, and build it again",
        )


def _lacking(rpm: Path, file: str, there: set[str], work: Path) -> Iterator[str]:
    with workspace(work) as directory:
        top = _unpack(rpm, directory)
        problems: list[PaackError] = []
        for use in uses_in(top, problems):
            # What is only probable was settled by the definition, which is not here.
            reference = full_name(use.image) if use.level == NEEDED else None
            if reference is not None and wanted_name(reference) not in there:
                yield f"{file}: {use.where} needs {use.image}, which is not packaged"
        for problem in problems:
            if isinstance(problem, ToolError):
                raise problem
            place = f"{problem.place}: " if problem.place else ""
            yield f"{file}: {place}{problem.message}".replace(str(directory), "")


def _unit_list(entry: Entry) -> str | None:
    """Return the path of the list of Quadlet units that a package has."""
    path = f"/usr/share/paack/{entry.metadata.name}/units"
    return path if path in (f"{each[1]}{each[2]}" for each in entry.metadata.files) else None


def _lacking_of_units(
    rpm: Path, file: str, packaged: set[str], listed: str, work: Path
) -> Iterator[str]:
    with workspace(work) as directory:
        for packed in packed_files(rpm):
            if packed.path == listed:
                packed.copy(directory / "units")
        text = (directory / "units").read_text("utf-8", "replace")
    for unit in read_unit_list(text):
        for image in unit.images:
            reference = full_name(image)
            if reference is not None and wanted_name(reference) not in packaged:
                yield f"{file}: {unit.name} needs {image}, which is not packaged"


def _unpack(rpm: Path, directory: Path) -> Path:
    """Take all files of the manifests, which are all in one directory; return that."""
    homes = []
    for packed in packed_files(rpm):
        path = PurePosixPath(packed.path)
        if path.suffix[1:] not in FILESYSTEMS and not packed.path.startswith(_OURS):
            target = directory / packed.path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            packed.copy(target)
            homes.append(target.parent)
    return Path(os.path.commonpath(homes))


def _has_manifests(entry: Entry) -> bool:
    paths = (f"{each[1]}{each[2]}" for each in entry.metadata.files)
    return any(
        path.endswith((".yaml", ".yml", ".json", "/Kustomization")) and not path.startswith(_OURS)
        for path in paths
    )


def _brought(entries: Iterable[Entry]) -> set[str]:
    return {
        match[1]
        for entry in entries
        for each in entry.metadata.provides
        if (match := _image(each[0]))
    }


def _image(name: str) -> re.Match[str] | None:
    return re.fullmatch(r"container-image\((.*)\)", name)


def _is_noarch(entry: Entry) -> bool:
    return bool(entry.metadata.arch == "noarch")
