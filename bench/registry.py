"""Images as blobs in a directory, and a registry on loopback that only serves them.

Serving costs next to nothing: the time of a pull is that of the program that pulls.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from isal import igzip

from bench.layers import machine_arch
from tests.support.http_server import Request, Server

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_CREATED = "2026-01-02T03:04:05Z"
_FAST_LEVEL = 3


@dataclass(frozen=True)
class Blob:
    """A layer in the directory: digest and size of the blob, diffID and size of its tar."""

    digest: str
    size: int
    diff_id: str
    diff_size: int


class Blobs:
    """A directory of blobs, and of manifests by the names of their images."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def file(self, digest: str) -> Path:
        """Return the file of a blob."""
        return self.path / digest.removeprefix("sha256:")

    def layer(self, tar: bytes, *, fast: bool = False) -> Blob:
        """Add a layer, gzipped as by registries' usual clients, or in a fifth of the time."""
        packed = igzip.compress(tar, _FAST_LEVEL, mtime=0) if fast else _gzip(tar)
        diff_id = f"sha256:{hashlib.sha256(tar).hexdigest()}"
        return Blob(self._put(packed), len(packed), diff_id, len(tar))

    def image(self, name: str, layers: Sequence[Blob]) -> None:
        """Add the image ``name`` with the tag 1; its base is the first of ``layers``."""
        config = _json(
            {
                "os": "linux",
                "architecture": machine_arch(),
                "created": _CREATED,
                "config": {"Cmd": ["/bin/true"]},
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            }
        )
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _descriptor(_CONFIG, self._put(config), len(config)),
                "layers": [_descriptor(_LAYER, layer.digest, layer.size) for layer in layers],
            }
        )
        (self.path / f"{name}.tag").write_text(self._put(manifest), encoding="ascii")

    def manifest(self, name: str, reference: str) -> tuple[str, bytes]:
        """Return digest and content of an image's manifest, by tag or digest."""
        tagged = not reference.startswith("sha256:")
        digest = (self.path / f"{name}.tag").read_text("ascii") if tagged else reference
        return digest, self.file(digest).read_bytes()

    def _put(self, content: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.file(digest).write_bytes(content)
        return digest


class StaticRegistry(Server):
    """Serves ``blobs`` on 127.0.0.1, for reading, while its ``with`` block runs."""

    def __init__(self, blobs: Blobs) -> None:
        super().__init__()
        self._blobs = blobs
        self._home = tempfile.TemporaryDirectory(prefix="paack-bench-")

    def __enter__(self) -> Self:
        self.write_registries_conf(self.registries_conf)
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._home.cleanup()

    @property
    def registries_conf(self) -> Path:
        """A registries.conf(5) that marks this registry insecure."""
        return Path(self._home.name) / "registries.conf"

    def reference(self, image: str) -> str:
        """Return the full name of an image."""
        return f"{self.host}/{image}:1"

    def answer(self, request: Request) -> None:
        """Answer one request of the distribution API."""
        parts = request.path.strip("/").split("/")
        try:
            if parts == ["v2"]:
                request.reply(b"{}", headers={"Content-Type": "application/json"})
            elif parts[-2] == "manifests":
                digest, content = self._blobs.manifest("/".join(parts[1:-2]), parts[-1])
                headers = {"Content-Type": _MANIFEST, "Docker-Content-Digest": digest}
                request.reply(content, headers=headers)
            else:
                _send(request, self._blobs.file(parts[-1]))
        except (FileNotFoundError, IndexError):
            request.send_error(404)


def _send(request: Request, file: Path) -> None:
    """Send a blob, which the kernel copies."""
    with file.open("rb") as blob:
        request.send_response(200)
        request.send_header("Content-Length", str(file.stat().st_size))
        request.send_header("Content-Type", "application/octet-stream")
        request.end_headers()
        if request.command == "GET":
            request.wfile.flush()
            request.connection.sendfile(blob)


def _gzip(content: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress(content) + packer.flush()


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
