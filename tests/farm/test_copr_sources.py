"""Sources made on Copr's side: "make srpm" and the custom script, from a clean clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.farm import payload, query, write_app
from tests.support.product import REPOSITORY, Paack, definition_text

_DEFINITION = "images/farm/app.yaml"
_GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")


@dataclass
class Sources:
    """A repository with paack and a definition, a clone of it, and the program of that clone."""

    origin: Path
    clone: Path
    program: Path
    environment: dict[str, str]

    def make(self, *words: str, program: bool = True) -> subprocess.CompletedProcess[str]:
        """Call the Makefile as Copr does: by its absolute path, in another directory."""
        makefile = str(self.clone / ".copr/Makefile")
        chosen = [f"PAACK={self.program}"] if program else []
        return run(
            ["make", "-C", "/", "-f", makefile, *words, *chosen], check=False, env=self.environment
        )


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    base = tmp_path_factory.mktemp("sources")
    origin, clone = base / "origin", base / "clone"
    listed = run([*_GIT, "-C", str(REPOSITORY), "ls-files", "-co", "--exclude-standard"]).stdout
    for name in listed.splitlines():
        source, target = REPOSITORY / name, origin / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    (origin / "images/farm").mkdir(parents=True)
    write_app(origin / "images/farm")
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"]):
        run([*_GIT, "-C", str(origin), *words])
    run([*_GIT, "-C", str(origin), "commit", "--quiet", "--message=all"])
    run([*_GIT, "clone", "--quiet", f"file://{origin}", str(clone)])
    program = base / "paack"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="$FARM_CLONE" exec {sys.executable} -c '
        f'"from paack.commands import main; main()" "$@"\n'
    )
    program.chmod(0o755)
    names = ("PATH", "HOME", "PAACK_TEST_CACHE")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    environment |= {
        "XDG_CACHE_HOME": str(base / "cache"),
        "FARM_CLONE": str(clone),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Sources(origin, clone, program, environment)


@pytest.fixture(scope="module")
def expected(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The payload digests of the same definition's RPMs, built here, by arch."""
    paack = Paack(tmp_path_factory.mktemp("expected"))
    shutil.copytree(sources.origin / "images/farm", paack.home / "farm")
    built = paack.build(paack.home / "farm/app.yaml")
    return {query(rpm, "%{ARCH}"): payload(rpm) for rpm in built}


def rebuilt(srpm: Path, topdir: Path, expected: dict[str, str]) -> dict[str, str]:
    """Return the payload digests of RPMs that rpmbuild makes of a source RPM, by arch."""
    for arch in expected:
        words = ["--define", f"_topdir {topdir}", "--target", arch, "--rebuild", str(srpm)]
        run(["rpmbuild", *words])
    return {query(rpm, "%{ARCH}"): payload(rpm) for rpm in topdir.glob("RPMS/*/*.rpm")}


def test_make_srpm(sources: Sources, expected: dict[str, str], tmp_path: Path) -> None:
    outdir = tmp_path / "results"
    outdir.mkdir()
    done = sources.make("srpm", f"outdir={outdir}", f"spec={sources.clone / _DEFINITION}")
    assert done.returncode == 0, done.stderr
    (srpm,) = outdir.iterdir()
    assert srpm.name == "app-1.0-1.src.rpm"
    assert str(srpm) in done.stdout
    assert rebuilt(srpm, tmp_path / "top", expected) == expected
    status = run([*_GIT, "-C", str(sources.clone), "status", "--porcelain"]).stdout.split()
    assert status == ["??", "images/farm/app.lock.yaml"]


def test_directory_with_one_definition(sources: Sources, tmp_path: Path) -> None:
    outdir = tmp_path / "not there yet"
    done = sources.make("srpm", f"outdir={outdir}", f"spec={sources.clone}/images/farm/")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in outdir.iterdir()] == ["app-1.0-1.src.rpm"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [("", 'field "Spec File"'), ("empty", "not one definition"), ("two.yaml", "several packages")],
)
def test_wrong_spec(sources: Sources, tmp_path: Path, spec: str, words: str) -> None:
    place, outdir = tmp_path / "place", tmp_path / "results"
    for directory in (place / "empty", place / "manifests"):
        directory.mkdir(parents=True)
    (place / "manifests/pod.yaml").write_text("kind: Pod\n")
    one = definition_text("a", [], manifests="./manifests").replace("  images:\n", "")
    other = one.replace("packages:\n", "").replace("name: a", "name: b")
    (place / "two.yaml").write_text(one + other)
    given = f"spec={place / spec}" if spec else "spec="
    done = sources.make("srpm", f"outdir={outdir}", given)
    assert done.returncode == 2
    assert words in done.stderr
    assert not outdir.exists()


def test_fresh_machine(sources: Sources) -> None:
    """Without PAACK, what is missing is installed first: programs, and .venv of the clone."""
    words = ["--dry-run", "srpm", "outdir=/x", f"spec={_DEFINITION}"]
    done = sources.make(*words, program=False)
    assert done.returncode == 0, done.stderr
    steps = [line for line in done.stdout.splitlines() if "make" not in line]
    assert steps[0] == "tools/install-deps build"
    assert f"PAACK='{sources.clone}/.venv/bin/paack'" in steps[-1]
    assert any("-m venv .venv" in line for line in steps)


def test_custom_source(sources: Sources, expected: dict[str, str], tmp_path: Path) -> None:
    """A spec and its sources, and nothing else, are where Copr wants them."""
    (tmp_path / "result").mkdir()
    script = tmp_path / "script"
    shutil.copy(sources.origin / "tools/copr-custom-source", script)
    settings = {
        "PAACK": str(sources.program),
        "PAACK_REPOSITORY": f"file://{sources.origin}",
        "PAACK_DEFINITION": _DEFINITION,
        "COPR_RESULTDIR": str(tmp_path / "result"),
        "TMPDIR": str(tmp_path),
    }
    run(["env", f"--chdir={tmp_path / 'result'}", str(script)], env=sources.environment | settings)
    names = {path.name for path in (tmp_path / "result").iterdir()}
    assert {"app.spec", "app-x86_64.squashfs", "app-aarch64.squashfs"} <= names
    assert not [name for name in names if name.endswith(".rpm") or "paack.git" in name]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result", "script"]
    # copr_rpmbuild/helpers.py, build_srpm()
    defines = [f"_{kind}dir {tmp_path / 'result'}" for kind in ("source", "rpm", "build", "spec")]
    words = [word for value in defines for word in ("--define", value)]
    words += ["--define", f"_srcrpmdir {tmp_path}", str(tmp_path / "result/app.spec")]
    run(["rpmbuild", "-bs", *words])
    assert rebuilt(tmp_path / "app-1.0-1.src.rpm", tmp_path / "top", expected) == expected
