"""The files that units name relative to themselves, which are shipped with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from paack.helpers.errors import DefinitionError
from paack.helpers.kubernetes import file_problem
from paack.helpers.quadlet.specifiers import begins_with_specifier
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_file import Assignment

#: Keys whose words are files: (group, key).
_FILES = (("Kube", "Yaml"), ("Kube", "ConfigMap"))
_ARGUMENT_FILES = (("Container", "EnvironmentFile"),)
_VOLUMES = ("Container", "Pod")


def add_named_files(
    unit: Unit, directory: str, files: dict[str, Path], problems: list[DefinitionError]
) -> None:
    """Add the files that a unit names relative to itself; note those that are not there."""
    problems += _taken_for_absolute(unit)
    for named in named_files(unit):
        target = below(unit.path, named.value, directory)
        path = unit.file.place.file.parent / named.value
        if target is None or target == "." or target in files:
            continue
        if _is_above(target):
            message = f"{unit.name} names {named.value}, which would be outside of {directory}"
            hint = "put it beside the unit, or below"
        elif Path(named.value).is_absolute() or not os.path.exists(path):  # noqa: PTH110
            # Of a name that is too long, too: Path.exists() raises.
            message = f"{unit.name} names {named.value}, which is not there"
            hint = f"add it to units, for {directory}/{target}"
            if any(name.startswith(f"{target}/") for name in files):
                continue
        else:
            added = dict(_below(path, target))
            problems += filter(None, (file_problem(each, name) for name, each in added.items()))
            files.update(added)
            continue
        problems.append(DefinitionError(message, place=named.place, hint=hint))


def _below(path: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Yield a file, or all below a directory, with the names that they get."""
    if path.is_symlink() or not path.is_dir():
        yield name, path
        return
    for each in sorted(path.rglob("*")):
        if each.is_symlink() or not each.is_dir():
            yield f"{name}/{each.relative_to(path).as_posix()}", each


def named_files(unit: Unit) -> Iterator[Assignment]:
    """Yield the files that a unit names, with their specifiers expanded.

    Those that are the device's, or an instance's, are left out.
    """
    for each in _paths(unit):
        unknown = "%" in unit.expanded(each.value.replace("%%", ""))
        if not begins_with_specifier(each.value) and not unknown:
            yield replace(each, value=unit.expanded(each.value))


def _taken_for_absolute(unit: Unit) -> Iterator[DefinitionError]:
    """Yield paths that podman takes for absolute ones, and that are not."""
    file, group = unit.file, unit.kind.group
    if file.text(group, "SetWorkingDirectory") or file.text("Service", "WorkingDirectory"):
        return
    for each in _paths(unit):
        path = unit.expanded(each.value)
        if begins_with_specifier(each.value) and not path.startswith(("/", "%")):
            message = f"{unit.name} names {each.value}: what begins so is not looked for beside it"
            yield DefinitionError(message, place=each.place, hint=f"write ./{each.value}")


def _paths(unit: Unit) -> Iterator[Assignment]:
    """Yield the paths of files that a unit may bring, as it writes them."""
    for group, key in _FILES:
        yield from unit.file.words(group, key)
    for group, key in _ARGUMENT_FILES:
        yield from unit.file.arguments(group, key)
    for group in _VOLUMES:
        for each in unit.file.of(group, "Volume"):
            source, colon, _ = each.value.partition(":")
            if colon and source.startswith("."):
                yield replace(each, value=source)


def below(unit: str, named: str, directory: str) -> str | None:
    """Return the path below ``directory`` of what the unit at ``unit`` names; None: elsewhere.

    A path that begins with ``..`` is above it.
    """
    if Path(named).is_absolute():
        inside = os.path.relpath(os.path.normpath(named), directory)
        return None if _is_above(inside) or inside == "." else inside
    return os.path.normpath(PurePosixPath(unit).parent / named)


def _is_above(path: str) -> bool:
    """Tell whether a normalized relative path leads out of where it starts."""
    return path == ".." or path.startswith("../")
