"""The make targets: which variables each takes, and what is said of others."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from paack.commands.caller import TALK, tasks_of, variable_of
from paack.commands.program import arguments_of_tasks
from tests.day.front import ENVIRONMENT, MAKE
from tests.support.product import REPOSITORY

TARGETS = sorted(
    re.findall(r"^([a-z-]+):.* ## ", (REPOSITORY / "Makefile").read_text("utf-8"), re.M)
)


def make(*words: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run ``make --dry-run``."""
    command = [*MAKE, "--dry-run", *words]
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def takes(target: str) -> set[str]:
    """Return the variables that the Makefile's table has for a target."""
    done = make(target, "NO_SUCH_THING=1")
    assert done.returncode == 2
    pattern = rf"make {target} does not take NO_SUCH_THING; it takes: (.*)\.  Stop"
    said = re.search(pattern, done.stderr)
    assert said, done.stderr
    return set(said[1].split())


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_takes_the_options_of_its_tasks(target: str) -> None:
    """An unknown variable is told, whatever the target; what it takes is what its tasks take."""
    table, arguments = takes(target), arguments_of_tasks()
    known = {variable_of(each) for task in tasks_of(target) for each in arguments.get(task, ())}
    if any(task in arguments for task in tasks_of(target)):
        assert table == known | (set() if target == "schema" else set(TALK))
    values = {each: f"value-of-{each}" for each in sorted(table)}
    done = make(target, *(f"{name}={value}" for name, value in values.items()))
    assert done.returncode == 0, done.stderr
    if target not in ("deps", "test-deps", "test", "clean", "distclean"):
        assert [each for each in values if values[each] not in done.stdout] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lock", "DEF=my", "app.yaml"], "no target 'app.yaml'.*quoted: DEF='my app.yaml'"),
        (["lok", "DEF=app.yaml"], "there is no target 'lok'"),
        (["verify", "DEF=a.yaml"], "make verify does not take DEF; it takes: RPMS"),
        (["rpm", "verify", "DEFS=a", "AGAINST=cache"], "make rpm verify does not take DEFS"),
        (["AUTHFILE=a"], "make help does not take AUTHFILE"),
    ],
)
def test_wrong_words(words: list[str], said: str) -> None:
    done = make(*words)
    assert done.returncode == 2
    assert re.search(said, done.stderr), done.stderr


def test_two_targets_take_what_either_takes() -> None:
    assert make("rpm", "verify", "DEF=a", "AGAINST=cache").returncode == 0


def test_a_makefile_that_calls_this_one(tmp_path: Path) -> None:
    """It passes on its own variables: they are told, and do no harm."""
    (tmp_path / "Makefile").write_text(f"all:\n\t$(MAKE) -n -C {REPOSITORY} -o deps lock DEF=a\n")
    done = subprocess.run(
        ["make", "MINE=1"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "make lock does not take MINE" in done.stderr
