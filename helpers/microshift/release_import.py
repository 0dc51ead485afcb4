"""New image sets, from what MicroShift publishes: release files become one file of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from paack.helpers.errors import DefinitionError, DefinitionErrors, Place, UsageError
from paack.helpers.microshift.image_set import ImageSet, image_set, is_set_name, load_set, set_files
from paack.helpers.microshift.needs import Need, needs_of
from paack.helpers.microshift.needs_of_set import with_needs
from paack.helpers.microshift.old_set import OLD_FILE
from paack.helpers.microshift.payload import Payload
from paack.helpers.microshift.release_image_sources import Content, Found, Tree, read_source
from paack.helpers.microshift.release_images import (
    CORE,
    ReleaseFile,
    check_registries,
    check_releases,
    parse_file_name,
    parse_release,
)
from paack.helpers.microshift.set_document import (
    ON_REQUEST,
    SUFFIX,
    ComponentDocument,
    SetDocument,
    component_of,
    dump_set,
)
from paack.helpers.microshift.version import built_on, rpm_version, set_name
from paack.helpers.registry import NAMESPACES, namespace_of, wants_pull_secret
from paack.helpers.workspace import workspace

_URL = "https://github.com/openshift/microshift"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller of an import says: see ``paack microshift.import --help``."""

    version: str | None = None
    name: str | None = None
    exclude: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    origin: str | None = None


def import_set(
    sets: Path, sources: Sequence[Path], wishes: Wishes, payload: Payload | None = None
) -> tuple[ImageSet, list[str]]:
    """Add a version to ``sets``, or components to one that is there.

    Returns the set, and what a person should know, a line each. Raises UsageError, and
    DefinitionErrors with all problems; then nothing is changed.
    """
    if len(sources) == 1 and (old_file := sources[0] / OLD_FILE).exists():
        return _converted(sets, old_file)
    content = _read(sources, wishes, payload)
    version = _version(content.releases, wishes.version)
    file = sets / f"{wishes.name or set_name(version)}{SUFFIX}"
    if not is_set_name(file.stem):
        raise UsageError(
            f"{file.stem!r} is no name for a set", hint="name it with --name, as in 4.20.26"
        )
    old = load_set(known) if (known := set_files(sets).get(file.stem)) else None
    if old and old.version != version:
        raise UsageError(
            f"{old.file} is of MicroShift {old.version}, not {version}",
            hint="give the new set another name: --name NAME",
        )
    date, tag = _date(content, wishes, payload), wishes.version or version
    first = SetDocument(name=tag, version=version, date=date, url=_URL)
    document = old.document if old else first
    new = _once(content.releases)
    kept = [each for each in new if _component(each) not in wishes.exclude]
    problems: list[DefinitionError] = []
    files = _parse(kept, problems, wishes.tags) + list(payload.files if payload else ())
    namespaces = {*NAMESPACES, *wishes.registries, *document.registries}
    _check(files, old, problems, sources[0] if sources else file, namespaces)
    document = _with_files(document, files, kept, payload, wishes.tags)
    document = _with_registries(document, files, namespaces)
    document = replace(document, excluded=_excluded(document, new, wishes))
    return _finished(file, document, content.trees)


def _finished(
    file: Path, document: SetDocument, trees: Sequence[Tree]
) -> tuple[ImageSet, list[str]]:
    """Add what the components' manifests need, check all, and write it."""
    needs, faults = needs_of(trees, [each for each in document.components if each != CORE])
    document, remarks = with_needs(image_set(file, document), needs)
    remarks += [f"not compared: {fault}" for fault in faults]
    made = image_set(file, _with_registries_of_needs(document, needs))
    file.parent.mkdir(parents=True, exist_ok=True)
    with workspace(file.with_name(f".{file.stem}.work")) as work:
        (work / file.name).write_text(dump_set(made.document), "utf-8")
        (work / file.name).rename(file)
    return made, [*_remarks(made), *remarks]


def _converted(sets: Path, old_file: Path) -> tuple[ImageSet, list[str]]:
    """Write what a set of an older paack says as a file of today."""
    old = load_set(old_file)
    made, remarks = _finished(sets / f"{old_file.parent.name}{SUFFIX}", old.document, ())
    return made, [*remarks, f"{old_file} and the release files beside it are no longer read"]


def _read(sources: Sequence[Path], wishes: Wishes, payload: Payload | None) -> Content:
    if not sources and not payload:
        raise UsageError(
            "nothing to import is named",
            hint="for example: --from microshift-release-info-4.20.26-….noarch.rpm",
        )
    content = Content()
    for source in sources:
        part = read_source(source, wishes.origin)
        content.releases.extend(part.releases)
        content.trees.extend(part.trees)
    return content


def _version(found: Sequence[Found], named: str | None) -> str:
    """Return the RPM version of what was found; raise UsageError when it is not one."""
    versions = {each.version for each in found if each.version}
    versions |= {rpm_version(named)} if named else set()
    if len(versions) > 1:
        raise UsageError(
            f"these are of several versions of MicroShift: {', '.join(sorted(versions))}",
            hint="name only the files of one release",
        )
    if not versions:
        raise UsageError(
            "release files do not say of which MicroShift they are",
            hint="add --version, as in: --version 4.20.26-202606190714.p0   (or what is there: "
            "rpm -q --qf '%{VERSION}' microshift)",
        )
    return versions.pop()


def _date(content: Content, wishes: Wishes, payload: Payload | None) -> str | None:
    if payload:
        return payload.date
    named = [wishes.version or "", *(each.release or "" for each in content.releases)]
    return next(filter(None, map(built_on, named)), None)


