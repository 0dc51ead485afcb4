"""Workspaces: those of killed processes go, those of living ones stay."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from paack.helpers.workspace import sweep, workspace
from tests.support.product import REPOSITORY

CHILD = """
import sys
from pathlib import Path
from paack.helpers.workspace import workspace
with workspace(Path(sys.argv[1])) as work:
    (work / "sub").mkdir()
    (work / "sub" / "file").write_text("x")
    (work / "sub").chmod(0o500)
    print(work, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a process that has a workspace."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(parent)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        yield child, Path(child.stdout.readline().rstrip("\n"))
        child.kill()


def test_a_workspace_vanishes_with_what_is_in_it(tmp_path: Path) -> None:
    parent = tmp_path / "not" / "there"
    with workspace(parent) as work:
        assert work.parent == parent
        (work / "file").write_text("x")
    assert not parent.exists()


def test_a_workspace_vanishes_when_something_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), workspace(tmp_path / "w") as work:
        (work / "file").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    with another(tmp_path / "w") as (child, theirs):
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert (theirs / "sub" / "file").exists()
        with workspace(tmp_path / "w") as work:
            assert list((tmp_path / "w").iterdir()) == [work]


def test_what_a_living_process_has_stays(tmp_path: Path) -> None:
    with another(tmp_path / "w") as (child, theirs):
        with workspace(tmp_path / "w") as work:
            sweep(tmp_path / "w")
            assert {theirs, work} == set((tmp_path / "w").iterdir())
        assert (theirs / "sub" / "file").read_text() == "x"
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait() == 0
    assert not (tmp_path / "w").exists()


def test_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    (tmp_path / "work-file").write_text("x")
    with workspace(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "work-file"}


def _use(parent: str, times: int) -> None:
    for number in range(times):
        with workspace(Path(parent)) as work:
            (work / "file").write_text(str(number))
            if (work / "file").read_text() != str(number):
                os._exit(1)


def test_many_at_once_do_not_sweep_each_other(tmp_path: Path) -> None:
    parent = str(tmp_path / "w")
    processes = [multiprocessing.Process(target=_use, args=(parent, 60)) for _ in range(4)]
    threads = [threading.Thread(target=_use, args=(parent, 30)) for _ in range(2)]
    for process in processes:
        process.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert list(tmp_path.iterdir()) == []
