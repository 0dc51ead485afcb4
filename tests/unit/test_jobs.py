"""Jobs side by side: one packs while the next makes its store, and a failure stops the rest."""

from __future__ import annotations

import signal
from threading import Event

import pytest

from paack.helpers.errors import BuildError
from paack.helpers.jobs import Lanes, run_jobs
from paack.helpers.run import run


def test_results_are_in_order() -> None:
    assert run_jobs([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]
    assert run_jobs([]) == []


def test_one_store_is_made_at_a_time_beside_packing() -> None:
    lanes, stored = Lanes(), Event()
    did: list[str] = []

    def pack_first() -> None:
        did.append("fetch one")
        with lanes.storing():
            did.append("store one")
        assert stored.wait(60), "the next store is made while this one is packed"
        did.append("pack one")

    def store() -> None:
        with lanes.storing():
            did.append("store two")
        stored.set()

    run_jobs([pack_first, store])
    assert did == ["fetch one", "store one", "store two", "pack one"]


def test_a_failure_before_any_store() -> None:
    def fails() -> None:
        raise BuildError("broken")

    begun: list[int] = []
    with pytest.raises(BuildError, match="broken"):
        run_jobs([fails, lambda: begun.append(1), lambda: begun.append(2)])
    assert begun == []


def test_the_first_failure_stops_what_comes_after() -> None:
    lanes, begun, ended = Lanes(), Event(), []

    def fails() -> None:
        with lanes.storing():
            pass
        assert begun.wait(60)
        raise BuildError("broken")

    def lasts() -> None:
        begun.set()
        ended.append(run(["sleep", "infinity"], check=False).status)

    with pytest.raises(BuildError, match="broken"):
        run_jobs([fails, lasts, lasts, lasts])
    assert ended == [-signal.SIGTERM]


def test_those_before_the_first_failure_are_done() -> None:
    lanes, failed, done = Lanes(), Event(), []

    def ends() -> None:
        with lanes.storing():
            pass
        assert failed.wait(60)
        done.append(run(["true"]).status)

    def fails() -> None:
        failed.set()
        raise BuildError("broken")

    with pytest.raises(BuildError, match="broken"):
        run_jobs([ends, fails])
    assert done == [0]
