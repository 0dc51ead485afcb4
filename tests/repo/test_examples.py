"""The publishing jobs that are there to be copied."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import run
from tests.support.product import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
WORKFLOWS = sorted((EXAMPLES / "github-actions").glob("*.yml"))
PINNED = re.compile(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}")


def steps(workflow: Path) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def variables_of(target: str) -> set[str]:
    """Return the variables that a make target passes on."""
    names = ("DEF", "TO", "URL", "SIGN", "PASSPHRASE_FD", "VERSIONS", "KEEP", "AUTHFILE")
    set_ = [f"{name}=value-of-{name}" for name in names]
    said = run(["make", "-C", str(REPOSITORY), "-n", "-o", "deps", target, *set_]).stdout
    return {name for name in names if f"value-of-{name}" in said}


def test_workflows_are_there() -> None:
    assert WORKFLOWS != []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(workflow: Path) -> None:
    uses = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert uses != []
    assert [each for each in uses if not PINNED.fullmatch(each)] == []
    # the version is said beside it
    assert len(
        re.findall(r"uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", workflow.read_text(), re.M)
    ) == len(uses)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_scripts_of_workflows(workflow: Path, tmp_path: Path) -> None:
    """They pass shellcheck, take secrets from the environment only, and call make."""
    scripts = [step["run"] for step in steps(workflow) if "run" in step]
    for number, script in enumerate(scripts):
        assert "${{" not in script
        path = tmp_path / f"{number}.sh"
        path.write_text(f"#!/bin/bash\n{script}\n")
        run(["shellcheck", str(path)])
    assert any("make publish-job" in script for script in scripts)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actionlint(workflow: Path) -> None:
    directories = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin"
    actionlint = shutil.which("actionlint", path=directories)
    if actionlint is None:
        pytest.skip("actionlint is not here, and its package fetches it from GitHub")
    assert run([actionlint, "-no-color", str(workflow)]).stdout == ""


def test_systemd_units() -> None:
    units = sorted((EXAMPLES / "systemd").iterdir())
    assert [unit.suffix for unit in units] == [".service", ".timer"]
    done = run(["systemd-analyze", "verify", *map(str, units)])
    assert done.stdout + done.stderr == ""
    assert "ExecStart=/usr/bin/make publish-job\n" in units[0].read_text()
    assert units[0].stem == units[1].stem


def test_crontab() -> None:
    lines = [
        line
        for line in (EXAMPLES / "cron" / "paack-publish").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    settings = [line for line in lines if re.fullmatch(r"[A-Z]+=.*", line)]
    (entry,) = [line for line in lines if line not in settings]
    times, user, command = entry.split()[:5], entry.split()[5], entry.split(None, 6)[6]
    assert all(re.fullmatch(r"[0-9*]+", each) for each in times)
    assert (user, "%" in command) == ("paack", False)  # cron takes % for a line end
    assert "make --silent publish-job" in command
    assert {line.partition("=")[0] for line in settings} >= {"DEF", "TO", "URL", "SIGN"}


def test_all_call_the_same_target_with_variables_that_it_knows() -> None:
    assert variables_of("publish-job") >= {"DEF", "TO", "URL", "SIGN", "PASSPHRASE_FD"}
    for path in (
        *WORKFLOWS,
        *(EXAMPLES / "systemd").glob("*.service"),
        EXAMPLES / "cron/paack-publish",
    ):
        text = path.read_text()
        assert "publish-job" in text
        for name in ("DEF", "TO", "URL", "SIGN", "PASSPHRASE_FD"):
            assert re.search(rf"\b{name}\b", text), (path, name)
