"""podman's API service on a host of tests: many pulls and listings for one start of podman."""

from __future__ import annotations

import http.client
import json
import socket
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.support.podman import Podman

_START_SECONDS = 30.0


class PodmanService:
    """`podman system service` of `podman`, for one client, on a socket below `base`."""

    def __init__(self, podman: Podman, base: Path) -> None:
        self._socket = Path(tempfile.mkdtemp(prefix="api-", dir=base)) / "podman.sock"
        self._process = podman.host.start(
            ["podman", "system", "service", "--time=0", f"unix://{self._socket}"]
        )
        self._connection = _UnixConnection(self._socket)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _START_SECONDS
        while not self._socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("podman's service does not start")
            time.sleep(0.02)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.wait()

    def why_not(self, image: str, identifier: str) -> str:
        """Pull `image`, list all images, and remove it by its ID; return what went wrong, or ""."""
        query = f"reference={quote(image, safe='')}&policy=always&quiet=true&tlsVerify=false"
        status, answer = self._ask("POST", f"/images/pull?{query}")
        said = json.loads(answer)
        wrong = str(said.get("error") or (said["message"] if status != 200 else ""))
        listing = self.listing()
        # podman 5 may refuse an image that it has stored already.
        if not wrong or listing:
            self._ask("DELETE", f"/images/{identifier}?force=true")
            assert not self.listing()
        return wrong or listing

    def listing(self) -> str:
        """Return why the images cannot be listed, or ""."""
        status, answer = self._ask("GET", "/images/json")
        return "" if status == 200 else answer

    def _ask(self, method: str, path: str) -> tuple[int, str]:
        self._connection.request(method, f"/v4.0.0/libpod{path}")
        response = self._connection.getresponse()
        return response.status, response.read().decode()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("podman", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))
