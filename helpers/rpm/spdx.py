"""The software bill of materials of an RPM: SPDX 2.3, as JSON (https://spdx.github.io/spdx-spec/v2.3/).

It names the RPM, the images in it and their layers, each with its SHA-256, the licence that an
image's label declares, and the packages in the images. A pure function of the lock, the images'
configs, what is in their layers, and the RPM's name: ``verify`` writes it again and compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from paack.helpers.arch import oci_arch
from paack.helpers.blobs import digest_of
from paack.helpers.licenses import spdx_expression
from paack.helpers.lock import Lock, dump, newest
from paack.helpers.oci import LockedImage, in_order, parse_config, parse_reference, parse_time, utc
from paack.helpers.packages import FoundPackage, ImagePackages, Package

LAYOUT = 3  # raise it when the same input gives other bytes
_DOCUMENT, _PACKAGE = "SPDXRef-DOCUMENT", "SPDXRef-Package"
_UNKNOWN = "NOASSERTION"
_LABEL_LIMIT = 1000
_ACTOR = re.compile(r"([^<]*?)\s*(?:<([^<>()\s]+@[^<>()\s]+)>.*)?$")
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("()<>", " "))


@dataclass(frozen=True, slots=True)
class Subject:
    """The RPM that a bill is for; ``epoch`` is its time, in seconds since 1970."""

    name: str
    version: str
    release: str
    arch: str
    epoch: int

    def __str__(self) -> str:
        return f"{self.name}-{self.version}-{self.release}.{self.arch}"


def make_sbom(
    subject: Subject | None,
    images: Sequence[LockedImage],
    configs: Mapping[str, bytes],
    contents: Mapping[str, ImagePackages],
) -> bytes:
    """Return the bill of an RPM, or of images alone, which are in none.

    ``configs`` are the images' configs by their digests, ``contents`` the packages in the images by
    their manifests. Raises RegistryError for what is no config.
    """
    same = same_images(images)
    found_packages = each_once(contents[each[0].manifest].packages for each in same)
    packages = [
        *([_rpm(subject)] if subject else ()),
        *(
            _image(each, configs[each[0].config], contents[each[0].manifest].problems)
            for each in same
        ),
        *_layers(images),
        *map(_package, found_packages),
    ]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": title_of(subject, images),
        "documentNamespace": f"https://spdx.org/spdxdocs/{name_of_document(subject, images)}",
        "creationInfo": {"created": utc(time_of(subject, images)), "creators": ["Tool: paack"]},
        "packages": packages,
        "relationships": [
            *_relationships(subject, [each[0] for each in same]),
            *_package_relationships([each[0] for each in same], contents, found_packages),
        ],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def each_once(packages: Iterable[Sequence[FoundPackage]]) -> list[FoundPackage]:
    """Return the packages of images, sorted, each once: with the first image's licence."""
    every = sorted({one for each in packages for one in each}, reverse=True)
    return list({package_id(one): one for one in every}.values())[::-1]


def same_images(images: Sequence[LockedImage]) -> list[list[LockedImage]]:
    """Return images, sorted; those that are one image with several names stand together."""
    by_manifest: dict[str, list[LockedImage]] = {}
    for image in in_order(images):
        by_manifest.setdefault(image.manifest, []).append(image)
    return list(by_manifest.values())


def title_of(subject: Subject | None, images: Sequence[LockedImage]) -> str:
    """Return what a bill is called: as the RPM, or as the first of the images."""
    return str(subject) if subject else f"{in_order(images)[0].names[0]} ({images[0].arch})"


def time_of(subject: Subject | None, images: Sequence[LockedImage]) -> int:
    """Return the time of a bill, in seconds since 1970: the RPM's, or the newest image's."""
    return subject.epoch if subject else newest(images)


def name_of_document(subject: Subject | None, images: Sequence[LockedImage]) -> str:
    """Return a name that differs for all that may differ in a bill."""
    lock = Lock({(image.source, image.arch): image for image in in_order(images)})
    digest = digest_of(dump(lock).encode()).removeprefix("sha256:")
    return f"{quote(title_of(subject, images), safe='')}-{time_of(subject, images)}-{digest}"


def rpm_purl(subject: Subject) -> str:
    """Return the package URL of an RPM."""
    version = quote(f"{subject.version}-{subject.release}")
    return f"pkg:rpm/{quote(subject.name)}@{version}?arch={subject.arch}"


