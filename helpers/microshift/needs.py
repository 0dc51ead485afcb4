"""What the pods of MicroShift's components need, by the components' own manifests.

A release file need not name all of it, and a device that has only the images in it never starts the
pods that need more. kustomize renders the manifests, as MicroShift does on the device.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paack.helpers.errors import DefinitionError, PaackError
from paack.helpers.kubernetes import (
    ImageUse,
    Kustomization,
    full_name,
    images_of,
    kustomization_file,
    read_kustomization,
    read_objects,
    render,
)
from paack.helpers.microshift.release_image_sources import Tree
from paack.helpers.microshift.release_images import CORE, ReleaseFile
from paack.helpers.oci import Reference

_DOCUMENTS = re.compile(r"^---\n", re.MULTILINE)
_CRD = re.compile(r"^kind: CustomResourceDefinition$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Need:
    """An image that a pod of a component needs on one arch.

    ``name`` is what the component's kustomization calls it, ``pod`` KIND/NAME of the pod's owner.
    """

    component: str
    arch: str
    name: str
    reference: Reference
    pod: str


def needs_of(
    trees: Sequence[Tree], components: Sequence[str]
) -> tuple[list[Need], list[PaackError]]:
    """Return what the manifests of ``components`` need, and what is wrong with them."""
    needs: list[Need] = []
    problems: list[PaackError] = []
    for tree in trees:
        fitting = [name for name in components if f"{tree.name}-".startswith(f"{name}-")]
        if fitting:
            needs += _in_tree(tree, max(fitting, key=len), problems)
    return list(dict.fromkeys(needs)), problems


def unlisted(need: Need, components: Mapping[str, Mapping[str, ReleaseFile]]) -> bool:
    """Tell whether neither the component nor the core, which it requires, has the image."""
    return not any(
        _same(image.source.reference, need.reference)
        for component in (need.component, CORE)
        for file in components.get(component, {}).values()
        if file.arch == need.arch
        for image in file.images
    )


def name_of(need: Need, file: ReleaseFile | None) -> str | None:
    """Return what the component calls the image; None when it does not have it."""
    images = file.images if file else ()
    return next(
        (each.name for each in images if _same(each.source.reference, need.reference)), None
    )


def _same(ours: Reference, theirs: Reference) -> bool:
    if ours.digest or theirs.digest:
        return (ours.repo, ours.digest) == (theirs.repo, theirs.digest)
    return ours == theirs


def _in_tree(tree: Tree, component: str, problems: list[PaackError]) -> Iterator[Need]:
    with tempfile.TemporaryDirectory(prefix="paack-manifests-") as scratch:
        directory = Path(scratch)
        for name, content in tree.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        found: list[PaackError] = []
        names: dict[str, str] = {}
        uses: list[ImageUse] = []
        for kustomization in _tops(directory, names, found):
            uses += _rendered(kustomization, found)
    for problem in found:
        problems.append(_elsewhere(problem, str(directory), str(tree.where)))
    for use in uses:
        reference = full_name(use.image)
        # Not an image: MicroShift itself puts one there ({{ .ReleaseImage.… }}).
        if reference and use.image.startswith(reference.repo):
            name = names.get(str(reference)) or reference.repo.rpartition("/")[2]
            yield Need(component, tree.arch, name, reference, use.where.partition(" ")[0])


def _tops(
    directory: Path, names: dict[str, str], problems: list[PaackError]
) -> list[Kustomization]:
    """Return the kustomizations that no other builds on; add what they call images to ``names``."""
    kustomizations: dict[Path, Kustomization] = {}
    for home in sorted({path.parent for path in directory.rglob("*")}):
        try:
            if file := kustomization_file(home):
                kustomizations[home.resolve()] = read_kustomization(file)
        except (DefinitionError, ValueError) as error:
            problems.append(DefinitionError(f"{home}: cannot be read: {error}"))
    for each in kustomizations.values():
        names.update(_names(each))
    used = {path for each in kustomizations.values() for path in each.uses}
    return [each for path, each in kustomizations.items() if path not in used and not each.is_part]


def _rendered(kustomization: Kustomization, problems: list[PaackError]) -> Iterator[ImageUse]:
    try:
        text = render(kustomization.directory)
        # They are most of the text, describe containers, and have none.
        kept = (part for part in _DOCUMENTS.split(text) if not _CRD.search(part))
        objects = read_objects("---\n".join(kept), kustomization.file)
    except PaackError as error:
        problems.append(error)
        return
    for item in objects:
        yield from images_of(item, kustomization.file)


def _names(kustomization: Kustomization) -> Iterator[tuple[str, str]]:
    """Yield (reference, name) of what a kustomization puts for an image that it names."""
    keys = kustomization.document.value
    entries = keys["images"].value if isinstance(keys, dict) and "images" in keys else None
    for entry in entries if isinstance(entries, list) else []:
        texts = entry.value if isinstance(entry.value, dict) else {}
        name, new, digest = (
            str(texts[key].value or "") if key in texts else ""
            for key in ("name", "newName", "digest")
        )
        yield f"{new or name}@{digest}", name.rpartition("/")[2]


def _elsewhere(problem: PaackError, directory: str, where: str) -> PaackError:
    """Return a problem as of where the manifests are from, not of the copy that was rendered."""
    return DefinitionError(str(problem).replace(directory, where).partition("\n")[0])
