"""Which of several like devices a test runs on."""

from __future__ import annotations

import zlib
from collections import defaultdict

import pytest

from tests.support.podman import ALL_KINDS
from tests.support.thorough import THOROUGH

#: Clients that do the same, each in its own way.
CLIENTS = (ALL_KINDS, ("dnf", "dnf5"))


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