def _rpm(subject: Subject) -> dict[str, Any]:
    version = f"{subject.version}-{subject.release}"
    purl = _purl(rpm_purl(subject))
    return _described(_PACKAGE, subject.name, version) | {"externalRefs": [purl]}


def _image(same: Sequence[LockedImage], config: bytes, problems: Sequence[str]) -> dict[str, Any]:
    """Describe an image, which may have several names."""
    image = same[0]
    reference = parse_reference(image.names[0])
    expression, label = image_license(config)
    lists = sorted({each.list for each in same if each.list})
    comments = [f"Named by the list {', '.join(lists)}."] if lists else []
    comments += [f"What these files tell of packages is not known: {'; '.join(problems)}."] * bool(
        problems
    )
    return {
        **_described(_image_id(image), reference.repo, reference.tag or image.manifest),
        "licenseDeclared": expression or _UNKNOWN,
        **({"licenseComments": f"The image's label says: {label}"} if label else {}),
        "checksums": [_checksum(image.manifest)],
        "builtDate": utc(parse_time(image.created)),
        "primaryPackagePurpose": "CONTAINER",
        **({"comment": " ".join(comments)} if comments else {}),
        "externalRefs": [_purl(each) for each in sorted({oci_purl(each) for each in same})],
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


def _package(found: FoundPackage) -> dict[str, Any]:
    """Describe a package in an image; what is not known is left out, as SPDX 2.3 allows."""
    package = found.package
    declared = declared_license(found.license)
    return {
        "SPDXID": package_id(found),
        "name": package.name,
        "versionInfo": package.full_version,
        **_supplier(package),
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        **({"licenseDeclared": declared} if declared else {}),
        **(
            {"licenseComments": f"The package says: {found.license}"}
            if found.license and not declared
            else {}
        ),
        "sourceInfo": found.path,
        "externalRefs": [_purl(found.purl)],
    }


def declared_license(text: str) -> str | None:
    """Return the SPDX expression that a package's licence is, if it is one."""
    return spdx_expression(text) if text else None


def actor(package: Package) -> tuple[str, str] | None:
    """Return name and mail address ("" when it has none) of who makes a package, if it says."""
    who = _ACTOR.match(package.supplier)
    name = " ".join((who[1] if who else "").translate(_NOT_IN_NAMES).split())
    return (name, who[2] or "") if who and name else None


def _supplier(package: Package) -> dict[str, str]:
    who = actor(package)
    if not who:
        return {}
    kind = "Organization" if package.is_of_distribution else "Person"
    mail = f" ({who[1]})" if who[1] else ""
    return {"supplier": f"{kind}: {who[0]}{mail}"}


def _package_relationships(
    images: Sequence[LockedImage],
    contents: Mapping[str, ImagePackages],
    found: Sequence[FoundPackage],
) -> Iterator[dict[str, str]]:
    """A layer also has what a later one removes or replaces: an image has what is seen of it."""
    for each in found:
        yield _relationship(_layer_id(each.layer), "CONTAINS", package_id(each))
    for image in images:
        for each in contents[image.manifest].packages:
            yield _relationship(_image_id(image), "CONTAINS", package_id(each))


def _relationships(
    subject: Subject | None, images: Sequence[LockedImage]
) -> Iterator[dict[str, str]]:
    if subject:
        yield _relationship(_DOCUMENT, "DESCRIBES", _PACKAGE)
    above = (_PACKAGE, "CONTAINS") if subject else (_DOCUMENT, "DESCRIBES")
    for image in images:
        yield _relationship(*above, _image_id(image))
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


def image_license(config: bytes) -> tuple[str | None, str]:
    """Return the SPDX expression of an image's label, and the label itself where it is not one."""
    text = parse_config(config).licenses.strip()
    expression = spdx_expression(text) if text else None
    if expression:
        return expression, ""
    shown = "".join(char if char.isprintable() else " " for char in text[:_LABEL_LIMIT])
    return None, shown


def oci_purl(image: LockedImage) -> str:
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


def package_id(found: FoundPackage) -> str:
    """Return the ID of a package in a bill: that of a layer, a path and a URL."""
    key = f"{found.layer}\n{found.path}\n{found.purl}"
    return f"SPDXRef-{found.package.kind}-{digest_of(key.encode())[7:39]}"
