"""Settings of hypothesis, what is made before tests run, and which of like devices they run on."""

from __future__ import annotations

import os
import sys
import zlib
from collections import defaultdict
from subprocess import DEVNULL, Popen

import pytest
from hypothesis import HealthCheck, settings

from tests.support.podman import ALL_KINDS
from tests.support.rights import IS_ROOT
from tests.support.thorough import THOROUGH

# No test may fail for being slow, and CI draws the same examples.
settings.register_profile(
    "paack",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("paack")
_making: list[Popen[bytes]] = []

#: Clients that do the same, each in its own way.
CLIENTS = (ALL_KINDS, ("dnf", "dnf5"))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to make the roots, when all tests run: otherwise one test makes one, and all wait."""
    config = session.config
    is_worker = hasattr(config, "workerinput")
    if config.args_source is config.ArgsSource.TESTPATHS and not is_worker and IS_ROOT:
        for lane in ("0", "1"):
            command = [sys.executable, "-m", "tests.support.roots", lane]
            _making.append(Popen(command, stdout=DEVNULL, stderr=DEVNULL))


def pytest_sessionfinish() -> None:
    """What is not made by then, no test needs."""
    for process in _making:
        process.terminate()
        process.wait()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run a test that is for several clients with one of them: half of the tests with each.

    All run in thorough tests, and where a test is named (`FILE::TEST`).
    """
    if THOROUGH or any("::" in word for word in config.args):
        return
    alike: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        alike[_without_client(item)].append(item)
    chosen = {id(some[zlib.crc32(name.encode()) % len(some)]) for name, some in alike.items()}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = [item for item in items if id(item) in chosen]


def _without_client(item: pytest.Item) -> str:
    """Return the name of a test, with a mark in the place of its client."""
    name = item.nodeid
    parameters = getattr(item, "callspec", None)
    for value in parameters.params.values() if parameters else ():
        for number, clients in enumerate(CLIENTS):
            if value in clients:
                name = name.replace(str(value), f"<{number}>")
    return name
