"""A registry that lies: serves an OCI layout over HTTP, and cuts or changes what it is told to."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from paack.helpers.oci import manifest as oci

_REFERENCE = "org.opencontainers.image.ref.name"


@dataclass
class HostileRegistry:
    """Serves ``layout`` on loopback; ``cut`` and ``change`` hold digests of blobs to spoil."""

    layout: Path
    cut: set[str] = field(default_factory=set)
    change: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.answer(self)

            do_HEAD = do_GET

            def log_message(
                self,
                format: str,  # noqa: A002
                *args: object,
            ) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """127.0.0.1:PORT."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def registries_conf(self) -> Path:
        """A registries.conf that marks this registry insecure."""
        path = self.layout.with_name("hostile-registries.conf")
        path.write_text(f'[[registry]]\nlocation = "{self.host}"\ninsecure = true\n')
        return path

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request of the distribution API."""
        if request.path == "/v2/":
            self._send(request, b"{}", "application/json")
            return
        kind, _, name = request.path.rpartition("/")
        digest = name if name.startswith("sha256:") else self._tagged(name)
        path = self.layout / "blobs" / "sha256" / (digest or "none").removeprefix("sha256:")
        if not path.exists():
            request.send_response(404)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        content = path.read_bytes()
        media_type = "application/octet-stream"
        if kind.endswith("/manifests"):
            media_type = json.loads(content).get("mediaType", oci.OCI_MANIFEST)
        if digest in self.change:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self._send(request, content, media_type, cut=digest in self.cut)

    def _tagged(self, tag: str) -> str | None:
        for item in json.loads((self.layout / "index.json").read_text())["manifests"]:
            if item["annotations"][_REFERENCE] == tag:
                return str(item["digest"])
        return None

    def _send(
        self, request: BaseHTTPRequestHandler, content: bytes, media_type: str, *, cut: bool = False
    ) -> None:
        request.send_response(200)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command == "HEAD":
            return
        request.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            request.close_connection = True
