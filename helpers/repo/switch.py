"""Switching a published repository to a new generation of its metadata, and removing old ones.

A generation is put aside whole first; then ``repodata`` is replaced, at once where links can be.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from paack.helpers.repo.generation import Generation, repodata_path
from paack.helpers.repo.repodata import REPOMD, SIGNATURE
from paack.helpers.repo.site import File, Site


def put_generations(site: Site, generations: Iterable[Generation]) -> None:
    """Put new generations aside; each has its repomd.xml when all else is there."""
    files = {path: file for each in generations for path, file in each.files.items()}
    last = {path: file for path, file in files.items() if path.endswith(f"/{REPOMD}")}
    site.put({path: file for path, file in files.items() if path not in last})
    if last and site.links:
        site.link({_packages_link(path): "../../Packages" for path in last})
    site.put(last)


def switch(site: Site, generation: Generation) -> None:
    """Let ``repodata`` be the generation."""
    target = repodata_path(generation.number)
    repodata = site.tree / generation.directory / "repodata"
    if repodata.is_symlink() or (not repodata.exists() and site.links):
        if not repodata.is_symlink() or os.fspath(repodata.readlink()) != target:
            site.link({f"{generation.directory}/repodata": target})
    else:
        _copy(site, generation)


def is_linked(site: Site, directory: str) -> bool:
    """Whether ``repodata`` is, or can be, a link."""
    repodata = site.tree / directory / "repodata"
    return repodata.is_symlink() or (not repodata.exists() and site.links)


def prune(site: Site, generation: Generation, numbers: Iterable[int]) -> None:
    """Remove generations that are not kept, and packages that no kept one has."""
    stay = (generation.entries, *(repodata.entries for repodata in generation.kept.values()))
    used = {entry.href.split("/")[1] for entries in stay for entry in entries.values()}
    kept = {generation.number, *generation.kept}
    base = generation.directory
    site.remove(f"{base}/generations/{number}" for number in numbers if number not in kept)
    there = site.names(f"{base}/Packages")
    site.remove(f"{base}/Packages/{name}" for name in there if name not in used)


def _copy(site: Site, generation: Generation) -> None:
    """Without links: data first, then the signature, then repomd.xml, then what is no more."""
    base = f"{generation.directory}/repodata"
    published = (site.tree / generation.path).glob("*")
    files = {path.name: File(path) for path in published}
    files |= {path.rpartition("/")[2]: file for path, file in generation.files.items()}
    for name in sorted(files, key=lambda name: (name == REPOMD, name == SIGNATURE)):
        if not _same(files[name], site.tree / base / name):
            site.put({f"{base}/{name}": files[name]})
    site.remove(f"{base}/{name}" for name in site.names(base) if name not in files)


def _same(file: File, there: Path) -> bool:
    content = file.source.read_bytes() if isinstance(file.source, Path) else file.source
    return there.is_file() and there.read_bytes() == content


def _packages_link(repomd: str) -> str:
    return f"{repomd.removesuffix(f'/repodata/{REPOMD}')}/Packages"
