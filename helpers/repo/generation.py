"""Generations of a repository's metadata, for one arch.

``generations/N/repodata`` is whole once it has a repomd.xml, and is never changed then.
``repodata`` is a link to the newest, or a copy where links cannot be. A client that is half-way
finds the data of the generations before it in the newest, too: their names are digests.
helpers/repo/switch.py publishes a generation that is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.errors import PublishError, VerificationError
from paack.helpers.repo.repo_file import MIRRORLIST, mirror_list
from paack.helpers.repo.repodata import (
    REPOMD,
    SIGNATURE,
    Entry,
    Repodata,
    read_repodata,
    write_repodata,
)
from paack.helpers.repo.site import File
from paack.helpers.rpm import Keyring, Signer, sign_file

_ELSEWHERE = "publish to another, empty directory"


@dataclass(frozen=True, slots=True)
class State:
    """What is published of one arch: its newest whole generation, and the numbers of all.

    ``signer`` is the fingerprint of the key that signed it, or "".
    """

    number: int = 0
    repodata: Repodata = field(default_factory=lambda: Repodata({}, (), ""))
    signer: str = ""
    numbers: tuple[int, ...] = ()

    @property
    def entries(self) -> Mapping[str, Entry]:
        """Packages by file name."""
        return self.repodata.entries


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation to be current: its entries, and its files unless it is published already.

    ``kept`` are those before it that stay: number -> metadata.
    """

    directory: str
    number: int
    entries: Mapping[str, Entry]
    kept: Mapping[int, Repodata]
    files: Mapping[str, File] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The directory of its metadata."""
        return f"{self.directory}/{repodata_path(self.number)}"


def repodata_path(number: int) -> str:
    """Return where the metadata of a generation is, below the directory of its arch."""
    return f"generations/{number}/repodata"


def read_state(directory: Path, ring: Keyring | None, *, unsigned: bool = False) -> State:
    """Return what is published in ``directory``; raise PublishError or VerificationError.

    With ``ring`` it must be signed by one of these keys, without it must not be signed. With
    ``unsigned``, for a repository that can be made anew, not being signed is as good.
    """
    numbers = _numbers(directory)
    whole = [number for number in numbers if (directory / repodata_path(number) / REPOMD).is_file()]
    if not whole:
        if (directory / "repodata").exists():
            raise PublishError(
                f"{directory}: has a repository that paack did not make",
                hint=_ELSEWHERE,
            )
        return State(numbers=numbers)
    current = directory / repodata_path(whole[-1])
    signed = (current / SIGNATURE).exists()
    signer = ""
    if ring is None and signed:
        other = f"make it anew: rm -r {directory.parent}" if unsigned else _ELSEWHERE
        raise PublishError(
            f"{directory}: is signed",
            hint=f"go on signing it: --sign KEY; or {other}",
        )
    if ring is not None and not signed and not unsigned:
        raise PublishError(f"{directory}: is not signed", hint=_ELSEWHERE)
    if ring is not None and signed:
        try:
            signer = ring.check(current / REPOMD, current / SIGNATURE)
        except VerificationError as error:
            raise PublishError(
                error.message,
                hint=f"name the key that signed it: --old-key KEY; or {_ELSEWHERE}",
            ) from error
    return State(whole[-1], read_repodata(current), signer, numbers)


def next_generation(
    directory: str,
    state: State,
    entries: Mapping[str, Entry],
    *,
    keep: int,
    compression: str,
    signer: Signer | None,
    url: str | None,
    tree: Path,
    work: Path,
) -> Generation:
    """Return the generation that holds ``entries``: the published one if nothing is different.

    With ``url`` it has a mirror list.
    """
    fingerprint = signer.key.fingerprint if signer else ""
    published = _contents(state.entries)
    if (
        state.number > 0
        and published == _contents(entries)
        and state.repodata.compression == compression
        and state.signer == fingerprint
        and _mirrors(tree / directory, state.number) == _mirror_list(url, directory, state.number)
    ):
        kept = _readable(tree / directory, [n for n in state.numbers if n < state.number], keep)
        return Generation(directory, state.number, entries, kept)
    kept = _readable(tree / directory, state.numbers, keep)
    number = max(state.numbers, default=0) + 1
    made = work / directory / repodata_path(number)
    write_repodata(made, entries.values(), compression)
    if signer:
        sign_file(made / REPOMD, made / SIGNATURE, signer)
    if mirrors := _mirror_list(url, directory, number):
        (made / MIRRORLIST).write_bytes(mirrors)
    files = {path.name: File(path) for path in sorted(made.iterdir())}
    files = {**_kept_files(tree / directory, kept), **files}
    base = f"{directory}/{repodata_path(number)}"
    placed = {f"{base}/{name}": file for name, file in files.items()}
    return Generation(directory, number, entries, kept, placed)


def _contents(entries: Mapping[str, Entry]) -> set[tuple[str, str]]:
    return {(entry.sha256, entry.inputs) for entry in entries.values()}


def _kept_files(directory: Path, kept: Mapping[int, Repodata]) -> dict[str, File]:
    """Return the metadata files of older generations, for clients that are half-way."""
    return {
        data.name: File(directory / repodata_path(old) / data.name, data.sha256)
        for old, repodata in kept.items()
        for data in repodata.data
    }


def _readable(directory: Path, numbers: Iterable[int], keep: int) -> dict[int, Repodata]:
    """Return the newest ``keep`` of these generations that are whole."""
    found: dict[int, Repodata] = {}
    for number in sorted(numbers, reverse=True):
        if len(found) < keep:
            with suppress(VerificationError):
                found[number] = read_repodata(directory / repodata_path(number))
    return found


def _mirror_list(url: str | None, directory: str, number: int) -> bytes:
    return mirror_list(url, directory, number).encode() if url else b""


def _mirrors(directory: Path, number: int) -> bytes:
    path = directory / repodata_path(number) / MIRRORLIST
    return path.read_bytes() if path.is_file() else b""


def _numbers(directory: Path) -> tuple[int, ...]:
    names = (path.name for path in directory.glob("generations/*"))
    return tuple(sorted(int(name) for name in names if name.isdigit()))
