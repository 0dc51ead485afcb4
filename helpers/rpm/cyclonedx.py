"""The bill of materials as CycloneDX 1.6, as JSON (https://cyclonedx.org/docs/1.6/json/).

The same facts as in SPDX (``spdx``), and as pure a function of the same input. Layers are no
components in CycloneDX: they stand with the packages that they brought.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from paack.helpers.oci import LockedImage, parse_reference, utc
from paack.helpers.packages import FoundPackage, ImagePackages
from paack.helpers.rpm.spdx import (
    Subject,
    actor,
    declared_license,
    each_once,
    image_license,
    name_of_document,
    oci_purl,
    package_id,
    rpm_purl,
    same_images,
    time_of,
)


def make_cyclonedx(
    subject: Subject | None,
    images: Sequence[LockedImage],
    configs: Mapping[str, bytes],
    contents: Mapping[str, ImagePackages],
) -> bytes:
    """Return the bill of an RPM, or of images alone; see ``spdx.make_sbom``."""
    same = same_images(images)
    found_packages = each_once(contents[each[0].manifest].packages for each in same)
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, name_of_document(subject, images))}",
        "version": 1,
        "metadata": {
            "timestamp": utc(time_of(subject, images)),
            "tools": {"components": [{"type": "application", "name": "paack"}]},
            **({"component": _rpm(subject)} if subject else {}),
        },
        "components": [
            *(_image(each, configs[each[0].config], contents[each[0].manifest]) for each in same),
            *map(_package, found_packages),
        ],
        "dependencies": [
            *([_depends("rpm", [_image_id(each[0]) for each in same])] if subject else ()),
            *(_inside(each[0], contents[each[0].manifest]) for each in same),
        ],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def _rpm(subject: Subject) -> dict[str, Any]:
    return {
        "type": "application",
        "bom-ref": "rpm",
        "name": subject.name,
        "version": f"{subject.version}-{subject.release}",
        "purl": rpm_purl(subject),
    }


def _image(same: Sequence[LockedImage], config: bytes, contents: ImagePackages) -> dict[str, Any]:
    image = same[0]
    reference = parse_reference(image.names[0])
    expression, said = image_license(config)
    licenses = {} if not (expression or said) else _licenses(expression, said)
    lists = sorted({each.list for each in same if each.list})
    facts = [("list", each) for each in lists]
    facts += [("layer", each.diff_id) for each in image.layers]
    facts += [("unread", each) for each in contents.problems]
    return {
        "type": "container",
        "bom-ref": _image_id(image),
        "name": reference.repo,
        "version": reference.tag or image.manifest,
        "hashes": [{"alg": "SHA-256", "content": image.manifest.removeprefix("sha256:")}],
        **licenses,
        "purl": oci_purl(image),
        "properties": _properties(facts),
    }


def _package(found: FoundPackage) -> dict[str, Any]:
    package = found.package
    who = actor(package)
    licenses = _licenses(declared_license(found.license), found.license) if found.license else {}
    supplier: dict[str, Any] = {}
    if who:
        name, mail = who
        if package.is_of_distribution:
            contact = {"contact": [{"email": mail}]} if mail else {}
            supplier = {"supplier": {"name": name, **contact}}
        else:
            supplier = {"authors": [{"name": name, **({"email": mail} if mail else {})}]}
    return {
        "type": "library",
        "bom-ref": package_id(found),
        **supplier,
        **({"group": package.group} if package.group else {}),
        "name": package.name,
        "version": package.full_version,
        **licenses,
        "purl": found.purl,
        "evidence": {"occurrences": [{"location": found.path}]},
        "properties": _properties([("layer", found.layer)]),
    }


def _inside(image: LockedImage, contents: ImagePackages) -> dict[str, Any]:
    inside = dict.fromkeys(map(package_id, contents.packages))
    return _depends(_image_id(image), list(inside))


def _depends(ref: str, others: Sequence[str]) -> dict[str, Any]:
    return {"ref": ref, "dependsOn": list(others)}


def _licenses(expression: str | None, said: str) -> dict[str, Any]:
    if expression:
        return {"licenses": [{"expression": expression}]}
    return {"licenses": [{"license": {"name": said}}]}


def _properties(facts: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": f"paack:{key}", "value": value} for key, value in facts]


def _image_id(image: LockedImage) -> str:
    return f"image-{image.manifest.removeprefix('sha256:')}"
