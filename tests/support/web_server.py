"""A web server on loopback that shows a directory."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class WebServer:
    """Serves ``root``; ``requests`` are the paths that were asked for, with their status."""

    def __init__(self, root: Path) -> None:
        self.requests: list[tuple[str, int]] = []
        self._broken: set[str] = set()
        handler = functools.partial(_Handler, self, directory=str(root))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def breaking(self, name: str) -> Iterator[None]:
        """Send only half of any file called ``name`` during the block."""
        self._broken.add(name)
        try:
            yield
        finally:
            self._broken.remove(name)

    def breaks(self, path: str) -> bool:
        """Whether ``path`` is to be broken off."""
        return path.rpartition("/")[2] in self._broken

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
    def __init__(self, web: WebServer, *args: Any, directory: str | None = None) -> None:
        self._web = web
        super().__init__(*args, directory=directory)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        half = self._web.breaks(self.path)
        outputfile.write(content[: len(content) // 2] if half else content)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        self._web.requests.append((self.path, int(getattr(code, "value", 0) or 0)))

    def log_message(self, *_: object) -> None:
        """Say nothing."""
