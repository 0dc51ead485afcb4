"""A minimal writer of multi-arch images, in many shapes, as directories of skopeo's `dir:`.

It knows nothing of the product: a second opinion on what images look like. (`dir:` rather than
`oci:`, because that refuses Docker's media types.)
"""

import gzip
import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Arch = Literal["amd64", "arm64"]
#: RPM's word for an architecture -> an image's.
RPM_ARCHES: Final[Mapping[str, Arch]] = {"x86_64": "amd64", "aarch64": "arm64"}
Compression = Literal["gzip", "zstd", "none"]
MediaTypes = Literal["oci", "docker"]

_OCI = "application/vnd.oci.image."
_DOCKER = "application/vnd.docker."
_LAYER_TYPES: Final[Mapping[tuple[MediaTypes, Compression], str]] = {
    ("oci", "gzip"): f"{_OCI}layer.v1.tar+gzip",
    ("oci", "zstd"): f"{_OCI}layer.v1.tar+zstd",
    ("oci", "none"): f"{_OCI}layer.v1.tar",
    ("docker", "gzip"): f"{_DOCKER}image.rootfs.diff.tar.gzip",
    ("docker", "zstd"): f"{_DOCKER}image.rootfs.diff.tar.zstd",
    ("docker", "none"): f"{_DOCKER}image.rootfs.diff.tar",
}
_CONFIG_TYPES: Final[Mapping[MediaTypes, str]] = {
    "oci": f"{_OCI}config.v1+json",
    "docker": f"{_DOCKER}container.image.v1+json",
}
_MANIFEST_TYPES: Final[Mapping[MediaTypes, str]] = {
    "oci": f"{_OCI}manifest.v1+json",
    "docker": f"{_DOCKER}distribution.manifest.v2+json",
}
_LIST_TYPES: Final[Mapping[MediaTypes, str]] = {
    "oci": f"{_OCI}index.v1+json",
    "docker": f"{_DOCKER}distribution.manifest.list.v2+json",
}
_CPUS: Final = {
    "amd64": {"architecture": "amd64"},
    "arm64": {"architecture": "arm64", "variant": "v8"},
}
_CREATED = "2026-01-02T03:04:05Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Descriptor:
    """A blob as manifests refer to it."""

    media_type: str
    digest: str
    size: int

    def as_json(self) -> dict[str, object]:
        """Return the descriptor's JSON object."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Digests:
    """The digests of a multi-arch image: of its list, and of each architecture's manifest."""

    list: str
    per_arch: Mapping[Arch, str]


def write_images(
    directory: Path,
    images: Mapping[Arch, Sequence[Path]],
    *,
    compression: Compression | Sequence[Compression] = "gzip",
    media_types: MediaTypes = "oci",
) -> Digests:
    """Write the multi-arch image (architecture -> its layer tars, lowest first) for `dir:`.

    `compression` is one for all layers or one per layer. Nothing depends on clock or host.
    """
    directory.mkdir(parents=True)
    digests, entries = {}, []
    for arch, tars in images.items():
        chosen = [compression] * len(tars) if isinstance(compression, str) else compression
        layers = list(zip(tars, chosen, strict=True))
        manifest = _write_image(directory, arch, layers, media_types)
        entries.append({**manifest.as_json(), "platform": {"os": "linux", **_CPUS[arch]}})
        digests[arch] = manifest.digest
    list_type = _LIST_TYPES[media_types]
    top = _json({"schemaVersion": 2, "mediaType": list_type, "manifests": entries})
    (directory / "manifest.json").write_bytes(top)
    (directory / "version").write_text("Directory Transport Version: 1.1\n", encoding="ascii")
    return Digests(_digest(top), digests)


def _write_image(
    directory: Path,
    arch: Arch,
    layers: Sequence[tuple[Path, Compression]],
    media_types: MediaTypes,
) -> Descriptor:
    written, diff_ids = [], []
    for tar, compression in layers:
        content = tar.read_bytes()
        diff_ids.append(_digest(content))
        layer_type = _LAYER_TYPES[media_types, compression]
        written.append(_write_blob(directory, _compress(content, compression), layer_type))
    config = {
        "os": "linux",
        **_CPUS[arch],
        "created": _CREATED,
        "config": {"Env": [_PATH], "Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": _CREATED, "created_by": tar.name} for tar, _ in layers],
    }
    manifest_type = _MANIFEST_TYPES[media_types]
    manifest = {
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": _write_blob(directory, _json(config), _CONFIG_TYPES[media_types]).as_json(),
        "layers": [layer.as_json() for layer in written],
    }
    return _write_blob(directory, _json(manifest), manifest_type, suffix=".manifest.json")


def _write_blob(
    directory: Path, content: bytes, media_type: str, *, suffix: str = ""
) -> Descriptor:
    digest = _digest(content)
    (directory / f"{digest.removeprefix('sha256:')}{suffix}").write_bytes(content)
    return Descriptor(media_type, digest, len(content))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _compress(content: bytes, compression: Compression) -> bytes:
    if compression == "gzip":
        return gzip.compress(content, compresslevel=6, mtime=0)
    if compression == "zstd":
        return subprocess.run(
            ["zstd", "--quiet", "--stdout"], input=content, stdout=subprocess.PIPE, check=True
        ).stdout
    return content


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