def _component(found: Found) -> str:
    name = parse_file_name(found.file.name)
    return name[0] if name else ""


def _once(found: Sequence[Found]) -> list[Found]:
    """Return each file once; two that differ are refused."""
    new: dict[str, Found] = {}
    for each in found:
        first = new.setdefault(each.file.name, each)
        if first.content != each.content:
            raise _another(each.file, each.file.name, str(first.file))
    return list(new.values())


def _another(file: Path, name: str, other: str) -> DefinitionError:
    return DefinitionError(
        f"is another {name} than {other}",
        place=Place(file),
        hint="name only the files of one release; to replace a set, remove it first",
    )


def _parse(
    found: Sequence[Found], problems: list[DefinitionError], tags: Sequence[str] = ()
) -> list[ReleaseFile]:
    parsed = (parse_release(each.file, each.content, problems, tags) for each in found)
    return [each for each in parsed if each]


def _check(
    files: Sequence[ReleaseFile],
    old: ImageSet | None,
    problems: list[DefinitionError],
    where: Path,
    namespaces: set[str],
) -> None:
    """Raise DefinitionErrors with all that is wrong with new files, beside those of a set."""
    known = old.document.components if old else {}
    for each in files:
        before = known.get(each.component, ComponentDocument()).images.get(each.arch)
        if before is not None and old:
            base = known[each.component].base.get(each.arch)
            if (base, dict(before)) != (each.base, {i.name: i.source.text for i in each.images}):
                raise _another(each.file, each.file.name, f"that of {old.file}")
    new = {(each.component, each.arch) for each in files}
    others = [
        file
        for arches in (old.components.values() if old else ())
        for file in arches.values()
        if (file.component, file.arch) not in new
    ]
    # A file that is wrong by itself would seem to differ from its other arch.
    problems += [] if problems else check_releases([*others, *files], where)
    problems += check_registries(files, namespaces)
    if problems:
        raise DefinitionErrors(problems)


def _with_files(
    document: SetDocument,
    files: Sequence[ReleaseFile],
    found: Sequence[Found],
    payload: Payload | None,
    tags: Sequence[str],
) -> SetDocument:
    """Return a set with the components that ``files`` have; what people wrote there stays."""
    origins = {each.file.name: each.origin for each in found}
    origins |= payload.origins if payload else {}
    components = dict(document.components)
    for name in sorted({each.component for each in files}, key=lambda name: (name != CORE, name)):
        made = component_of([each for each in files if each.component == name], origins)
        before = components.get(name, ComponentDocument())
        loose = any("@" not in text for arch in made.images.values() for text in arch.values())
        components[name] = replace(
            before,
            base={**before.base, **made.base},
            origin={**before.origin, **made.origin},
            images={**before.images, **made.images},
            tags=ON_REQUEST if loose and name in tags else before.tags,
        )
    return replace(document, components=components)


def _with_registries(
    document: SetDocument, files: Sequence[ReleaseFile], known: set[str]
) -> SetDocument:
    repos = {image.source.reference.repo for each in files for image in each.images}
    registries = {namespace_of(repo, known) for repo in repos}
    secret = {namespace_of(repo, known) for repo in repos if wants_pull_secret(repo)}
    return replace(
        document,
        registries=tuple(sorted({*document.registries, *filter(None, registries)})),
        pull_secret=tuple(sorted({*document.pull_secret, *filter(None, secret)})),
    )


def _with_registries_of_needs(document: SetDocument, needs: Sequence[Need]) -> SetDocument:
    """Return a set that knows the registries of what was added, where those are MicroShift's."""
    added = {
        str(text)
        for component in document.components.values()
        for add in component.add.values()
        for text in add.images.values()
    }
    repos = {each.reference.repo for each in needs if str(each.reference) in added}
    known = {*document.registries, *filter(None, map(namespace_of, repos))}
    return replace(document, registries=tuple(sorted(known)))


def _excluded(document: SetDocument, new: Sequence[Found], wishes: Wishes) -> Mapping[str, str]:
    """Say of every component that is left out why."""
    excluded = dict(document.excluded)
    for component in wishes.exclude:
        files = [each for each in new if _component(each) == component]
        if component == CORE or not files:
            names = ", ".join(sorted({_component(each) for each in new} - {CORE}))
            hint = f"--exclude takes one of: {names or '(there are none)'}"
            raise UsageError(f"there is no component {component!r} to leave out", hint=hint)
        problems: list[DefinitionError] = []
        _parse(files, problems)
        excluded[component] = problems[0].message if problems else "left out when it was imported"
    return {name: excluded[name] for name in sorted(excluded) if name not in document.components}


def _remarks(images: ImageSet) -> list[str]:
    lines = []
    for component, files in images.components.items():
        texts = [{each.name: each.source.text for each in file.images} for file in files.values()]
        lines.append(f"{component}: {len(texts[0])} images for {', '.join(files)}")
        if loose := images.by_tag(component):
            lines.append(f"  {len(loose)} have a tag only, which the lock pins")
        same = sorted(name for name in texts[0] if texts[0][name] == texts[-1].get(name))
        if len(files) > 1 and same:
            which = "all" if len(same) == len(texts[0]) else ", ".join(same)
            lines.append(
                f"  the same reference for both arches: {which} (right if it is a list of images; "
                "otherwise locking fails, and the image is to be left out: 'omit' in the set)"
            )
    left_out = images.document.excluded
    return [*lines, *(f"{name}: left out: {reason}" for name, reason in left_out.items())]
