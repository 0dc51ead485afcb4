"""A web server on loopback that shows a directory."""

import functools
import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.http_server import Server


class WebServer(Server):
    """Serves ``root``; ``requests`` are the paths that were asked for, with their status."""

    def __init__(self, root: Path) -> None:
        self.requests: list[tuple[str, int]] = []
        self._broken: set[str] = set()
        handler = functools.partial(_Handler, self, directory=str(root))
        super().__init__(handler)

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
