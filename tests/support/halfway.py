"""A registry's mirror that stops in the middle of large blobs, for as long as a test wants."""

import http.client
import http.server
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_LARGE = 100_000
_SECONDS = 60.0


class Halfway(http.server.ThreadingHTTPServer):
    """Passes requests on to the registry `upstream` (HOST:PORT), without credentials or TLS.

    Of a blob of more than 100 kB it sends the first half, sets `reached`, and sends the rest when
    somebody sets `go_on`, at the latest after a minute.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever)

    def registries_conf(self, path: Path) -> Path:
        """Write a registries.conf(5) that sends all that is asked of the registry here."""
        path.write_text(
            f'[[registry]]\nprefix = "{self.upstream}"\ninsecure = true\n'
            f'location = "127.0.0.1:{self.server_port}"\n',
            encoding="utf-8",
        )
        return path

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.go_on.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Halfway)
        answer, content = self._ask(server.upstream)
        self.send_response(answer.status)
        for name in ("Content-Type", "Content-Length", "Docker-Content-Digest"):
            if value := answer.headers.get(name):
                self.send_header(name, value)
        self.end_headers()
        half = len(content) // 2 if "/blobs/" in self.path and len(content) > _LARGE else 0
        try:
            self.wfile.write(content[:half])
            if half:
                server.reached.set()
                server.go_on.wait(_SECONDS)
            self.wfile.write(content[half:])
        except ConnectionError:
            self.close_connection = True  # whoever asked was killed

    def _ask(self, upstream: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(upstream)
        try:
            accepted = {"Accept": ", ".join(self.headers.get_all("Accept", []))}
            connection.request("GET", self.path, headers=accepted)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
