"""What definitions package that podman and CRI-O on a device cannot use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from paack.helpers.blobs import Cache
from paack.helpers.check.findings import Finding
from paack.helpers.definition import Definition, Image
from paack.helpers.document import Located
from paack.helpers.errors import DefinitionError, PaackError, Place
from paack.helpers.kubernetes import manifest_files, read_objects
from paack.helpers.lock import Lock
from paack.helpers.oci import LockedImage, parse_reference, read_facts

#: podman-auto-update(1): a label of containers and images, an annotation for podman-kube-play(1)
AUTO_UPDATE = "io.containers.autoupdate"
#: Its values that ask for updates
UPDATES = ("registry", "image", "local")


def client_findings(definition: Definition, lock: Lock, cache: Cache) -> Iterator[Finding]:
    """Yield warnings; of an image's labels only when ``cache`` has its config."""
    yield from _same_image(definition, lock)
    yield from _labelled(definition, lock, cache)
    yield from _annotated(definition)


def _same_image(definition: Definition, lock: Lock) -> Iterator[Finding]:
    """Yield images that two packages have under different repositories.

    After its start CRI-O has no image in its cache. Until it listed all of them it looks for an
    image by name, then by ID, and refuses when the first store with that ID has another repository
    (storageReference.resolveImage of containers/image).
    """
    for arch in sorted({arch for arch, _ in definition.images()}):
        stores: dict[str, dict[str, list[tuple[Image, str]]]] = {}
        for package in definition.packages:
            for images in (each.images for each in package.arches if each.name == arch):
                for image in images:
                    if locked := lock.images.get((image.source.text, arch)):
                        named = [(image, repo) for repo in _repositories(locked)]
                        of_image = stores.setdefault(locked.config, {})
                        of_image.setdefault(package.name, []).extend(named)
        for packages in stores.values():
            yield from _differing(packages, Place(definition.file))


def _differing(packages: dict[str, list[tuple[Image, str]]], place: Place) -> Iterator[Finding]:
    (first, named), *others = packages.items()
    repositories = {repo for _, repo in named}
    for package, its_named in others:
        if {repo for _, repo in its_named} == repositories:
            continue
        image, repo = its_named[0]
        error = DefinitionError(
            f"{repo} in {package} is the same image as {named[0][1]} in {first}: after its start "
            "CRI-O finds one of these names only when it has listed its images",
            place=Place(place.file, image.line),
            hint="use one repository for it, or put both names into one package",
        )
        yield Finding("same-image", error, warning=True)


def _repositories(image: LockedImage) -> list[str]:
    return sorted({parse_reference(name).repo for name in image.names})


def _labelled(definition: Definition, lock: Lock, cache: Cache) -> Iterator[Finding]:
    for arch, image in definition.images():
        locked = lock.images.get((image.source.text, arch))
        if locked is None:
            continue
        with suppress(OSError, PaackError):
            facts = read_facts(cache.read(locked.config), len(locked.layers))
            if facts.labels.get(AUTO_UPDATE) in UPDATES:
                yield auto_update(
                    f"{image.source.text} has the label {AUTO_UPDATE}",
                    Place(definition.file, image.line),
                    f"run it with --label {AUTO_UPDATE}=disabled",
                )


def _annotated(definition: Definition) -> Iterator[Finding]:
    directories = {arch.manifests for each in definition.packages for arch in each.arches}
    for directory in sorted(each for each in directories if each and each.exists()):
        for file in manifest_files(directory):
            yield from annotation_findings(file)


def annotation_findings(file: Path) -> Iterator[Finding]:
    """Yield the annotations of a manifest that ask for updates; nothing when it is none."""
    with suppress(OSError, ValueError, PaackError):
        text = file.read_text("utf-8")
        for item in read_objects(text, file) if AUTO_UPDATE in text else ():
            for line in _annotations(item):
                what = f"the annotation {AUTO_UPDATE}"
                yield auto_update(what, Place(file, line), "remove it")


def _annotations(item: Located) -> Iterator[int]:
    """Yield the lines of annotations at or below ``item`` that ask for updates."""
    if isinstance(item.value, list):
        for each in item.value:
            yield from _annotations(each)
    elif isinstance(item.value, dict):
        for key, value in item.value.items():
            # For all containers of a pod, or NAME/CONTAINER for one.
            if key.partition("/")[0] == AUTO_UPDATE and value.value in UPDATES:
                yield value.line
            yield from _annotations(value)


def auto_update(what: str, place: Place, hint: str) -> Finding:
    """Return the warning that ``what`` asks for podman auto-update."""
    message = f"{what}: podman auto-update fails while a container of a packaged image has it"
    hint = f"{hint}; an update of the package updates its images"
    return Finding("auto-update", DefinitionError(message, place=place, hint=hint), warning=True)
