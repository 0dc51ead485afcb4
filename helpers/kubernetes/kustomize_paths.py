"""MicroShift's kustomizePaths: which manifests a device applies when it starts.

As in pkg/config/manifests.go of openshift/microshift: each directory of a list is applied, as
``kubectl apply -k`` does, if it holds a kustomization; one without is skipped, and nothing says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import yaml

from paack.helpers.definition import Definition
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes.kustomize import kustomization_file
from paack.helpers.kubernetes.needs import manifest_files

_BELOW = re.compile(r"/usr/lib/microshift/manifests(?:\.d)?/.*")
#: The default paths below /usr, and those where what is named is deleted.
_READ = re.compile(r"/usr/lib/microshift/manifests(?:/delete|\.d/[^/]+|\.d/delete/[^/]+)?")


def unapplied(definition: Definition) -> Iterator[DefinitionError]:
    """Yield, for each directory of manifests that MicroShift would pass over, what to do."""
    for package in definition.packages:
        paths = {arch.manifests for arch in package.arches if arch.manifests}
        for source in sorted(paths):
            if source.is_dir():
                yield from _unapplied(source, package.manifest_path, package.name)
            elif source.is_file() and _BELOW.fullmatch(f"{package.manifest_path}/{source.name}"):
                yield DefinitionError(
                    "MicroShift would not apply it without a kustomization.yaml beside it",
                    place=Place(source),
                    hint="put it into a directory with a kustomization.yaml that says: "
                    f"resources: [{source.name}]; and name that directory",
                )


def _unapplied(directory: Path, manifest_path: str, name: str) -> Iterator[DefinitionError]:
    passed_over: dict[Path, list[Path]] = {}
    elsewhere = False
    for file in manifest_files(directory):
        below = file.relative_to(directory)
        if not _BELOW.fullmatch(f"{PurePosixPath(manifest_path, below)}"):
            continue
        homes = [
            directory / each
            for each in below.parents
            if _READ.fullmatch(f"{PurePosixPath(manifest_path, each)}")
        ]
        if not homes:
            elsewhere = True
        elif not any(map(kustomization_file, homes)):
            passed_over.setdefault(homes[0], []).append(file)
    if elsewhere:
        yield DefinitionError(
            f"MicroShift does not look into {manifest_path}",
            place=Place(directory),
            hint=f"write manifestPath: /usr/lib/microshift/manifests.d/{name}, unless a "
            "kustomization of another package names it",
        )
    for home, files in passed_over.items():
        resources = list(dict.fromkeys(_resource(file, home) for file in files))
        listed = yaml.safe_dump(resources, default_flow_style=True, width=1 << 16).strip()
        yield DefinitionError(
            "holds no kustomization.yaml: MicroShift would apply nothing of it",
            place=Place(home),
            hint=f"write {home / 'kustomization.yaml'} with the line: resources: {listed}",
        )


def _resource(file: Path, home: Path) -> str:
    """Return what a kustomization in ``home`` names to have ``file``: it, or its kustomization."""
    below = file.relative_to(home)
    for parent in reversed(below.parents[:-1]):
        if kustomization_file(home / parent):
            return parent.as_posix()
    return below.as_posix()
