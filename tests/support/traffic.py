"""What a registry was asked for in a span of time."""

import time
from collections import Counter
from collections.abc import Iterable

from tests.support.registry import Registry, Request

_LOG_SECONDS = 10.0


class Traffic:
    """The requests that `registry` answers from now on."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._before = len(registry.requests())

    def requests(self) -> list[Request]:
        """Return the requests so far, oldest first."""
        return self._registry.requests()[self._before :]

    def blobs(self, expected: Iterable[str] = ()) -> Counter[str]:
        """Return how often each blob was sent; the log's lines for `expected` are waited for."""
        deadline = time.monotonic() + _LOG_SECONDS
        while True:
            sent = Counter(
                one.path.rpartition("/")[2]
                for one in self.requests()
                if one.method == "GET" and "/blobs/" in one.path and one.status == 200
            )
            if sent.keys() >= set(expected) or time.monotonic() > deadline:
                return sent
            time.sleep(0.02)
