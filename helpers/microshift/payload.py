"""OKD's release payload: the image that names, by digest, every image of a release.

Its file ``/release-manifests/image-references`` is an ImageStream of image.openshift.io/v1 whose
tags are the images' names, as ``oc adm release new`` writes it. OKD's MicroShift takes its core
from there when it is built, so no release file has it.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paack.helpers.blobs import BlobReader
from paack.helpers.document import Problems
from paack.helpers.errors import (
    DefinitionError,
    DefinitionErrors,
    RegistryError,
    UsageError,
    WrongArch,
)
from paack.helpers.microshift.release_images import (
    ARCHES,
    CORE,
    ReleaseFile,
    check_pinned,
    file_name,
    release_image,
)
from paack.helpers.oci import LockedImage, ReferenceProblem, Source, parse_source
from paack.helpers.registry import Registry

PATH = "release-manifests/image-references"
_LIMIT = 16 << 20  # bytes; real ones have 100 kB
#: What MicroShift takes from a payload: all of its core but LVMS, which has no OKD build.
NAMES: Mapping[str, tuple[str, ...]] = {
    CORE: (
        "cli",
        "coredns",
        "csi-snapshot-controller",
        "haproxy-router",
        "kube-rbac-proxy",
        "ovn-kubernetes-microshift",
        "pod",
        "service-ca-operator",
    ),
    "multus": ("multus-cni-microshift", "containernetworking-plugins-microshift"),
    "olm": ("operator-lifecycle-manager", "operator-registry", "kube-rbac-proxy"),
}


@dataclass(frozen=True, slots=True)
class Payload:
    """What payloads say: release files for each arch, and by their names where they are from.

    ``date`` is when the newest was made.
    """

    files: tuple[ReleaseFile, ...]
    origins: Mapping[str, str]
    date: str


def read_payloads(registry: Registry, words: Sequence[str]) -> Payload:
    """Read the payloads that ``words`` name: REF, or ARCH=REF where the image does not tell.

    Raises UsageError for arches that none or several are for, RegistryError, DefinitionErrors.
    """
    by_arch: dict[str, tuple[Source, LockedImage]] = {}
    for word in words:
        for arch, resolved in _resolve(registry, word).items():
            if arch in by_arch:
                hint = "name one payload for each arch: --from-payload ARCH=REF"
                raise UsageError(f"two payloads are for {arch}: {word} is the second", hint=hint)
            by_arch[arch] = resolved
    problems: list[DefinitionError] = []
    files: list[ReleaseFile] = []
    origins: dict[str, str] = {}
    for arch, (source, image) in by_arch.items():
        registry.fetch(image, source)
        where = f"{source.reference.repo}@{image.list or image.manifest}"
        content = _image_references(registry, image, where)
        for file in release_files(content, where, arch, problems):
            files.append(file)
            origins[file.file.name] = f"{where}!/{PATH}"
    if problems:
        raise DefinitionErrors(problems)
    return Payload(tuple(files), origins, max(image.created for _, image in by_arch.values())[:10])


def release_files(
    content: bytes, where: str, arch: str, errors: list[DefinitionError]
) -> list[ReleaseFile]:
    """Return what MicroShift takes from an ``image-references``; add what is wrong to ``errors``.

    A component is left out when the payload does not have all of its images; the core is not.
    """
    problems = Problems(Path(where))
    version, references = _tags(content, problems)
    files = []
    for component, names in NAMES.items():
        lacking = [name for name in names if name not in references]
        if lacking and component == CORE and references:
            problems.add(0, f"has no image called {', '.join(lacking)}", "is it of OKD?")
        if lacking:
            continue
        images = [release_image(name, references[name], 0, problems) for name in names]
        path = Path(where) / file_name(component, arch)
        file = ReleaseFile(path, component, arch, version, tuple(filter(None, images)))
        check_pinned(file, problems, "a payload names all images by digest: is it of OKD?")
        files.append(file)
    errors += problems.found
    return files


def _resolve(registry: Registry, word: str) -> dict[str, tuple[Source, LockedImage]]:
    """Return the payload image for each arch that it is for."""
    named, _, text = word.rpartition("=")
    if named and named not in ARCHES:
        hint = f"--from-payload takes REF or ARCH=REF; ARCH is one of: {', '.join(ARCHES)}"
        raise UsageError(f"MicroShift is not for {named!r}", hint=hint)
    try:
        source = parse_source(text)
    except ReferenceProblem as problem:
        raise UsageError(f"--from-payload {word}: {problem}", hint=problem.hint) from problem
    resolved: dict[str, tuple[Source, LockedImage]] = {}
    other: WrongArch | None = None
    for arch in sorted(ARCHES, key=lambda arch: arch != named):
        try:
            (image,) = registry.resolve([(source, arch)])
            resolved[arch] = source, image
        except WrongArch as error:
            other = error
    if not resolved and other:
        raise other
    # OKD's payloads for aarch64 may be made from an image of x86_64.
    return {named: next(iter(resolved.values()))} if named else resolved


def _image_references(registry: Registry, image: LockedImage, where: str) -> bytes:
    """Return the file from the uppermost layer that has it."""
    for layer in reversed(image.layers):
        with tempfile.TemporaryFile() as archive:
            for chunk in BlobReader(registry.cache.path(layer.digest), layer.digest):
                archive.write(chunk)
            archive.seek(0)
            try:
                with tarfile.open(fileobj=archive, mode="r:") as members:
                    for member in members:
                        if member.name.removeprefix("./").lstrip("/") == PATH and member.isreg():
                            file = members.extractfile(member)
                            return file.read(_LIMIT) if file else b""
            except tarfile.TarError as error:
                raise RegistryError(f"{where}: a layer is no archive: {error}") from error
    raise RegistryError(
        f"{where} has no /{PATH}",
        hint="name a release payload, as quay.io/okd/scos-release has them",
    )


def _tags(content: bytes, problems: Problems) -> tuple[str | None, dict[str, str]]:
    """Return an ImageStream's name, a payload's version, and its images by name."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        document = str(error)
    if not isinstance(document, dict) or document.get("kind") != "ImageStream":
        problems.add(0, f"/{PATH} is no ImageStream", "name a release payload of OKD")
        return None, {}
    version, tags = _get(document, "metadata", "name"), _get(document, "spec", "tags")
    references = {
        str(_get(tag, "name")): str(_get(tag, "from", "name"))
        for tag in (tags if isinstance(tags, list) else [])
        if _get(tag, "from", "kind") == "DockerImage"
    }
    if not references:
        problems.add(0, f"/{PATH} names no image", "name a release payload of OKD")
    return (str(version) if version else None), references


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
