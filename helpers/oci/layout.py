"""Writing OCI image layouts (OCI image specification 1.1): carriers, the demo's and tests' images.

Deterministic: the same layers and configs give the same digests, on any machine.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import zstandard

from paack.helpers.arch import oci_arch
from paack.helpers.blobs import digest_of
from paack.helpers.oci import manifest as oci

CREATED = "2024-01-01T00:00:00Z"


class Packing(StrEnum):
    """How a layer is compressed; the value is the suffix of the OCI media type."""

    NONE = ""
    GZIP = "+gzip"
    ZSTD = "+zstd"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """An image to write: its RPM arch, layers (uncompressed tars, the base first) and config.

    With ``docker`` the manifest is a Docker schema 2 one. ``config`` is the runtime part (Cmd,
    Env, ...).
    """

    arch: str
    layers: Sequence[bytes]
    config: dict[str, Any] = field(default_factory=dict)
    packing: Packing = Packing.NONE
    created: str = CREATED
    docker: bool = False


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """A layer whose blob is in the layout: its descriptor, and the digest of its tar."""

    descriptor: Mapping[str, Any]
    diff_id: str


def write_image(layout: Path, reference: str, images: Sequence[ImageSpec]) -> str:
    """Add an image (several arches: an index) to the layout, and return its digest."""
    descriptors = []
    for image in images:
        layers = [
            LayerBlob(
                _put(layout, _pack(layer, image.packing), _layer_type(image)), digest_of(layer)
            )
            for layer in image.layers
        ]
        descriptors.append(put_image(layout, image, layers))
    if len(images) == 1:
        _name(layout, reference, descriptors[0])
        return str(descriptors[0]["digest"])
    kind = oci.DOCKER_LIST if images[0].docker else oci.OCI_INDEX
    return write_index(layout, reference, descriptors, kind)


def write_index(
    layout: Path,
    reference: str,
    manifests: Sequence[Mapping[str, Any]],
    media_type: str = oci.OCI_INDEX,
) -> str:
    """Add an index of ``manifests`` (descriptors) to the layout, and return its digest."""
    index = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}
    top = _put(layout, _json(index), media_type)
    _name(layout, reference, top)
    return str(top["digest"])


def layer_of(directory: Path) -> bytes:
    """Return a layer (tar) of the files below ``directory``: root's, of time 0, sorted."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(directory.rglob("*")):
            member = tarfile.TarInfo(path.relative_to(directory).as_posix())
            if path.is_symlink():
                member.type, member.linkname = tarfile.SYMTYPE, str(path.readlink())
                tar.addfile(member)
            elif path.is_dir():
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            else:
                content = path.read_bytes()
                member.size = len(content)
                # Git keeps no other bit of the mode.
                member.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def layout_of(directory: Path, layout: Path, arches: Sequence[str]) -> list[str]:
    """Make an image of every ``directory/NAME/TAG``, whose sub-directories are its layers.

    They are called ``localhost/NAME:TAG``. Returns the names, sorted.
    """
    names = []
    for home in sorted(path for path in directory.glob("*/*") if path.is_dir()):
        layers = [layer_of(path) for path in sorted(home.iterdir()) if path.is_dir()]
        name = f"localhost/{home.parent.name}:{home.name}"
        write_image(layout, name, [ImageSpec(arch, layers) for arch in arches])
        names.append(name)
    return names


def put_image(layout: Path, image: ImageSpec, layers: Sequence[LayerBlob]) -> dict[str, Any]:
    """Add the config and the manifest of an image of ``layers``; return its descriptor.

    The layers of ``image`` itself do not count.
    """
    config = {
        "created": image.created,
        "architecture": oci_arch(image.arch),
        "os": "linux",
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
        "history": [{"created": image.created, "created_by": "paack"} for _ in layers],
    }
    config_type = (
        "application/vnd.docker.container.image.v1+json" if image.docker else oci.OCI_CONFIG
    )
    manifest_type = oci.DOCKER_MANIFEST if image.docker else oci.OCI_MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": _put(layout, _json(config), config_type),
        "layers": [each.descriptor for each in layers],
    }
    platform = {"architecture": oci_arch(image.arch), "os": "linux"}
    return {**_put(layout, _json(manifest), manifest_type), "platform": platform}


def _layer_type(image: ImageSpec) -> str:
    if not image.docker:
        return oci.OCI_LAYER + image.packing
    suffix = ".gzip" if image.packing is Packing.GZIP else ""
    return f"application/vnd.docker.image.rootfs.diff.tar{suffix}"


def _pack(layer: bytes, packing: Packing) -> bytes:
    if packing is Packing.GZIP:
        return gzip.compress(layer, mtime=0)
    if packing is Packing.ZSTD:
        return zstandard.compress(layer)
    return layer


def _put(layout: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = digest_of(content)
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _name(layout: Path, reference: str, descriptor: dict[str, Any]) -> None:
    """List the image in index.json under ``reference``, instead of any that had the name."""
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    path = layout / "index.json"
    listed = json.loads(path.read_text())["manifests"] if path.exists() else []
    key = "org.opencontainers.image.ref.name"
    kept = [each for each in listed if each.get("annotations", {}).get(key) != reference]
    named = {**descriptor, "annotations": {key: reference}}
    path.write_bytes(_json({"schemaVersion": 2, "manifests": [*kept, named]}))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
