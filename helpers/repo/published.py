"""One RPM of a published repository, for builds that need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from paack.helpers.errors import UsageError, VerificationError
from paack.helpers.packs import Published
from paack.helpers.repo.repodata import REPOMD, Entry, read_repodata, read_repomd
from paack.helpers.repo.web import Tree, is_url


def published_at(where: str) -> Published:
    """Return the way to RPMs of the repository at ``where``: a directory or a URL.

    Signatures are not looked at: whoever asks knows what has to be in them. Raises UsageError when
    it is neither, and then VerificationError when a server fails.
    """
    if not is_url(where) and not Path(where).is_dir():
        raise UsageError(f"{where}: no directory", hint="a directory, or http(s)://HOST/PATH")
    known: dict[str, Mapping[str, Entry]] = {}

    @contextmanager
    def published(arch: str, file: str, work: Path) -> Iterator[Path | None]:
        tree = Tree(where, work)
        if arch not in known:
            known[arch] = _entries(tree, arch, work / "repodata")
        entry = known[arch].get(file)
        if entry is None:
            yield None
            return
        with tree.file(f"{arch}/{entry.href}", entry.size) as rpm:
            yield rpm

    return published


def _entries(tree: Tree, arch: str, work: Path) -> Mapping[str, Entry]:
    """Return the packages of an arch by file name; none when there is no repository of it."""
    repomd = tree.read(f"{arch}/repodata/{REPOMD}")
    if repomd is None:
        return {}
    work.mkdir()
    (work / REPOMD).write_bytes(repomd)
    for each in read_repomd(work):
        content = tree.read(f"{arch}/repodata/{each.name}")
        if content is None:
            raise VerificationError(f"{arch}/repodata/{each.name} is not there", hint="try again")
        (work / each.name).write_bytes(content)
    return read_repodata(work).entries
