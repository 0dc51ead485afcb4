"""A real browser: headless Chromium, spoken to over a pipe (DevTools protocol, no port, no driver).

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
#: Chromium reads commands from descriptor 3 and answers on descriptor 4.
_START = """
import os, sys
os.dup2(os.dup(int(sys.argv[1])), 1003); os.dup2(os.dup(int(sys.argv[2])), 1004)
os.dup2(1003, 3); os.dup2(1004, 4)
os.closerange(5, 1005)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@dataclass
class Page:
    """What a page did while it was loaded: requests, messages of the console, the document."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command about this page, and return its result."""
        return self.browser.do(method, self.session, **parameters)

    def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript gives, evaluated by the debugger."""
        done = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def accessible(self) -> list[tuple[str, str]]:
        """Return (role, name) of all that a screen reader is told, in its order."""
        nodes = self.do("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"]
        ]

    def picture(self) -> bytes:
        """Return the whole page as a PNG."""
        shot = self.do("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


class Browser:
    """A running Chromium."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]):
        self._commands = commands
        self._answers = answers
        self._number = 0
        self._waiting: list[dict[str, Any]] = []

    def do(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; events before it are kept."""
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        self._commands.write(json.dumps(command).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._waiting.append(answer)

    def open(
        self, url: str, *, width: int = 1200, dark: bool = False, enforce_policy: bool = True
    ) -> Page:
        """Load a page to its end; without ``enforce_policy`` its CSP is not heeded."""
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
            page.do(f"{domain}.enable")
        page.do("Page.setBypassCSP", enabled=not enforce_policy)
        page.do(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.do("Emulation.setEmulatedMedia", features=[scheme])
        page.do("Page.navigate", url=url)
        self._wait_for(page, "Page.loadEventFired")
        return page

    def _wait_for(self, page: Page, method: str) -> None:
        while True:
            event = self._waiting.pop(0) if self._waiting else self._read()
            if event.get("sessionId") != page.session:
                continue
            parameters = event.get("params", {})
            if event["method"] == "Network.requestWillBeSent":
                page.requests.append(parameters["request"]["url"])
            elif event["method"] == "Log.entryAdded":
                page.messages.append(parameters["entry"]["text"])
            elif event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                page.messages.append(json.dumps(parameters))
            elif event["method"] == method:
                return

    def _read(self) -> dict[str, Any]:
        raw = bytearray()
        while (char := self._answers.read(1)) != b"\0":
            if not char:
                raise EOFError("Chromium ended")
            raw += char
        answer: dict[str, Any] = json.loads(raw)
        return answer


@contextmanager
def chromium(home: Path) -> Iterator[Browser]:
    """Start Chromium with a new profile in ``home``, and end it after the block."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")  # Fedora
    assert program, "chromium is not installed: tools/install-deps test"
    home.mkdir()
    read_commands, commands = os.pipe()
    answers, write_answers = os.pipe()
    descriptors = (read_commands, write_answers)
    words = [program, *_OPTIONS, f"--user-data-dir={home / 'profile'}", "about:blank"]
    with (
        (home / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-c", _START, *map(str, descriptors), *words],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(home)},
        ) as process,
    ):
        for each in descriptors:
            os.close(each)
        with os.fdopen(commands, "wb") as out, os.fdopen(answers, "rb") as back:
            browser = Browser(out, back)
            try:
                yield browser
            finally:
                with suppress(OSError, EOFError, AssertionError):
                    browser.do("Browser.close")
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
