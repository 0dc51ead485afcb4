"""Jobs side by side: one packs while the next makes its store, and a failure stops the rest."""

from __future__ import annotations

import signal
from threading import Event

import pytest

from helpers.errors import BuildError
from helpers.jobs import Lanes, run_jobs
from helpers.run import run


def test_results_are_in_order() -> None:
    second = Event()

    def first() -> int:
        assert second.wait(60)
        return 1

    def other() -> int:
        second.set()
        return 2

    assert run_jobs([first, other, lambda: 3]) == [1, 2, 3]
    assert run_jobs([lambda: 1]) == [1]
    assert run_jobs([]) == []


def test_one_store_is_made_at_a_time_beside_packing() -> None:
    lanes, stored, making = Lanes(), Event(), []

    def pack_first() -> None:
        with lanes.storing:
            making.append("first")
        assert stored.wait(60), "the next store is made while this one is packed"

    def store() -> None:
        with lanes.storing:
            making.append("second")
            assert lanes.storing.locked()
            stored.set()

    run_jobs([pack_first, store])
    assert making == ["first", "second"]


def test_the_first_failure_stops_what_comes_after() -> None:
    begun, ended = Event(), []

    def fails() -> None:
        assert begun.wait(60)
        raise BuildError("broken")

    def lasts() -> None:
        begun.set()
        ended.append(run(["sleep", "infinity"], check=False).status)

    with pytest.raises(BuildError, match="broken"):
        run_jobs([fails, lasts, lasts, lasts])
    assert ended[0] == -signal.SIGTERM
    assert len(set(ended)) == 1
    assert len(ended) <= 2, "the last is never begun"


def test_those_before_the_first_failure_are_done() -> None:
    failed, done = Event(), []

    def ends() -> None:
        assert failed.wait(60)
        done.append(run(["true"]).status)

    def fails() -> None:
        failed.set()
        raise BuildError("broken")

    with pytest.raises(BuildError, match="broken"):
        run_jobs([ends, fails])
    assert done == [0]
