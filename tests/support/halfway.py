"""A registry's mirror that stops in the middle of large blobs, for as long as a test wants."""

import http.client
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.support.http_server import Request, Server

_LARGE = 100_000
_SECONDS = 60.0


class Halfway(Server):
    """Passes requests on to the registry `upstream` (HOST:PORT), without credentials or TLS.

    Of a blob of more than 100 kB it sends the first half, sets `reached`, and sends the rest when
    somebody sets `go_on`, at the latest after a minute.
    """

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self.upstream = upstream
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def registries_conf(self, path: Path) -> Path:
        """Write a registries.conf(5) that sends all that is asked of the registry here."""
        return self.write_registries_conf(path, self.upstream)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.go_on.set()
        super().__exit__(kind, error, trace)

    def answer(self, request: Request) -> None:
        """Pass a request on; whoever asked may be killed."""
        answer, content = self._ask(request)
        names = ("Content-Type", "Docker-Content-Digest")
        headers = {name: answer.headers[name] for name in names if name in answer.headers}
        half = len(content) // 2 if "/blobs/" in request.path and len(content) > _LARGE else None
        with suppress(ConnectionError):
            request.reply(content, status=answer.status, headers=headers, sent=half)
            if half is not None:
                self.reached.set()
                self.go_on.wait(_SECONDS)
                request.wfile.write(content[half:])

    def _ask(self, request: Request) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(self.upstream)
        try:
            accepted = {"Accept": ", ".join(request.headers.get_all("Accept", []))}
            connection.request(request.command, request.path, headers=accepted)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()
