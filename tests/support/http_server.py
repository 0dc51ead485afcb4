"""HTTP servers on loopback: what all of them do."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self


class Server:
    """Serves on 127.0.0.1 in a `with` block; subclasses answer the requests.

    `handler` is for those that answer in a way of their own.
    """

    def __init__(self, handler: Callable[..., BaseHTTPRequestHandler] | None = None) -> None:
        served = self

        class Handler(Request):
            server_of_test = served

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler or Handler)
        # What a killed client left half asked must not keep the test.
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def host(self) -> str:
        """127.0.0.1:PORT."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT."""
        return f"http://{self.host}"

    def answer(self, request: Request) -> None:
        """Answer one request of any method."""
        raise NotImplementedError

    def write_registries_conf(self, path: Path, prefix: str = "") -> Path:
        """Write a registries.conf(5) that calls this registry insecure, or sends `prefix` to it."""
        first = f'prefix = "{prefix}"\n' if prefix else ""
        text = f'[[registry]]\n{first}location = "{self.host}"\ninsecure = true\n'
        path.write_text(text, encoding="utf-8")
        return path

    def use_tls(self, certificate: Path, key: Path) -> None:
        """Speak HTTPS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        # Shaken hands in the request's own thread: a client that breaks off stops nobody else.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Request(BaseHTTPRequestHandler):
    """A request, which the test's server answers."""

    protocol_version = "HTTP/1.1"
    server_of_test: Server

    def do_GET(self) -> None:
        """Have it answered."""
        self.server_of_test.answer(self)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def reply(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] = MappingProxyType({}),
        sent: int | None = None,
    ) -> None:
        """Send an answer; with `sent`, only so many bytes of its body, and hang up."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if sent is None else body[:sent])
            self.close_connection = self.close_connection or sent is not None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
