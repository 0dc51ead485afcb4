"""Tasks for MicroShift's own images."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

from tasks.command import (
    AUTHFILE,
    FROZEN,
    OUTPUT,
    builder_of,
    command,
    print_paths,
)

SETS = "The directory of the sets (default: microshift-images)"
SET_VERSION = "MicroShift's version: a directory there, or an RPM version (default: the newest)"
COMPONENTS = "olm,multus,… (default: all; none: the core only)"


def _image_set(sets: str | None, version: str | None) -> Any:
    from helpers.microshift.image_set import SETS as DIRECTORY
    from helpers.microshift.image_set import find_set

    return find_set(Path(sets) if sets else DIRECTORY, version)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in (text or "").replace(",", " ").split() if word)


@command(
    iterable=["arch", "target"],
    help={
        "version": SET_VERSION,
        "components": COMPONENTS,
        "core": "--no-core: only the components",
        "arch": "Only this RPM arch (may be repeated)",
        "target": "Build with mock, for this configuration of it (may be repeated)",
        "release": "RPM release (default: as in set.yaml)",
        "srpm": "Make source RPMs instead",
        "print": "Print the definition instead; it builds like any other",
        "sets": SETS,
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
    },
)
def microshift_build(
    _: Any,
    version: str | None = None,
    components: str | None = None,
    core: bool = True,
    arch: list[str] | None = None,
    target: list[str] | None = None,
    release: str = "",
    srpm: bool = False,
    print_: bool = False,
    sets: str | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Make the RPMs of MicroShift's own images: the core, and one per optional component."""
    from helpers.definition.dump import dump_definitions
    from helpers.microshift import microshift

    images = _image_set(sets, version)
    packages = microshift.definitions(images, _words(components), core=core, release=release)
    if print_:
        print(dump_definitions(packages), end="")
        return
    builder = builder_of(output, authfile, frozen)
    make = builder.srpm if srpm else builder.rpms
    if target:
        make = functools.partial(_with_mock, builder, target)
    print_paths(microshift.build(builder, images, packages, tuple(arch or ()), make))


def _with_mock(builder: Any, targets: list[str], definition: Any, arches: Any) -> Any:
    from helpers.rpm.mock import Mock

    return Mock(builder).rpms(definition, targets, arches)


@command(
    help={
        "version": SET_VERSION,
        "components": COMPONENTS,
        "core": "--no-core: only the components",
        "sets": SETS,
        "authfile": AUTHFILE,
    }
)
def microshift_lock(
    _: Any,
    version: str | None = None,
    components: str | None = None,
    core: bool = True,
    sets: str | None = None,
    authfile: str | None = None,
) -> None:
    """Lock MicroShift's own images, a lock per package, beside their release files."""
    from helpers.microshift import microshift

    images = _image_set(sets, version)
    packages = microshift.definitions(images, _words(components), core=core)
    print_paths(microshift.lock(builder_of(authfile=authfile), images, packages))


@command(
    iterable=["from_"],
    help={
        "from": "RPM (microshift-…release-info), directory or release-….json (may be repeated)",
        "version": "MicroShift's version, as a tag or as RPM has it; RPMs say it themselves",
        "name": "Name of the set's directory (default: after the version)",
        "exclude": "Components to leave out: ai-model-serving,…",
        "registry": "More registries that images may come from: ghcr.io/acme,…",
        "origin": "URL of what --from names, for the record (default: its name)",
        "sets": SETS,
    },
)
def microshift_import(
    _: Any,
    from_: list[str],
    version: str | None = None,
    name: str | None = None,
    exclude: str | None = None,
    registry: str | None = None,
    origin: str | None = None,
    sets: str | None = None,
) -> None:
    """Add a MicroShift version, or components to one, from its published release files."""
    from helpers.microshift.image_set import SETS as DIRECTORY
    from helpers.microshift.release_import import Wishes, import_set

    wishes = Wishes(version, name, _words(exclude), _words(registry), origin)
    sources = [Path(each) for each in from_]
    images, remarks = import_set(Path(sets) if sets else DIRECTORY, sources, wishes)
    print("\n".join(remarks), file=sys.stderr)
    print(images.directory)
