"""New image sets, from what MicroShift publishes: its release files become a directory of sets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml

from helpers.errors import DefinitionError, DefinitionErrors, Place, UsageError
from helpers.microshift.image_set import (
    SET_FILE,
    ExcludedDocument,
    FileDocument,
    ImageSet,
    SetDocument,
    load_set,
)
from helpers.microshift.pull_secret import NAMESPACES, namespace_of, wants_pull_secret
from helpers.microshift.release import (
    CORE,
    ReleaseFile,
    check_registries,
    check_releases,
    parse_file_name,
    parse_release,
)
from helpers.microshift.release_source import Found, read_source
from helpers.workspace import workspace

_URL = "https://github.com/openshift/microshift"
_HEAD = "# Made by paack microshift.import; what the fields mean: docs/microshift.md\n"
_PRE_RELEASE = re.compile(r"(\d+\.\d+\.\d+)-((?:ec|rc)\.\d+)(?:-\d+\.p\d+)?")
_FINAL = re.compile(r"(\d+\.\d+\.\d+)-\d+\.p\d+")
_OKD = re.compile(r".*_g[0-9a-f]+_(\d+\.\d+\.\d+_okd_.+)")
_DIRECTORY = re.compile(r"[0-9][A-Za-z0-9._+^-]*")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller of an import says: see ``paack microshift.import --help``."""

    version: str | None = None
    name: str | None = None
    exclude: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    origin: str | None = None


def rpm_version(version: str) -> str:
    """Return the RPM version of a MicroShift release that is named by its tag or RPM version.

    Tags of Red Hat's builds have a date, and ``-`` before a pre-release where RPM has ``~``. In
    all others MicroShift's make-rpm.sh turns each ``-`` into ``_``.
    """
    if match := _PRE_RELEASE.fullmatch(version):
        return f"{match[1]}~{match[2]}"
    match = _FINAL.fullmatch(version)
    return match[1] if match else version.replace("-", "_")


def directory_name(version: str) -> str:
    """Return the short name of an RPM version: ``5.0.0-ec.6``; for OKD its own version."""
    match = _OKD.fullmatch(version)
    return match[1].replace("_", "-") if match else version.replace("~", "-")


def import_set(sets: Path, sources: Sequence[Path], wishes: Wishes) -> tuple[ImageSet, list[str]]:
    """Add a version to ``sets``, or components to one that is there.

    Returns the set, and what a person should know, a line each. Raises UsageError, and
    DefinitionErrors with all problems; then nothing is changed.
    """
    if not sources:
        raise UsageError(
            "nothing to import is named",
            hint="for example: --from microshift-release-info-4.20.26-….noarch.rpm",
        )
    found = [each for source in sources for each in read_source(source, wishes.origin)]
    version = _version(found, wishes.version)
    directory = sets / (wishes.name or directory_name(version))
    if not _DIRECTORY.fullmatch(directory.name):
        raise UsageError(
            f"{directory.name!r} is no name for a set", hint="name it with --name, as in 4.20.26"
        )
    old = load_set(directory) if (directory / SET_FILE).exists() else None
    if old and old.version != version:
        raise UsageError(
            f"{directory} is of MicroShift {old.version}, not {version}",
            hint="give the new set another name: --name NAME",
        )
    new = _new_files(found, old)
    kept = [each for each in new if _component(each) not in wishes.exclude]
    problems: list[DefinitionError] = []
    there = _parse(kept, problems)
    files = [*_files_of(old, problems), *there]
    namespaces = {*NAMESPACES, *wishes.registries, *(old.document.registries if old else ())}
    # A file that is wrong by itself would seem to differ from its other arch.
    problems = problems or check_releases(files, sources[0])
    problems += check_registries(there, namespaces)
    if problems:
        raise DefinitionErrors(problems)
    first = SetDocument(name=wishes.version or version, version=version, url=_URL)
    document = _document(old.document if old else first, there, kept, namespaces)
    document = replace(document, excluded=_excluded(document, new, wishes.exclude))
    _write(directory, document, kept)
    made = load_set(directory)
    return made, _remarks(made)


def _version(found: Sequence[Found], given: str | None) -> str:
    versions = {each.version for each in found if each.version}
    if given:
        versions.add(rpm_version(given))
    if len(versions) > 1:
        raise UsageError(
            f"these are of several versions of MicroShift: {', '.join(sorted(versions))}",
            hint="import one version at a time",
        )
    if not versions:
        raise UsageError(
            "release files do not say of which MicroShift they are",
            hint="add the tag, or the RPM version of the package microshift: --version 4.20.26",
        )
    return versions.pop()


def _component(found: Found) -> str:
    name = parse_file_name(found.file.name)
    return name[0] if name else ""


