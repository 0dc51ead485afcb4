"""paack installed: as a wheel, and as an RPM beside a distribution's Python packages."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import debian_sid
from tests.support.commands import run
from tests.support.host import Host
from tests.support.product import REPOSITORY


@pytest.fixture(scope="module")
def rpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the RPM of paack itself."""
    output = tmp_path_factory.mktemp("paack-rpm")
    done = run([str(REPOSITORY / "tools/paack-rpm"), sys.executable, str(output)])
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def installed(rpm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the wheel's files are: what the RPM holds, without the clone in reach."""
    root = tmp_path_factory.mktemp("root")
    run(["bsdtar", "-xf", str(rpm), "-C", str(root)])
    return root


def test_only_one_name_is_installed(installed: Path) -> None:
    names = {path.name for path in (installed / "usr/lib/paack").iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"paack"}


def test_demo_is_the_same_from_a_clone_and_installed(installed: Path, tmp_path: Path) -> None:
    clone, elsewhere = tmp_path / "clone", tmp_path / "elsewhere"
    for name in ("images", "helpers", "specs", "pages", "paack"):
        (clone / name).parent.mkdir(exist_ok=True)
        run(["cp", "-a", str(REPOSITORY / name), str(clone / name)])
    elsewhere.mkdir()
    digests = []
    for directory, modules in ((clone, clone), (elsewhere, installed / "usr/lib/paack")):
        environment = {"PYTHONPATH": str(modules), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        subprocess.run(
            [sys.executable, "-P", "-m", "paack", "demo"],
            cwd=directory,
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )
        rpms = sorted((directory / "_output/demo/rpms").glob("*/*.rpm"))
        assert len(rpms) == 2
        digests.append([hashlib.sha256(rpm.read_bytes()).hexdigest() for rpm in rpms])
    assert digests[0] == digests[1]


def test_rpm_runs_where_only_the_distribution_has_its_libraries(rpm: Path) -> None:
    """There is no fastcrc, and no virtual environment; rpm is 6, Python the distribution's."""
    with Host(debian_sid.root(), shared=[rpm.parent]) as host:
        host.run(["rpm", "--initdb"])
        # Its dependencies are Debian's packages there, which rpm does not know.
        host.run(["rpm", "-i", "--nodeps", "--nosignature", str(rpm)])
        assert not host.run(["rpm", "-V", "--nodeps", "paack"]).stdout
        assert "paack 2" in host.run(["paack", "--version"]).stdout
        said = host.run(["sh", "-ec", "cd /tmp && HOME=/tmp paack demo"]).stdout
        assert "container-image(localhost/hello:1.0)" in said
        assert host.run(["rpm", "-e", "paack"]).stdout == ""
        assert host.run(["test", "-e", "/usr/lib/paack"], check=False).returncode == 1


def test_same_sources_give_the_same_rpm(rpm: Path, tmp_path: Path) -> None:
    again = run([str(REPOSITORY / "tools/paack-rpm"), sys.executable, str(tmp_path)])
    assert Path(again.stdout.strip()).read_bytes() == rpm.read_bytes()


def test_manual_has_no_fault_that_groff_sees(installed: Path) -> None:
    page = next((installed / "usr/share/man/man1").iterdir())
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", page], capture_output=True, text=True, check=True
    )
    assert not done.stderr
    assert "microshift" in done.stdout


_BASH = """
. "$1/usr/share/bash-completion/completions/paack"
COMP_WORDS=(paack pub)
_complete_paack paack pub
echo "${COMPREPLY[@]}"
"""
_ZSH = """
compadd() { shift; print -- "$@" }
words=(paack pub)
. $1/usr/share/zsh/site-functions/_paack
"""


@pytest.mark.parametrize(
    "shell", [["bash", "-c", _BASH], ["zsh", "-f", "-c", _ZSH]], ids=["bash", "zsh"]
)
def test_shells_complete_the_tasks(installed: Path, tmp_path: Path, shell: list[str]) -> None:
    program = tmp_path / "paack"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m paack "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(installed / "usr/lib/paack"),
    }
    said = run([*shell, "-", str(installed)], env=environment).stdout.split()
    assert {"publish", "publish-job"} <= set(said)
