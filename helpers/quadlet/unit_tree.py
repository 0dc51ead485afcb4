"""Which files the units of a package are: those of its definition, and those that they name.

Podman finds ``Yaml=web.yaml`` beside the unit. What a unit names so is shipped with it; where it is
in a directory of the definition it is shipped anyhow.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes import file_problem, tar_of
from paack.helpers.quadlet.kinds import KINDS, kind_of
from paack.helpers.quadlet.named_files import add_named_files
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import SyntaxProblem, UnitFile, parse_unit

_DROP_IN = ".d"
#: bootc's directory of links to units whose images it pulls
_BOUND = "bound-images.d"


@dataclass(frozen=True)
class UnitTree:
    """All files of the units of a package for an arch, by their paths below ``unitPath``.

    ``problems`` are why some of them cannot be shipped or read; ``refused`` are units and drop-ins
    that podman cannot read.
    """

    files: Mapping[str, Path]
    units: tuple[Unit, ...]
    problems: tuple[DefinitionError, ...]
    refused: tuple[str, ...] = ()

    @property
    def archive(self) -> bytes:
        """A tar of the files: reproducible, uncompressed."""
        return tar_of(self.files)

    def check(self) -> UnitTree:
        """Raise the first problem, if there is any."""
        for problem in self.problems:
            raise problem
        return self


def read_units(entries: Sequence[Path], directory: str) -> UnitTree:
    """Read the files and directories of a definition's ``units``; ``directory`` is ``unitPath``."""
    problems: list[DefinitionError] = []
    files = dict(_entries(entries, problems))
    unfit = {name: file_problem(path, name) for name, path in files.items()}
    problems += filter(None, unfit.values())
    parsed: dict[str, UnitFile] = {}
    refused: list[str] = []
    for name, path in sorted(files.items()):
        if not unfit[name] and (kind_of(name) or _is_drop_in(name)):
            try:
                parsed[name] = parse_unit(path.read_bytes().decode("utf-8"), path)
            except SyntaxProblem as problem:
                which = "all units of this directory" if kind_of(name) else "this file"
                message = f"podman makes nothing of {which}: {problem.message}"
                hint = "see podman-systemd.unit(5) for what may stand there"
                problems.append(DefinitionError(message, place=problem.place, hint=hint))
                refused.append(name)
            except (OSError, ValueError) as error:
                message, hint = f"cannot be read: {error}", "save it as UTF-8"
                problems.append(DefinitionError(message, place=Place(path), hint=hint))
                refused.append(name)
    # Podman reads no other unit of a directory that has such a file.
    unread = {PurePosixPath(name).parent for name in refused if kind_of(name)}
    units = tuple(each for each in _units(parsed) if PurePosixPath(each.path).parent not in unread)
    for unit in units:
        add_named_files(unit, directory, files, problems)
    if entries and not units and not problems:
        suffixes = " ".join(KINDS)
        problems.append(
            DefinitionError("holds no unit", place=Place(entries[0]), hint=f"add one of {suffixes}")
        )
    ordered = dict(sorted(files.items()))
    return UnitTree(ordered, units, tuple(problems), tuple(refused))


def _entries(
    entries: Iterable[Path], problems: list[DefinitionError]
) -> Iterator[tuple[str, Path]]:
    """Yield each file with its path below ``unitPath``; a directory of drop-ins keeps its name."""
    seen: dict[str, Path] = {}
    for entry in entries:
        alone = not entry.is_dir() or (entry.name.endswith(_DROP_IN) and entry.name != _BOUND)
        top = entry.parent if alone else entry
        inside = entry.rglob("*") if entry.is_dir() and not entry.is_symlink() else [entry]
        for link in sorted(inside):
            if link.is_dir() and not link.is_symlink():
                continue
            name = link.relative_to(top).as_posix()
            path = _followed(link, entry) if link.is_symlink() else link
            if seen.setdefault(name, path) != path:
                message = f"{name} comes twice: {seen[name]} is another one"
                problems.append(
                    DefinitionError(message, place=Place(path), hint="rename one of them")
                )
            yield name, path


