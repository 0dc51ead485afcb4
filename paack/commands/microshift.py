"""Tasks for MicroShift's own images."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

from paack.commands.command import AUTHFILE, CHECK, FROZEN, OUTPUT, builder_of, command, print_paths
from paack.commands.publishing import (
    PUBLISHING,
    TO,
    VERSIONS,
    print_published,
    settings_of,
    site_at,
)

SETS = "The directory of the sets (default: microshift-images)"
SET_VERSION = "MicroShift's version: a set's name, or an RPM version (default: the newest release)"
COMPONENTS = "olm,multus,… (default: all that the release pins; all; none: the core only)"


def _image_set(sets: str | None, version: str | None) -> Any:
    from paack.helpers.hint import command as command_text
    from paack.helpers.hint import worded
    from paack.helpers.microshift import find_set

    images = find_set(_sets(sets), version)
    if images.is_old:
        convert = worded(command_text("microshift.import", from_=images.directory))
        said = f"{images.file} is a set of an older paack: to convert it, {convert}"
        print(said, file=sys.stderr)
    return images


def _sets(sets: str | None) -> Path:
    from paack.helpers.microshift import SETS as DIRECTORY

    return Path(sets) if sets else DIRECTORY


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
        "release": "RPM release (default: as in the set)",
        "srpm": "Make source RPMs instead",
        "list": "Only list the sets: versions, age, components",
        "print": "Only print the definition, which can be built like any other",
        "sets": SETS,
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
        "check": CHECK,
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
    list_: bool = False,
    print_: bool = False,
    sets: str | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
    check: bool = True,
) -> None:
    """Make the RPMs of MicroShift's own images: the core, and one per optional component."""
    from paack.helpers.definition import dump_definitions
    from paack.helpers.microshift import microshift

    if list_:
        from datetime import date

        from paack.helpers.microshift import list_sets

        print("\n".join(list_sets(_sets(sets), date.today())))
        return
    images = _image_set(sets, version)
    packages = microshift.definitions(images, _words(components), core=core, release=release)
    if print_:
        print(dump_definitions(packages), end="")
        return
    builder = builder_of(output, authfile, frozen, check)
    make = functools.partial(_planned, builder, builder.srpms if srpm else builder.rpms)
    if target:
        make = functools.partial(_with_mock, builder, target)
    print_paths(microshift.build(builder, images, packages, tuple(arch or ()), make))


def _planned(builder: Any, make: Any, definition: Any, arches: Any) -> Any:
    return make(builder.plan(definition), arches)


def _with_mock(builder: Any, targets: list[str], definition: Any, arches: Any) -> Any:
    from paack.helpers.farm import Mock

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
    """Lock MicroShift's own images, a lock per package, beside their set."""
    from paack.helpers.microshift import microshift

    images = _image_set(sets, version)
    packages = microshift.definitions(images, _words(components), core=core)
    print_paths(microshift.lock(builder_of(authfile=authfile), images, packages))


@command(
    iterable=["from_"],
    help={
        "version": SET_VERSION,
        "from": "Manifests of components to compare: RPM or directory (may be repeated)",
        "sets": SETS,
    },
)
def microshift_check(
    _: Any, version: str | None = None, from_: list[str] | None = None, sets: str | None = None
) -> None:
    """Check a set: what pods lack, what the release did not pin, its locks; no network."""
    from paack.helpers.errors import DefinitionError
    from paack.helpers.microshift import all_definitions, check_set

    images = _image_set(sets, version)
    findings = check_set(images, all_definitions(images), [Path(each) for each in from_ or ()])
    print("\n".join(map(str, findings)) or "no problem")
    if errors := [each for each in findings if not each.warning]:
        raise DefinitionError(f"{len(errors)} errors in {images.file}")


@command(
    iterable=["from_", "from_payload"],
    help={
        "from": "RPM (microshift-…), directory or release-….json (may be repeated)",
        "from_payload": "OKD's release payload: REF, or ARCH=REF (may be repeated)",
        "version": "MicroShift's version, as a tag or as RPM has it; RPMs say it themselves",
        "name": "Name of the set (default: after the version)",
        "exclude": "Components to leave out: ai-model-serving,…",
        "tags": "Components whose images may have a tag only: ai-model-serving,…",
        "registry": "More registries that images may come from: ghcr.io/acme,…",
        "origin": "URL of what --from names, for the record (default: its name)",
        "sets": SETS,
        "authfile": AUTHFILE,
    },
)
def microshift_import(
    _: Any,
    from_: list[str],
    from_payload: list[str] | None = None,
    version: str | None = None,
    name: str | None = None,
    exclude: str | None = None,
    tags: str | None = None,
    registry: str | None = None,
    origin: str | None = None,
    sets: str | None = None,
    authfile: str | None = None,
) -> None:
    """Add a MicroShift version, or components to one, from what its release published."""
    from paack.helpers.microshift import Wishes, import_set, read_payloads

    left_out, accepted, registries = map(_words, (exclude, tags, registry))
    wishes = Wishes(version, name, left_out, accepted, registries, origin)
    payload = None
    if from_payload:
        builder = builder_of(authfile=authfile)
        payload = read_payloads(builder.registry_at(Path()), from_payload)
    images, remarks = import_set(_sets(sets), [Path(each) for each in from_], wishes, payload)
    print("\n".join(remarks), file=sys.stderr)
    print(images.file)


@command(
    iterable=["version", "old_key"],
    help={
        **PUBLISHING,
        "version": "MicroShift's versions: 4.21.29,4.22.7 (may be repeated; default: the newest)",
        "components": COMPONENTS,
        "to": TO,
        "versions": VERSIONS,
        "name": "Name of the repository (default: microshift-containers)",
        "sources": "Publish source RPMs, too",
        "sets": SETS,
        "output": OUTPUT,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
    },
)
def microshift_repo(
    _: Any,
    version: list[str] | None = None,
    components: str | None = None,
    to: str | None = None,
    sign: str | None = None,
    passphrase_fd: int = -1,
    old_key: list[str] | None = None,
    url: str | None = None,
    name: str = "microshift-containers",
    keep: int = 5,
    versions: int = 0,
    compression: str = "gz",
    sources: bool = False,
    sets: str | None = None,
    output: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
) -> None:
    """Publish MicroShift's images of some versions, all or nothing: what is there is not made."""
    from paack.helpers.microshift import microshift
    from paack.helpers.repo import publish_job

    site = site_at(to)
    how = {"url": url, "name": name, "keep": keep, "compression": compression}
    settings = settings_of(sign, passphrase_fd, old_key, versions=versions, **how)
    builder = builder_of(output, authfile, frozen, strict=True)
    packages: list[Any] = []
    for each in _words(",".join(version or ())) or (None,):
        images = _image_set(sets, each)
        chosen = microshift.definitions(images, _words(components))
        microshift.lock_missing(builder, images, chosen)
        packages += chosen
    print_published(publish_job(builder, packages, site, settings, sources=sources), site, name)
