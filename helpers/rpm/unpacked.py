"""RPMs that paack made, taken apart without root: store image, lock and list of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from paack.helpers.errors import VerificationError
from paack.helpers.progress import count
from paack.helpers.rpm.device import UNIT_DIRECTORY, unit_of
from paack.helpers.rpm.payload import packed_files
from paack.helpers.rpm.query import query
from paack.helpers.rpm.sbom_formats import FILES
from paack.helpers.rpm.spdx import Subject
from paack.helpers.rpm.store_file import filesystem_of, may_be_store, stores_in, table_of

PROVIDED = "container-image("


@dataclass(frozen=True, slots=True)
class UnpackedRpm:
    """An unpacked RPM: who it is, what it provides and requires, its store image, lock and list.

    ``sboms`` (of any format), ``layers`` (the packages with the layers of the images), ``units``
    (the list of Quadlet units), ``drop_in`` (of its mount, with the layers), ``tree`` (of
    dm-verity), ``options`` (of a verified mount) and ``table`` (of the pieces that ``store`` is one
    of, an index over packs) need not be there. ``store_path`` is that of the store image on a
    device. A package of layers has ``layers_json`` instead of lock and list.
    What it requires is as ``rpm --requires`` shows it.
    """

    subject: Subject
    provides: tuple[str, ...]
    requires: tuple[str, ...]
    store: Path
    filesystem: str
    lock: Path
    images: Path
    sboms: tuple[Path, ...]
    layers: Path
    layers_json: Path
    units: Path
    tree: Path
    options: Path
    drop_in: Path
    store_path: str
    table: Path

    @property
    def name(self) -> str:
        """The RPM's name."""
        return self.subject.name

    @property
    def arch(self) -> str:
        """The RPM's arch."""
        return self.subject.arch


def unpack(rpm: Path, work: Path) -> UnpackedRpm | None:
    """Take what matters out of an RPM, into ``work``; None when it has no images (but manifests).

    Raises VerificationError when it has only some of what belongs together.
    """
    subject, provides, requires = _ask(rpm)
    essential = [work / "lock.yaml", work / "images"]
    sboms = tuple(work / name for name in FILES.values())
    more = [work / name for name in ("layers", "layers.json", "units")]
    drop_ins = [work / name for name in ("20-verity.conf", "10-layers.conf")]
    targets = {
        **{f"/usr/share/paack/{subject.name}/{e.name}": e for e in (*essential, *sboms, *more)},
        **{f"{UNIT_DIRECTORY}/{unit_of(subject.name)}.d/{e.name}": e for e in drop_ins},
    }
    found = dict[str, Path]()
    for file in packed_files(rpm):
        target = targets.get(file.path)
        suffix = PurePosixPath(file.path).suffix[1:]
        if target is None and may_be_store(file.path):
            target = found[file.path] = work / f"{len(found)}.{suffix}"
        elif target is None and suffix == "verity":
            target = work / "tree.verity"
        if target:
            file.copy(target)
    stores = stores_in(found)
    claims = any(each.startswith(PROVIDED) for each in provides)
    if not stores and not claims and not any(each.exists() for each in essential):
        return None
    has_layers = (work / "layers.json").exists()
    described = not claims if has_layers else all(map(Path.exists, essential))
    if len(stores) != 1 or not described:
        raise _incomplete(rpm, len(stores), work)
    (where,) = stores
    return UnpackedRpm(
        subject, provides, requires, found[where], filesystem_of(where),
        essential[0], essential[1], sboms, more[0], more[1], more[2], work / "tree.verity",
        drop_ins[0], drop_ins[1], where, found.get(table_of(where), work / "none"),
    )  # fmt: skip


def _incomplete(rpm: Path, stores: int, work: Path) -> VerificationError:
    return VerificationError(
        f"{rpm}: holds {count(stores, 'store image')}, "
        f"{'a' if (work / 'lock.yaml').exists() else 'no'} lock and "
        f"{'a' if (work / 'images').exists() else 'no'} list of images",
        hint="only RPMs that paack made, with images inside, can be verified",
    )


def _ask(rpm: Path) -> tuple[Subject, tuple[str, ...], tuple[str, ...]]:
    """Return who an RPM is, what it provides and requires; its time is that of its changelog."""
    tags = ("NAME", "VERSION", "RELEASE", "ARCH", "CHANGELOGTIME")
    form = "".join(rf"%{{{tag}}}\n" for tag in tags)
    form += r"[P%{PROVIDES}\n][R%{REQUIRENEVRS}\n]"
    said = query(rpm, form).splitlines()
    name, version, release, arch, time = said[: len(tags)]
    epoch = int(time) if time.isdigit() else 0
    rest = said[len(tags) :]
    provides, requires = (tuple(e[1:] for e in rest if e.startswith(mark)) for mark in "PR")
    return Subject(name, version, release, arch, epoch), provides, requires