def _followed(link: Path, entry: Path) -> Path:
    """Return the file of a link that is shipped as a file; another link stays, and is refused."""
    return _bound(link) if entry.name == _BOUND else _template(link)


def _template(link: Path) -> Path:
    """Return the template beside a link to it, as ``web@1.container`` is one."""
    prefix, at, instance = link.stem.partition("@")
    template = link.with_name(f"{prefix}@{link.suffix}")
    named = os.readlink(link) in (template.name, f"./{template.name}")  # noqa: PTH115
    fits = kind_of(link.name) and at and instance and named
    return template if fits and template.is_file() and not template.is_symlink() else link


def _bound(link: Path) -> Path:
    """Return the unit that a link in bound-images.d leads to, in the same tree of an OS image.

    bootc has the directory at /usr/lib/bootc/bound-images.d; where the tree begins, the paths in
    the links do, too. A link that leads out of it stays as it is, and is refused.
    """
    root = link.parent.parent.parent.parent.parent
    target = Path(os.path.normpath(link.parent / os.readlink(link)))  # noqa: PTH115 - as it stands
    if os.readlink(link).startswith("/"):  # noqa: PTH115
        target = Path(os.path.normpath(f"{root}/{os.readlink(link)}"))  # noqa: PTH115
    inside = target.is_file() and target.resolve().is_relative_to(root.resolve())
    return target if inside and not target.is_symlink() else link


def _units(parsed: Mapping[str, UnitFile]) -> Iterator[Unit]:
    """Yield the units with their drop-ins. Of two with one name podman takes the first."""
    seen: set[str] = set()
    for name in sorted(parsed, key=lambda each: (PurePosixPath(each).parts[:-1], each)):
        kind, path = kind_of(name), PurePosixPath(name)
        if kind and path.name not in seen and not _is_drop_in(name):
            seen.add(path.name)
            yield Unit(name, kind, parsed[name].merged(_drop_ins(path.name, parsed)))


def _drop_ins(unit: str, parsed: Mapping[str, UnitFile]) -> list[UnitFile]:
    """Return the drop-ins of a unit in the order of their names; of one name the nearest counts."""
    found: dict[str, UnitFile] = {}
    for directory in drop_in_directories(unit):
        for name in sorted(parsed):
            path = PurePosixPath(name)
            if path.parent.name == directory and path.suffix == ".conf":
                found.setdefault(path.name, parsed[name])
    return [found[name] for name in sorted(found, key=str.encode)]


def drop_in_directories(unit: str) -> list[str]:
    """Return the names of the directories with drop-ins of a unit, the nearest first.

    Of ``a-b@c.container``: its own, the template's, ``a-@.container.d``, ``a-.container.d`` and
    ``container.d``.
    """
    stem, suffix = PurePosixPath(unit).stem, PurePosixPath(unit).suffix
    base, at, instance = stem.partition("@")
    found = [f"{suffix[1:]}.d"]
    parts = base.split("-")
    for number in range(1, len(parts)):
        cut = "-".join(parts[:number]) + "-"
        found.append(f"{cut}{suffix}.d")
        if at:
            found.append(f"{cut}@{suffix}.d")
    if instance:
        found.append(f"{base}@{suffix}.d")
    return [f"{unit}.d", *reversed(found)]


def _is_drop_in(name: str) -> bool:
    """Tell whether a file is in a directory of drop-ins of units."""
    path = PurePosixPath(name)
    home = path.parent.name
    return (
        path.suffix == ".conf"
        and home.endswith(_DROP_IN)
        and (kind_of(home.removesuffix(_DROP_IN)) or f".{home.removesuffix(_DROP_IN)}" in KINDS)
        is not None
    )
