"""What the doctor says of a host that is not as it should be: kernel, store, lists, images."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.device.doctor_cases import CASES, Case
from tests.device.doctor_host import DoctorHost
from tests.device.packages import Packages
from tests.device.shells import COMBINATIONS, Combination, library
from tests.device.storage_confs import SHAPES, stores_of
from tests.support.thorough import THOROUGH


@pytest.fixture(scope="module")
def host(packages: Packages) -> Iterator[DoctorHost]:
    with DoctorHost("debian12", packages) as host:
        yield host


#: tests/device/test_cures.py has most of the states, too.
SOME = CASES if THOROUGH else dict([*CASES.items()][::2])


@pytest.mark.parametrize("case", SOME.values(), ids=SOME)
def test_what_is_found(host: DoctorHost, case: Case) -> None:
    host.host.run(["sh", "-c", f"{{ {case.script}\n}} >/dev/null 2>&1"], check=False)
    said = host.doctor()
    host.host.run(["sh", "-c", f"{{ {case.back}\n}} >/dev/null 2>&1"], check=False)
    found = [f"{status} {check}: {message}" for status, check, message in said.lines]
    problems = [line for line in found if not line.startswith("ok ")]
    assert said.errors == ""
    assert len(problems) == len(case.found), problems
    for problem, expected in zip(problems, case.found, strict=True):
        if expected.endswith("..."):
            assert problem.startswith(expected.removesuffix("..."))
        else:
            assert problem == expected
    assert said.code == any(line.startswith("FAIL") for line in case.found)
    assert {status for status, _, _ in host.doctor().lines} == {"ok"}


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_lists_of_stores_are_read(combination: Combination, tmp_path: Path) -> None:
    """As Python's own TOML parser does it, from files in all shapes."""
    script = [library()]
    expected = []
    for name, shape in SHAPES.items():
        path = tmp_path / f"{name}.conf"
        path.write_bytes(shape.after)
        script.append(f"additional_stores {shlex.quote(str(path))}; echo --")
        expected += [*stores_of(tomllib.loads(shape.after.decode())), "--"]
    done = combination.run("\n".join(script), tmp_path)
    found = [tomllib.loads(f'text = "{line}"')["text"] for line in done.stdout.splitlines()]
    assert (done.stderr, found) == ("", expected)
