"""RPMs that paack made, taken apart without root: store image, lock and list of images."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from helpers.definition_document import FILESYSTEMS
from helpers.errors import VerificationError
from helpers.progress import count
from helpers.run import reading, run

PROVIDED = "container-image("


@dataclass(frozen=True, slots=True)
class UnpackedRpm:
    """An unpacked RPM: its name, what it provides, its store image, lock and list of images."""

    name: str
    arch: str
    provides: tuple[str, ...]
    store: Path
    filesystem: str
    lock: Path
    images: Path


def unpack(rpm: Path, work: Path) -> UnpackedRpm | None:
    """Take what matters out of an RPM, into ``work``; None when it has no images (but manifests).

    Raises VerificationError when it has only some of what belongs together.
    """
    query = ["rpm", "-qp", "--nosignature", "--qf", r"%{NAME}\n%{ARCH}\n[%{PROVIDES}\n]"]
    said = run([*query, str(rpm.resolve())], quiet=True).stdout.decode()
    name, arch, *provides = said.splitlines()
    shared = f"usr/share/paack/{name}"
    wanted = {f"{shared}/lock.yaml": work / "lock.yaml", f"{shared}/images": work / "images"}
    stores: list[Path] = []
    with (
        rpm.open("rb") as file,
        reading(["rpm2archive", "--nocompression", "-"], file) as out,
        tarfile.open(fileobj=out, mode="r|*") as archive,
    ):
        for member in archive:
            path = PurePosixPath("/", member.name).relative_to("/")
            target = wanted.get(str(path))
            if target is None and path.suffix[1:] in FILESYSTEMS and member.isreg():
                target = work / f"{len(stores)}.{path.suffix[1:]}"
                stores.append(target)
            content = archive.extractfile(member) if target else None
            if target and content:
                with target.open("wb") as copy:
                    while chunk := content.read(1 << 20):
                        copy.write(chunk)
    claims = any(each.startswith(PROVIDED) for each in provides)
    if not stores and not claims and not any(each.exists() for each in wanted.values()):
        return None
    if len(stores) != 1 or not all(each.exists() for each in wanted.values()):
        raise VerificationError(
            f"{rpm}: holds {count(len(stores), 'store image')}, "
            f"{'a' if (work / 'lock.yaml').exists() else 'no'} lock and "
            f"{'a' if (work / 'images').exists() else 'no'} list of images",
            hint="only RPMs that paack made, with images inside, can be verified",
        )
    filesystem = stores[0].suffix[1:]
    lock, images = wanted.values()
    return UnpackedRpm(name, arch, tuple(provides), stores[0], filesystem, lock, images)
