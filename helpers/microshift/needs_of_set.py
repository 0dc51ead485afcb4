"""Images that a set lacks and its components' pods need: added when known, else reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from paack.helpers.document import Text
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.microshift.image_set import ImageSet
from paack.helpers.microshift.needs import Need, name_of, unlisted
from paack.helpers.microshift.set_document import AddDocument, ComponentDocument, SetDocument


def with_needs(images: ImageSet, needs: Sequence[Need]) -> tuple[SetDocument, list[str]]:
    """Return the document of a set with what its pods need, and a line for each image of note.

    What the release does not name is added when all arches of the component are known by digest.
    """
    components = dict(images.document.components)
    remarks: list[str] = []
    for component in dict.fromkeys(need.component for need in needs):
        ours = [need for need in needs if need.component == component]
        before = components[component]
        added = dict(before.add)
        for name, group in _missing(images, ours).items():
            lacking = [arch for arch in images.components[component] if arch not in group]
            what = f"{component}: {group_pod(group)} needs {name}, which the release does not name"
            if lacking or any(need.reference.digest is None for need in group.values()):
                why = f"its digest is not known for {', '.join(lacking) or ', '.join(group)}"
                remarks.append(f"{what}: NOT added: {why}")
                continue
            references = {arch: Text(str(need.reference), 0) for arch, need in group.items()}
            reason = f"{group_pod(group)} needs it, and the release does not name it"
            added[name] = AddDocument(reason, references)
            remarks.append(f"{what}: added")
        needed = {**before.needs, **_named(images, ours, added)}
        components[component] = replace(before, add=added, needs=needed)
    return replace(images.document, components=components), remarks


def missing_needs(images: ImageSet, components: Sequence[str]) -> Iterator[DefinitionError]:
    """Yield an error for each image that a pod needs, and that the set has not, nor leaves out."""
    for name in components:
        component = images.document.components[name]
        known = {image.name for file in images.components[name].values() for image in file.images}
        for image, pod in component.needs.items():
            if image not in known and image not in component.omit:
                yield _lacks(images, name, image, pod, pod.line)


def missing_in(images: ImageSet, needs: Sequence[Need]) -> Iterator[DefinitionError]:
    """Yield an error for each image of ``needs`` that the set has not."""
    for need in needs:
        component = images.document.components[need.component]
        if unlisted(need, images.components) and not _left_out(need, component):
            what = f"{need.name} ({need.reference}, {need.arch})"
            yield _lacks(images, need.component, what, need.pod, component.line)


def group_pod(group: Mapping[str, Need]) -> str:
    """Return the pod that needs an image, the same for all arches."""
    return next(iter(group.values())).pod


def _left_out(need: Need, component: ComponentDocument) -> bool:
    released = component.images.get(need.arch, {})
    return any(released.get(name) == str(need.reference) for name in component.omit)


def _lacks(images: ImageSet, component: str, image: str, pod: str, line: int) -> DefinitionError:
    return DefinitionError(
        f"{component}: {pod} needs {image}, which the set does not have: "
        "without a registry the pod never starts",
        place=Place(images.file, line),
        hint="import the component's manifests (--from), or write it below 'add'; if it is to be "
        "missing, below 'omit', with a reason",
    )


def _missing(images: ImageSet, needs: Sequence[Need]) -> dict[str, dict[str, Need]]:
    """Return what is not in the set, by name and arch."""
    missing: dict[str, dict[str, Need]] = {}
    for need in needs:
        component = images.document.components[need.component]
        if not unlisted(need, images.components) or _left_out(need, component):
            continue
        taken = {name for arch in component.images.values() for name in arch} | component.add.keys()
        name = need.name if need.name not in taken else f"{need.name}-{need.pod.lower()}"
        missing.setdefault(name.replace("/", "-"), {}).setdefault(need.arch, need)
    return missing


def _named(
    images: ImageSet, needs: Sequence[Need], added: Mapping[str, AddDocument]
) -> dict[str, Text]:
    """Return name -> pod of all that the set has or gets."""
    found: dict[str, Text] = {}
    for need in needs:
        text = str(need.reference)
        new = (name for name, each in added.items() if text in each.images.values())
        name = name_of(need, images.components[need.component].get(need.arch)) or next(new, None)
        if name:
            found.setdefault(name, Text(need.pod, 0))
    return dict(sorted(found.items()))
