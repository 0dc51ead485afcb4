"""A registry that lies: serves an OCI layout over HTTP, and cuts or changes what it is told to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from paack.helpers.oci import manifest as oci
from tests.support.http_server import Request, Server

_REFERENCE = "org.opencontainers.image.ref.name"


@dataclass
class HostileRegistry(Server):
    """Serves ``layout`` on loopback; ``cut`` and ``change`` hold digests of blobs to spoil."""

    layout: Path
    cut: set[str] = field(default_factory=set)
    change: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def registries_conf(self) -> Path:
        """A registries.conf that marks this registry insecure."""
        return self.write_registries_conf(self.layout.with_name("hostile-registries.conf"))

    def answer(self, request: Request) -> None:
        """Answer one request of the distribution API."""
        if request.path == "/v2/":
            request.reply(b"{}", headers={"Content-Type": "application/json"})
            return
        kind, _, name = request.path.rpartition("/")
        digest = name if name.startswith("sha256:") else self._tagged(name)
        path = self.layout / "blobs" / "sha256" / (digest or "none").removeprefix("sha256:")
        if not path.exists():
            request.reply(b"", status=404)
            return
        content = path.read_bytes()
        media_type = "application/octet-stream"
        if kind.endswith("/manifests"):
            media_type = json.loads(content).get("mediaType", oci.OCI_MANIFEST)
        if digest in self.change:
            content = content[:-1] + bytes([content[-1] ^ 1])
        sent = len(content) // 2 if digest in self.cut else None
        request.reply(content, headers={"Content-Type": media_type}, sent=sent)

    def _tagged(self, tag: str) -> str | None:
        for item in json.loads((self.layout / "index.json").read_text())["manifests"]:
            if item["annotations"][_REFERENCE] == tag:
                return str(item["digest"])
        return None
