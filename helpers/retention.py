"""Which packages stay in a repository that keeps some versions of each."""

from __future__ import annotations

from collections.abc import Mapping

from helpers.evr import in_order
from helpers.group_package import is_group_file
from helpers.repodata import Entry


def newest(entries: Mapping[str, Entry], versions: int) -> dict[str, Entry]:
    """Return the newest ``versions`` of each package (0: all), by file name.

    Packages of layers go with the last package that needs them.
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
        if not is_group_file(file) or entry.metadata.name in needed or file.endswith(".src.rpm")
    }