def _new_files(found: Sequence[Found], old: ImageSet | None) -> list[Found]:
    """Return each file once, without those that ``old`` has; two that differ are refused."""
    known = {each.name: each.sha256 for each in old.document.files} if old else {}
    new: dict[str, Found] = {}
    for each in found:
        name, digest = each.file.name, _sha256(each.content)
        if known.setdefault(name, digest) != digest:
            there = new[name].file if name in new else f"that of {old.directory}" if old else ""
            raise DefinitionError(
                f"is another {name} than {there}",
                place=Place(each.file),
                hint="name only the files of one release; to replace a set, remove it first",
            )
        if old is None or name not in {file.name for file in old.document.files}:
            new.setdefault(name, each)
    return list(new.values())


def _files_of(old: ImageSet | None, problems: list[DefinitionError]) -> list[ReleaseFile]:
    """Return the files of a set as they are, with what it leaves out."""
    paths = [old.directory / each.name for each in old.document.files] if old else []
    return [each for path in paths if (each := parse_release(path, path.read_bytes(), problems))]


def _parse(found: Sequence[Found], problems: list[DefinitionError]) -> list[ReleaseFile]:
    parsed = (parse_release(each.file, each.content, problems) for each in found)
    return [each for each in parsed if each]


def _document(
    old: SetDocument, files: Sequence[ReleaseFile], found: Sequence[Found], known: set[str]
) -> SetDocument:
    """Return ``old`` with what is new: ``files``, as they were ``found``."""
    repos = {image.source.reference.repo for each in files for image in each.images}
    registries = {namespace_of(repo, known) for repo in repos}
    secret = {namespace_of(repo, known) for repo in repos if wants_pull_secret(repo)}
    listed = [FileDocument(each.file.name, _sha256(each.content), each.origin) for each in found]
    return replace(
        old,
        registries=tuple(sorted({*old.registries, *filter(None, registries)})),
        pull_secret=tuple(sorted({*old.pull_secret, *filter(None, secret)})),
        components=tuple(sorted({*old.components, *(each.component for each in files)} - {CORE})),
        files=tuple(sorted((*old.files, *listed), key=lambda each: each.name)),
    )


def _excluded(
    document: SetDocument, new: Sequence[Found], exclude: Sequence[str]
) -> tuple[ExcludedDocument, ...]:
    """Say of every component that is left out why."""
    found = {each.component: each for each in document.excluded}
    for component in exclude:
        files = [each for each in new if _component(each) == component]
        if component == CORE or not files:
            names = ", ".join(sorted({_component(each) for each in new} - {CORE}))
            hint = f"--exclude takes one of: {names or '(there are none)'}"
            raise UsageError(f"there is no component {component!r} to leave out", hint=hint)
        problems: list[DefinitionError] = []
        _parse(files, problems)
        reason = problems[0].message if problems else "left out when the set was imported"
        found[component] = ExcludedDocument(component, reason)
    kept = (each for each in found.values() if each.component not in document.components)
    return tuple(sorted(kept, key=lambda each: each.component))


def _write(directory: Path, document: SetDocument, new: Sequence[Found]) -> None:
    """Write the set: a new one appears as a whole; a grown one ends with its set.yaml."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with workspace(directory.with_name(f".{directory.name}.work")) as work:
        made = work / directory.name
        made.mkdir(mode=0o755)
        for each in new:
            (made / each.file.name).write_bytes(each.content)
        (made / SET_FILE).write_text(_dump(document), "utf-8")
        if directory.exists():
            for name in (*(each.file.name for each in new), SET_FILE):
                (made / name).rename(directory / name)
        else:
            made.rename(directory)


def _dump(document: SetDocument) -> str:
    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if key != "line" and each}
        return [plain(each) for each in value] if isinstance(value, list | tuple) else value

    return _HEAD + yaml.safe_dump(plain(asdict(document)), sort_keys=False, width=1000)


def _remarks(images: ImageSet) -> list[str]:
    lines = []
    for component, files in images.components.items():
        texts = [{each.name: each.source.text for each in file.images} for file in files.values()]
        lines.append(f"{component}: {len(texts[0])} images for {', '.join(files)}")
        same = sorted(name for name in texts[0] if texts[0][name] == texts[-1].get(name))
        if len(files) > 1 and same:
            which = "all" if len(same) == len(texts[0]) else ", ".join(same)
            lines.append(
                f"  the same digest for both arches: {which} (right if it is a list of images; "
                "otherwise locking fails, and the image is to be left out: 'omit' in set.yaml)"
            )
    left_out = images.document.excluded
    return [*lines, *(f"{each.component}: left out: {each.reason}" for each in left_out)]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
