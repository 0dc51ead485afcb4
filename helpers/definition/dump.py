"""Definitions written as the YAML that ``load_definition`` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from paack.helpers.definition.definition import (
    DEFAULT_UNIT_PATH,
    Definition,
    Image,
    Package,
    PackageArch,
)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def dump_definitions(definitions: Sequence[Definition]) -> str:
    """Return one YAML definition with all packages of ``definitions``."""
    packages = [_package(package) for each in definitions for package in each.packages]
    return yaml.dump({"packages": packages}, Dumper=_Dumper, sort_keys=False, width=200)


def _package(package: Package) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "release": package.release,
        "license": package.license,
        "summary": package.summary,
        "description": package.description,
        **({"url": package.url} if package.url else {}),
        "path": package.path,
        "filesystem": package.filesystem,
        **({"layers": package.layers} if package.layers != "bundled" else {}),
        **({"sbom": list(package.sbom)} if package.sbom != ("spdx",) else {}),
        **({"verity": "true"} if package.verity else {}),
        "manifestPath": package.manifest_path,
        **({"unitPath": package.unit_path} if package.unit_path != DEFAULT_UNIT_PATH else {}),
        **({"startUnits": package.start_units} if package.start_units != "boot" else {}),
        **({"requires": list(package.requires)} if package.requires else {}),
        **({"conflicts": list(package.conflicts)} if package.conflicts else {}),
        **({"obsoletes": list(package.obsoletes)} if package.obsoletes else {}),
        **(
            {"imagePaths": [f"{kind}: {path}" for kind, path in package.image_paths]}
            if package.image_paths
            else {}
        ),
        **(
            {
                "ignoreImages": [
                    {"image": e.image, "reason": e.reason} for e in package.ignore_images
                ]
            }
            if package.ignore_images
            else {}
        ),
        "arch": [_arch(arch) for arch in package.arches],
    }


def _arch(arch: PackageArch) -> dict[str, Any]:
    return {
        "name": arch.name,
        **({"images": [_image(image) for image in arch.images]} if arch.images else {}),
        **({"manifests": str(arch.manifests)} if arch.manifests else {}),
        **({"units": [str(each) for each in arch.units]} if arch.units else {}),
    }


def _image(image: Image) -> str | dict[str, Any]:
    name = str(image.source.reference)
    if image.source.text == name and not image.provides:
        return name
    return {"source": image.source.text, "name": name, "provides": list(image.provides)}
