"""Where MicroShift's release files are read from: RPMs, directories, JSON files. No root needed.

The manifests of optional components are read along: they name images that release files may lack.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.errors import DefinitionError, Place
from paack.helpers.microshift.release_images import ARCHES, CORE, file_name, parse_file_name
from paack.helpers.rpm import has_right_digests, query
from paack.helpers.run import run

RPM_DIRECTORY = "usr/share/microshift/release"
RPM_MANIFESTS = "usr/lib/microshift/manifests.d"
_SIZE_LIMIT = 1 << 20  # bytes of a release file; real ones have 3 kB
_MANIFEST_LIMIT = 8 << 20  # bytes of a manifest; the largest of real ones has 1 MB
_RPM_MAGIC = b"\xed\xab\xee\xdb"
#: As ``081-microshift-kube-state-metrics``.
_MANIFESTS_OF = re.compile(r"(?:\d+-)?microshift-(.+)")


@dataclass(frozen=True, slots=True)
class Found:
    """A release file: ``file`` is where it is, for people, ``origin`` the same, for the record.

    ``version`` and ``release`` are those of the RPM it was in, None without.
    """

    file: Path
    content: bytes
    origin: str
    version: str | None = None
    release: str | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """The manifests of a component for one arch: ``files`` by relative path, ``where`` for people.

    ``name`` is the component's, or begins with it and a dash.
    """

    name: str
    arch: str
    files: Mapping[str, bytes]
    where: Path


@dataclass(frozen=True, slots=True)
class Content:
    """What sources hold."""

    releases: list[Found] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)


def read_source(source: Path, origin: str | None = None) -> Content:
    """Read an RPM, a directory (at any depth; its RPMs too) or a JSON file.

    A JSON file stands for its component: the other arch is taken from beside it. ``origin`` says
    where ``source`` (for files: its directory) is from; its own name is taken without. Raises
    DefinitionError when there is nothing of MicroShift, or it cannot be read.
    """
    content = Content()
    try:
        if source.is_dir():
            _read_directory(source, origin or source.resolve().name, content)
        else:
            with source.open("rb") as file:
                is_rpm = file.read(len(_RPM_MAGIC)) == _RPM_MAGIC
            if is_rpm:
                _read_rpm(source, origin, content)
            else:
                content.releases.extend(_beside(source, origin))
    except OSError as error:
        raise DefinitionError(
            f"cannot be read: {error.strerror}",
            place=Place(Path(error.filename or source)),
            hint="--from takes a microshift-release-info RPM, a directory or a JSON file",
        ) from error
    if not content.releases and not content.trees:
        raise DefinitionError(
            "holds no release files of MicroShift",
            place=Place(source),
            hint=f"they are called {file_name(CORE, ARCHES[0])}; packages called "
            "microshift-…release-info have them",
        )
    return content


def _read_directory(directory: Path, origin: str, content: Content) -> None:
    homes: dict[tuple[Path, str], None] = {}
    for path in sorted(directory.rglob("release-*.json")):
        found = Found(path, _read(path, _SIZE_LIMIT), f"{origin}/{path.relative_to(directory)}")
        content.releases.append(found)
        name = parse_file_name(path.name)
        if name and name[0] != CORE:
            homes[path.parent, name[0]] = None
    of_one = {home for home, _ in homes if len([True for each, _ in homes if each == home]) == 1}
    for home, component in homes:
        if home in of_one:
            content.trees.extend(_trees(home, component))
    for path in sorted(directory.glob("microshift-*.rpm")):
        _read_rpm(path, origin, content)


def _trees(home: Path, component: str) -> Iterator[Tree]:
    """Yield the manifests beside a component's release files, as its packages have them.

    MicroShift's spec appends ``kustomization.ARCH.yaml`` (and ``images-ARCH.yaml``) to the file
    without the arch in its name.
    """
    paths = [path for path in sorted(home.rglob("*.*")) if path.suffix in (".yaml", ".yml", ".env")]
    everything = {
        path.relative_to(home).as_posix(): _read(path, _MANIFEST_LIMIT)
        for path in paths
        if path.is_file() and not path.is_symlink()
    }
    for arch in ARCHES:
        files: dict[str, bytes] = {}
        for name, text in sorted(everything.items(), key=lambda item: _has_arch(item[0])):
            plain = re.sub(rf"[.-]{arch}(?=\.yaml$)", "", name)
            if plain != name:
                files[plain] = files.get(plain, b"") + b"\n" + text
            elif not _has_arch(name):
                files[name] = text
        if files and (home / file_name(component, arch)).exists():
            yield Tree(component, arch, files, home)


def _has_arch(name: str) -> bool:
    return any(name.endswith((f".{arch}.yaml", f"-{arch}.yaml")) for arch in ARCHES)


def _beside(file: Path, origin: str | None) -> Iterator[Found]:
    name = parse_file_name(file.name)
    names = [file_name(name[0], arch) for arch in ARCHES] if name else [file.name]
    for each in names:
        path = file.with_name(each)
        if path == file or path.exists():
            where = f"{origin or file.resolve().parent.name}/{each}"
            yield Found(path, _read(path, _SIZE_LIMIT), where)


def _read_rpm(rpm: Path, origin: str | None, content: Content) -> None:
    """Read an RPM's release files and manifests; others are not unpacked."""
    if not has_right_digests(rpm):
        raise DefinitionError(
            "is damaged: its bytes do not have the digests in its header",
            place=Place(rpm),
            hint="get it anew",
        )
    form = "%{VERSION}\n%{RELEASE}\n%{ARCH}\n%{NEVRA}.rpm\n[%{FILENAMES}\n]"
    version, release, arch, nevra, *names = query(rpm, form).split("\n")
    if not any(name.startswith((f"/{RPM_DIRECTORY}/", f"/{RPM_MANIFESTS}/")) for name in names):
        return
    where = f"{origin}/{nevra}" if origin else nevra
    trees: dict[str, dict[str, bytes]] = {}
    for path, text in _members(rpm):
        directory, _, name = path.rpartition("/")
        if directory == RPM_DIRECTORY and name.startswith("release-") and name.endswith(".json"):
            limited = _limited(rpm / path, text, _SIZE_LIMIT)
            found = Found(rpm / path, limited, f"{where}!/{path}", version, release)
            content.releases.append(found)
        elif path.startswith(f"{RPM_MANIFESTS}/"):
            home, _, below = path.removeprefix(f"{RPM_MANIFESTS}/").partition("/")
            if (match := _MANIFESTS_OF.fullmatch(home)) and below and ".." not in below.split("/"):
                trees.setdefault(match[1], {})[below] = _limited(rpm / path, text, _MANIFEST_LIMIT)
    for component, files in trees.items():
        arches = [each for each in ARCHES if arch in (each, "noarch")]
        content.trees.extend(Tree(component, each, files, rpm) for each in arches)


def _members(rpm: Path) -> Iterator[tuple[str, bytes]]:
    archive = run(["rpm2archive", "-"], stdin=rpm.read_bytes(), quiet=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            path = member.name.removeprefix("./")
            file = members.extractfile(member) if member.isreg() else None
            if file and path.startswith((f"{RPM_DIRECTORY}/", f"{RPM_MANIFESTS}/")):
                yield path, file.read(_MANIFEST_LIMIT + 1)


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return _limited(path, file.read(limit + 1), limit)


def _limited(path: Path, content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise DefinitionError(
            "is too big for a file of a release",
            place=Place(path),
            hint="name the files one by one",
        )
    return content
