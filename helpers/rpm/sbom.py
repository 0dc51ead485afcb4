"""The software bill of materials of an RPM: SPDX 2.3, as JSON (https://spdx.github.io/spdx-spec/v2.3/).

It names the RPM, the images in it and their layers, each with its SHA-256, and the licence that
an image's label declares. A pure function of the lock, the images' configs and the RPM's name:
``verify`` writes it again and compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from paack.helpers.arch import oci_arch
from paack.helpers.blobs.blob import digest_of
from paack.helpers.licenses import spdx_expression
from paack.helpers.lock.lock import Lock, dump
from paack.helpers.oci.locked import LockedImage
from paack.helpers.oci.manifest import parse_config
from paack.helpers.oci.reference import parse_reference
from paack.helpers.oci.rfc3339 import parse_time, utc

LAYOUT = 2  # raise it when the same input gives other bytes
_DOCUMENT, _PACKAGE = "SPDXRef-DOCUMENT", "SPDXRef-Package"
_UNKNOWN = "NOASSERTION"
_LABEL_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Subject:
    """The RPM that a bill is for; ``epoch`` is its time, in seconds since 1970."""

    name: str
    version: str
    release: str
    arch: str
    epoch: int


def make_sbom(
    subject: Subject, images: Sequence[LockedImage], configs: Mapping[str, bytes]
) -> bytes:
    """Return the bill of an RPM; ``configs`` are the images' configs by their digests.

    Raises RegistryError for what is no config.
    """
    ordered = sorted(images, key=lambda image: (image.names, image.manifest))
    by_manifest: dict[str, list[LockedImage]] = {}
    for image in ordered:
        by_manifest.setdefault(image.manifest, []).append(image)
    same = list(by_manifest.values())
    license_of = {each[0].manifest: _license(configs[each[0].config]) for each in same}
    packages = [_rpm(subject)]
    packages += [_image(each, license_of[each[0].manifest]) for each in same]
    packages += _layers(ordered)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{subject.name}-{subject.version}-{subject.release}.{subject.arch}",
        "documentNamespace": _namespace(subject, ordered),
        "creationInfo": {
            "created": utc(subject.epoch),
            "creators": ["Tool: paack"],
        },
        "packages": packages,
        "relationships": list(_relationships([each[0] for each in same])),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _namespace(subject: Subject, images: Sequence[LockedImage]) -> str:
    """Return the document's URI: another one for everything that may be in it."""
    lock = Lock({(image.source, image.arch): image for image in images})
    digest = digest_of(dump(lock).encode()).removeprefix("sha256:")
    what = f"{subject.name}-{subject.version}-{subject.release}.{subject.arch}"
    return f"https://spdx.org/spdxdocs/{quote(what)}-{subject.epoch}-{digest}"


def _rpm(subject: Subject) -> dict[str, Any]:
    version = f"{subject.version}-{subject.release}"
    purl = f"pkg:rpm/{quote(subject.name)}@{quote(version)}?arch={subject.arch}"
    return _described(_PACKAGE, subject.name, version) | {"externalRefs": [_purl(purl)]}


def _image(same: Sequence[LockedImage], declared: tuple[str, str]) -> dict[str, Any]:
    """Describe an image, which may have several names."""
    image = same[0]
    reference = parse_reference(image.names[0])
    spdx, said = declared
    lists = sorted({each.list for each in same if each.list})
    return {
        **_described(_image_id(image), reference.repo, reference.tag or image.manifest),
        "licenseDeclared": spdx,
        **({"licenseComments": f"The image's label says: {said}"} if said else {}),
        "checksums": [_checksum(image.manifest)],
        "builtDate": utc(parse_time(image.created)),
        "primaryPackagePurpose": "CONTAINER",
        **({"comment": f"Named by the list {', '.join(lists)}."} if lists else {}),
        "externalRefs": [_purl(each) for each in sorted({_oci_purl(each) for each in same})],
    }


def _layers(images: Sequence[LockedImage]) -> Iterator[dict[str, Any]]:
    """Describe every layer once, sorted by diffID."""
    blobs: dict[str, set[str]] = {}
    for image in images:
        for layer in image.layers:
            blobs.setdefault(layer.diff_id, set()).add(f"{layer.digest} ({layer.size} bytes)")
    for diff_id in sorted(blobs):
        yield _described(_layer_id(diff_id), diff_id, None) | {
            "checksums": [_checksum(diff_id)],
            "comment": f"A layer; its blob in a registry: {', '.join(sorted(blobs[diff_id]))}.",
        }


def _relationships(images: Sequence[LockedImage]) -> Iterator[dict[str, str]]:
    yield _relationship(_DOCUMENT, "DESCRIBES", _PACKAGE)
    for image in images:
        yield _relationship(_PACKAGE, "CONTAINS", _image_id(image))
    for image in images:
        for diff_id in dict.fromkeys(layer.diff_id for layer in image.layers):
            yield _relationship(_image_id(image), "CONTAINS", _layer_id(diff_id))


def _relationship(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _described(identifier: str, name: str, version: str | None) -> dict[str, Any]:
    """Return what each package of a document must say."""
    return {
        "SPDXID": identifier,
        "name": name,
        **({"versionInfo": version} if version else {}),
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
    }


def _license(config: bytes) -> tuple[str, str]:
    """Return the SPDX expression of an image's label, and the label itself where it is not one."""
    text = parse_config(config).licenses.strip()
    if not text:
        return _UNKNOWN, ""
    expression = spdx_expression(text)
    if expression:
        return expression, ""
    shown = "".join(char if char.isprintable() else " " for char in text[:_LABEL_LIMIT])
    return _UNKNOWN, shown


def _oci_purl(image: LockedImage) -> str:
    """Return a package URL (https://github.com/package-url/purl-spec, type oci)."""
    reference = parse_reference(image.names[0])
    name = reference.repo.rpartition("/")[2]
    values = {"arch": oci_arch(image.arch), "repository_url": reference.repo}
    if reference.tag:
        values["tag"] = reference.tag
    qualifiers = "&".join(f"{key}={quote(value)}" for key, value in values.items())
    return f"pkg:oci/{quote(name)}@{quote(image.manifest)}?{qualifiers}"


def _purl(locator: str) -> dict[str, str]:
    return {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": locator,
    }


def _checksum(digest: str) -> dict[str, str]:
    return {"algorithm": "SHA256", "checksumValue": digest.removeprefix("sha256:")}


def _image_id(image: LockedImage) -> str:
    return f"SPDXRef-Image-{image.manifest.removeprefix('sha256:')}"


def _layer_id(diff_id: str) -> str:
    return f"SPDXRef-Layer-{diff_id.removeprefix('sha256:')}"
