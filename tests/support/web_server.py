"""A web server on loopback that shows a directory."""

import functools
import http.server
import threading
from pathlib import Path
from types import TracebackType
from typing import Self


class WebServer:
    """Serves ``root``; ``requests`` are the paths that were asked for, with their status."""

    def __init__(self, root: Path) -> None:
        self.requests: list[tuple[str, int]] = []
        handler = functools.partial(_Handler, self.requests, directory=str(root))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._server.server_port}"

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


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(
        self, requests: list[tuple[str, int]], *args: object, directory: str | None = None
    ) -> None:
        self._requests = requests
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def log_request(self, code: object = "-", size: object = "-") -> None:
        self._requests.append((self.path, int(getattr(code, "value", 0) or 0)))

    def log_message(self, *_: object) -> None:
        """Say nothing."""
