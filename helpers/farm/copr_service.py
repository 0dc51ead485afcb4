"""Copr's API (version 3) through its official client, which only this module imports, and late.

What the client raises becomes our errors: ``Missing`` (no such thing), ``Unreachable`` (may pass),
PublishError (will not pass by itself).
"""

from __future__ import annotations

import re
import socket
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from paack.helpers.errors import Place, PublishError, ToolError
from paack.helpers.progress import Reporter, human
from paack.helpers.run import secret

T = TypeVar("T")

HUB = "https://copr.fedorainfracloud.org"
_CONFIG = Path("~/.config/copr")
_TRIES = 4
_BUILDS_LISTED = 100
_LOG_LIMIT = 256 * 1024 * 1024
_LINE_LIMIT = 65536
#: The client waits for answers without limit. A peer that is gone is noticed after two minutes.
_KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)


class Missing(PublishError):
    """There is no such project, build or package in Copr."""


class Unreachable(PublishError):
    """Copr cannot be reached, or has a trouble of its own; it may pass."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build: ``srpm`` is the file name of its source RPM, the rest is Copr's own words."""

    id: int
    state: str
    version: str
    srpm: str
    chroots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuildChroot:
    """A build in one chroot, with the URL of its results and logs, once it has one."""

    name: str
    state: str
    url: str | None


class Service:
    """One Copr, and who we are there; ``interval`` is the pause (seconds) between questions."""

    def __init__(self, client: Any, url: str, reporter: Reporter, interval: float):
        self._client = client
        self.url = url
        self.reporter = reporter
        self.interval = interval

    def whoami(self) -> str:
        """Return the name that Copr knows us by; raise PublishError for a bad token."""
        return str(self.ask(self._client.base_proxy.auth_check).get("name"))

    def chroots(self) -> set[str]:
        """Return the names of all chroots that Copr has."""
        return set(_plain(self.ask(self._client.mock_chroot_proxy.get_list)))

    def enabled(self, owner: str, project: str) -> list[str]:
        """Return the chroots of a project, sorted; raise Missing."""
        found = self.ask(lambda: self._client.project_proxy.get(owner, project))
        return sorted(_plain(found.chroot_repos))

    def create(self, owner: str, project: str, chroots: Sequence[str]) -> None:
        """Make a project."""
        add = self._client.project_proxy.add
        self.ask(lambda: add(owner, project, list(chroots), exist_ok=True))

    def enable(self, owner: str, project: str, chroots: Sequence[str]) -> None:
        """Give a project these chroots; those that it had and that are not named are disabled."""
        edit = self._client.project_proxy.edit
        self.ask(lambda: edit(owner, project, chroots=list(chroots)))

    def check(self, owner: str, project: str, chroots: Sequence[str]) -> None:
        """Ask Copr whether it would take such a build; raise PublishError when it would not."""
        check = self._client.build_proxy.check_before_build
        # The client deletes the callback, and must find one.
        self.ask(
            lambda: check(
                owner, project, buildopts={"chroots": list(chroots), "progress_callback": None}
            )
        )

    def builds(self, owner: str, project: str, package: str | None = None) -> list[Build]:
        """Return the last builds of a project (of a package), the newest first."""
        page = {"limit": _BUILDS_LISTED, "order": "id", "order_type": "DESC"}
        listed = self._client.build_proxy.get_list
        found = self.ask(lambda: listed(owner, project, packagename=package, pagination=page))
        return [_build(each) for each in found]

    def build(self, number: int) -> Build:
        """Return a build; raise Missing."""
        return _build(self.ask(lambda: self._client.build_proxy.get(number)))

    def build_chroots(self, number: int) -> list[BuildChroot]:
        """Return how a build stands in each chroot."""
        found = self.ask(lambda: self._client.build_chroot_proxy.get_list(number))
        return [BuildChroot(str(each["name"]), each["state"], each["result_url"]) for each in found]

    def source_url(self, number: int) -> str | None:
        """Return the URL of the logs of a build's first step, which unpacks the source RPM."""
        found = self.ask(lambda: self._client.build_proxy.get_source_chroot(number))
        url = found.get("result_url")
        return str(url) if url else None

    def upload(self, owner: str, project: str, srpm: Path, chroots: Sequence[str]) -> Build:
        """Upload a source RPM and start its build. Not tried again: see Unreachable."""
        size = srpm.stat().st_size
        with self.reporter.step(f"upload  {srpm.name}", size) as meter:
            options = {
                "chroots": list(chroots),
                "progress_callback": lambda monitor: meter.update(monitor.bytes_read),
            }
            create = self._client.build_proxy.create_from_file
            path = str(srpm)
            made = self.ask(lambda: create(owner, project, path, buildopts=options), tries=1)
            meter.note(f"{human(size)}, build {made.id}")
        return _build(made)

    def log_tail(self, url: str, lines: int) -> list[str]:
        """Return the last lines of the log at ``url``, which may be gzipped; raise Unreachable."""
        import requests

        try:
            with requests.get(url, stream=True, timeout=60) as answer:
                answer.raise_for_status()
                return _last_lines(answer.iter_content(65536), lines)
        except (requests.RequestException, zlib.error) as error:
            raise Unreachable(f"{url}: {error}") from error

    def ask(self, question: Callable[[], T], *, tries: int = _TRIES) -> T:
        """Return the answer to a question; ask again while Copr is out of reach."""
        import requests
        from copr.v3.exceptions import CoprException

        while True:
            tries -= 1
            try:
                return question()
            except (CoprException, requests.RequestException) as error:
                problem = self._problem(error)
                if tries == 0 or not isinstance(problem, Unreachable):
                    raise problem from error
            except OSError as error:
                if error.errno is not None:
                    raise
                # requests' own: there is no file of certificates where it is told to look.
                raise PublishError(str(error), hint="see REQUESTS_CA_BUNDLE") from error
            self.reporter.say(f"copr    {problem.message}; asking again")
            time.sleep(self.interval)

    def _problem(self, error: Exception) -> PublishError:
        """Return our error for one of the client or of requests."""
        answer = getattr(getattr(error, "result", None), "__response__", None)
        status = answer.status_code if answer is not None else 0
        text = re.sub(r"\s*\n\s*", "; ", str(error).strip())
        if status == 401 or "login:token is invalid" in text:
            return PublishError(
                f"Copr does not know us: {text.partition(': (')[0] if not status else text}",
                hint=f"tokens expire: get a new one at {self.url}/api/ and save it as {_CONFIG}",
            )
        if status == 403:
            return PublishError(
                f"Copr refuses: {text}",
                hint="ask an admin of the project for the permission to build there",
            )
        if status == 404:
            return Missing(f"Copr: {text}")
        if status == 0 or status >= 500:
            how = f"answers {status}" if status else "cannot be reached"
            return Unreachable(
                f"{self.url} {how}: {text}",
                hint="the same command goes on where this one stopped; try again later",
            )
        return PublishError(f"Copr answers {status}: {text}")


