"""Keys, a web server and dnf, for all tests of repositories."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.repo.publisher import Publisher
from tests.support import debian_sid
from tests.support.dnf import Dnf
from tests.support.gpg import Gpg, Key
from tests.support.host import Host
from tests.support.web_server import WebServer

NewPublisher = Callable[..., Publisher]
NewDnf = Callable[..., Dnf]


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    """A home of gpg."""
    with Gpg() as home:
        yield home


@pytest.fixture(scope="session")
def key(gpg: Gpg) -> Key:
    """The key that signs."""
    return gpg.key("publisher")


@pytest.fixture(scope="session")
def other_key(gpg: Gpg) -> Key:
    """Somebody else's key."""
    return gpg.key("other")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that is on the web."""
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def web(base: Path) -> Iterator[WebServer]:
    """The web server."""
    with WebServer(base) as server:
        yield server


@pytest.fixture(scope="module")
def sid(base: Path) -> Iterator[Host]:
    """A host with dnf5."""
    with Host(debian_sid.root(), shared=[base]) as host:
        yield host


@pytest.fixture
def publisher(base: Path, gpg: Gpg, key: Key, web: WebServer, tmp_path: Path) -> NewPublisher:
    """Makes publishers, each with an output of its own."""

    def new(name: str = "publisher", **more: Key) -> Publisher:
        return Publisher(tmp_path / name, gpg, more.get("key", key), web.url)

    return new


@pytest.fixture
def client(base: Path, sid: Host) -> NewDnf:
    """Makes clients of a published repository: dnf of this machine; dnf5, and dnf4 of sid."""
    made: list[Dnf] = []

    def new(repo: str, kind: str = "dnf", arch: str = "x86_64") -> Dnf:
        home = Path(tempfile.mkdtemp(prefix="client-", dir=base))
        program = "dnf5" if kind == "dnf5" else "dnf"
        made.append(Dnf(home, repo, arch, None if kind == "dnf" else sid, program))
        return made[-1]

    return new
