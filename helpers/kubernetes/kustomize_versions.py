"""Images that the device's kustomize may name otherwise than that of the build host.

MicroShift has the kustomize of its version of Kubernetes: 5.5 with 1.32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from paack.helpers.document import Located
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes.images import ImageUse, full_name
from paack.helpers.kubernetes.kustomize import Kustomization

_IN_VOLUME = ".image.reference"


def version_warnings(
    kustomization: Kustomization, uses: Iterable[ImageUse]
) -> Iterator[DefinitionError]:
    """Yield what versions of kustomize differ in, at the entries of ``images``.

    ``uses`` are what the files of the kustomization, and of those that it builds on, say.
    """
    volumes = {
        name.repo
        for use in uses
        if use.where.endswith(_IN_VOLUME) and (name := full_name(use.image))
    }
    for entry in _images(kustomization.document):
        place = Place(kustomization.file, entry.line)
        keys = entry.value if isinstance(entry.value, dict) else {}
        if "tagSuffix" in keys:
            yield DefinitionError(
                "tagSuffix: kustomize puts it twice on images of Pods, Deployments and others, and "
                "versions differ in where",
                place=place,
                hint="write the whole tag: newTag",
            )
        name = full_name(str(keys["name"].value)) if "name" in keys else None
        if name and name.repo in volumes:
            yield DefinitionError(
                f"{name.repo} is in an image volume: kustomize before 5.7 leaves it as it is, "
                "newer ones replace it",
                place=place,
                hint="write the name that is meant into the volume itself, or package both",
            )


def _images(document: Located) -> list[Located]:
    found = document.value.get("images") if isinstance(document.value, dict) else None
    return found.value if found and isinstance(found.value, list) else []
