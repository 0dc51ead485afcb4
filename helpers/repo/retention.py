"""Which packages stay in a repository that keeps some versions of each."""

from __future__ import annotations

from collections.abc import Mapping

from paack.helpers.repo.repodata import SOURCE, Entry
from paack.helpers.rpm import in_order, is_part_file


def newest(entries: Mapping[str, Entry], versions: int) -> dict[str, Entry]:
    """Return the newest ``versions`` of each package (0: all), by file name.

    Packages of layers go with the last package that needs them; their source RPMs, which nothing
    here needs, stay.
    """
    if not versions:
        return dict(entries)
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for file, entry in entries.items():
        package = entry.metadata
        evr = f"{package.epoch}:{package.version}-{package.release}"
        groups.setdefault((package.name, package.arch), {})[evr] = file
    chosen = {group[evr] for group in groups.values() for evr in in_order(group)[-versions:]}
    kept = {file: entry for file, entry in entries.items() if file in chosen}
    needed = {each[0] for entry in kept.values() for each in entry.metadata.requires}
    return {
        file: entry
        for file, entry in kept.items()
        # Layers have one version: they go with the last package that needs them.
        if not is_part_file(file) or entry.metadata.name in needed or file.endswith(".src.rpm")
    }


def without_old_sources(
    directories: Mapping[str, Mapping[str, Entry]],
) -> dict[str, dict[str, Entry]]:
    """Return what is in all directories, without source RPMs of layers that nothing needs.

    Layers of source RPMs whose RPMs are nowhere are not known: then all of these stay.
    """
    binary = [
        entry
        for name, entries in directories.items()
        if name != SOURCE
        for entry in entries.values()
    ]
    built = {_identity(entry) for entry in binary}
    sources = directories.get(SOURCE, {})
    known = all(is_part_file(file) or _identity(each) in built for file, each in sources.items())
    needed = {each.metadata.name for each in binary}
    needed |= {each[0] for entry in binary for each in entry.metadata.requires}
    kept = {
        file: entry
        for file, entry in sources.items()
        if not known or not is_part_file(file) or entry.metadata.name in needed
    }
    found = {name: dict(entries) for name, entries in directories.items()}
    return {**found, **({SOURCE: kept} if SOURCE in found else {})}


def _identity(entry: Entry) -> tuple[str, str, str]:
    package = entry.metadata
    return package.name, package.version, package.release