def connect(config: Path | None, reporter: Reporter, interval: float) -> Service:
    """Return the Copr that a configuration file (None: ~/.config/copr) names.

    Nothing is asked yet. Raises ToolError without the client, PublishError without configuration.
    """
    try:
        from copr.v3 import Client, config_from_file
        from copr.v3.exceptions import CoprException
        from urllib3.connection import HTTPConnection
    except ImportError as error:
        raise ToolError(
            f"the Python package copr is not installed ({error.name})",
            hint="make deps   (or: .venv/bin/pip install 'copr>=2.0')",
        ) from error
    path = (config or _CONFIG).expanduser()
    hint = f"log in at {HUB}/api/ and save what it shows as {config or _CONFIG}"
    if not path.is_file():
        raise PublishError(f"there is no Copr configuration {path}", hint=hint)
    try:
        settings = config_from_file(str(path))
    except (CoprException, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise PublishError(
            f"is not a usable Copr configuration: {error}", place=Place(path), hint=hint
        ) from error
    secret(settings.get("token") or "")
    # In place: it is the default of an argument, too.
    common = HTTPConnection.default_socket_options
    common.extend(option for option in _KEEPALIVE if option not in common)
    # We ask again ourselves: the client would repeat an upload without its first part.
    settings["connection_attempts"] = 1
    return Service(Client(settings), settings["copr_url"].rstrip("/"), reporter, interval)


def _build(found: Any) -> Build:
    package = found.get("source_package") or {}
    return Build(
        int(found["id"]),
        str(found["state"]),
        str(package.get("version") or ""),
        str(package.get("url") or "").rpartition("/")[2],
        tuple(found.get("chroots") or ()),
    )


def _plain(answer: Iterable[str]) -> list[str]:
    """Leave out what the client puts beside the answer's own keys."""
    return [key for key in answer if not key.startswith("__")]


def _last_lines(chunks: Iterable[bytes], lines: int) -> list[str]:
    """Return the last lines of a text that may be gzipped and long, without keeping it all."""
    last: deque[bytes] = deque(maxlen=lines)
    unzip: Any = None
    rest, seen = b"", 0
    for number, chunk in enumerate(chunks):
        if number == 0 and chunk.startswith(b"\x1f\x8b"):
            unzip = zlib.decompressobj(wbits=31)
        text = unzip.decompress(chunk, _LOG_LIMIT) if unzip else chunk
        seen += len(text)
        if seen > _LOG_LIMIT:
            break
        *whole, rest = (rest[-_LINE_LIMIT:] + text).split(b"\n")
        last.extend(whole)
    if rest:
        last.append(rest)
    return [line.decode("utf-8", "replace").rstrip("\r") for line in last]
