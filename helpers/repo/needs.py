"""What a repository lacks: packages that definitions make, layers that its packages need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from helpers.definition.definition import load_definition
from helpers.errors import PublishError
from helpers.layers.layer_package import is_group_name
from helpers.repo.repodata import SOURCE, Entry
from helpers.repo.retention import newest

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


def missing_layers(directory: str, entries: Mapping[str, Entry]) -> Iterator[str]:
    """Yield which packages of layers are needed in ``directory`` and are not there."""
    names = {entry.metadata.name for entry in entries.values()}
    for file, entry in sorted(entries.items()):
        for name in sorted({each[0] for each in entry.metadata.requires} - names):
            if is_group_name(name):
                yield f"{directory}/{file}: needs {name}, which is not there"


def check_layers(directories: Mapping[str, Mapping[str, Entry]]) -> None:
    """Raise PublishError for packages whose layers went since the choice was made, or never came.

    Nobody could install them.
    """
    lacking = [line for name, some in directories.items() for line in missing_layers(name, some)]
    if lacking:
        raise PublishError(
            "\n".join(lacking),
            hint="paack publish-job   (once more: it builds layers that are not published); "
            "or paack rpm, repo and publish",
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
