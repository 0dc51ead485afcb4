"""Sets of an older paack: a directory with MicroShift's release files and a ``set.yaml``.

They are read as if they were a file of today's format; ``import --from DIRECTORY`` writes that
file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.document import Problems, bind, key, load
from paack.helpers.errors import DefinitionError, DefinitionErrors
from paack.helpers.microshift.release_images import ARCHES, CORE, ReleaseFile, parse_release
from paack.helpers.microshift.set_document import (
    ComponentDocument,
    OmitDocument,
    SetDocument,
    component_of,
)

OLD_FILE = "set.yaml"


@dataclass(frozen=True)
class _Omit:
    image: str = key("Its name", required=True, default="")
    arches: tuple[str, ...] = key("For which arches", choices=ARCHES, default=())
    reason: str = key("Why", required=True, default="")


@dataclass(frozen=True)
class _Excluded:
    component: str = key("Its name", required=True, default="")
    reason: str = key("Why", required=True, default="")


@dataclass(frozen=True)
class _File:
    name: str = key("Its name", required=True, default="")
    sha256: str = key("Its SHA-256", required=True, pattern=r"[0-9a-f]{64}", default="")
    origin: str = key("Where it is from", required=True, default="")
    line: int = 0


@dataclass(frozen=True)
class _Old:
    name: str = key("Release", required=True, default="")
    version: str = key("RPM version", required=True, default="")
    release: str = key("RPM release", default="1")
    license: str = key("Licence", default="Apache-2.0")
    url: str | None = key("Home page")
    registries: tuple[str, ...] = key("Registries", default=())
    pull_secret: tuple[str, ...] = key("Those that want a secret", default=())
    components: tuple[str, ...] = key("Optional components", default=())
    excluded: tuple[_Excluded, ...] = key("Components left out", default=())
    omit: tuple[_Omit, ...] = key("Images of the core left out", default=())
    files: tuple[_File, ...] = key("The release files", required=True, default=())


def read_old_set(file: Path) -> SetDocument:
    """Return the set of ``file``, a set.yaml, in today's format; raise DefinitionErrors."""
    problems = Problems(file)
    old = bind(_Old, load(file), problems)
    found: list[DefinitionError] = []
    releases = _releases(file, old, problems, found) if old else []
    if old is None or problems.found or found:
        raise DefinitionErrors([*problems.found, *found])
    origins = {each.name: each.origin for each in old.files}
    names = dict.fromkeys([CORE, *(each.component for each in releases)])
    return SetDocument(
        name=old.name,
        version=old.version,
        release=old.release,
        license=old.license,
        url=old.url,
        registries=old.registries,
        pull_secret=old.pull_secret,
        components={
            name: component_of([each for each in releases if each.component == name], origins)
            if name != CORE
            else _core(releases, origins, old)
            for name in names
        },
        excluded={each.component: each.reason for each in old.excluded},
    )


def _core(releases: Sequence[ReleaseFile], origins: dict[str, str], old: _Old) -> ComponentDocument:
    core = component_of([each for each in releases if each.component == CORE], origins)
    omit = {each.image: OmitDocument(each.reason, each.arches) for each in old.omit}
    return ComponentDocument(core.base, core.origin, None, core.images, {}, omit)


def _releases(
    file: Path, old: _Old, problems: Problems, errors: list[DefinitionError]
) -> list[ReleaseFile]:
    releases = []
    for listed in old.files:
        path = file.with_name(Path(listed.name).name)
        try:
            content = path.read_bytes()
        except OSError as error:
            problems.add(listed.line, f"{listed.name}: {error.strerror}", "bring it back, from git")
            continue
        if hashlib.sha256(content).hexdigest() != listed.sha256:
            problems.add(listed.line, f"{listed.name} was changed since its import", "see git diff")
        if release := parse_release(path, content, errors):
            releases.append(release)
    return releases
