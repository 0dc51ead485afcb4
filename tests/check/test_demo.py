"""check, verify, diff and report on the demo: no registry, in an empty network namespace."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.product import REPOSITORY, Paack
from tests.support.rights import OFFLINE

DEFINITION = "images/demo/demo.yaml"


@pytest.fixture(scope="module")
def paack(tmp_path_factory: pytest.TempPathFactory) -> Paack:
    return Paack(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def rpms(paack: Paack) -> list[Path]:
    alone(paack, "demo", "--output", str(paack.output))
    return sorted((paack.output / "demo").glob("rpms/*/*.rpm"))


def alone(paack: Paack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, env = paack.command(*arguments)
    return run([*OFFLINE, "env", "--chdir", str(REPOSITORY), *command], env=env)


def test_it_is_not_published(paack: Paack, rpms: list[Path]) -> None:
    """What is for devices is in the output directory itself, and the demo is not."""
    assert {path.name for path in paack.output.iterdir()} == {"demo"}
    done = paack.call("repo", "--output", str(paack.output), check=False)
    assert (done.returncode, "there is no RPM in" in done.stderr) == (20, True)


def test_check(paack: Paack) -> None:
    report = json.loads(alone(paack, "check", DEFINITION, "--json").stdout)
    assert [need["image"] for need in report["needs"]] == ["localhost/hello:1.1"]
    # The demo ships an older image, too, to show that layers are shared.
    assert [each["kind"] for each in report["problems"]] == ["unused"]


def test_verify(paack: Paack, rpms: list[Path]) -> None:
    done = alone(paack, "verify", *map(str, rpms), "--output", str(paack.output))
    assert len(rpms) == 2
    assert done.stdout.splitlines() == [
        f"{rpm}: 2 images, 3 layers: as locked, not signed" for rpm in rpms
    ]


def test_diff(paack: Paack, rpms: list[Path]) -> None:
    one, other = rpms
    output = ["--output", str(paack.output), "--json"]
    found = json.loads(alone(paack, "diff", str(one), str(other), *output).stdout)
    assert {each["arch"] for each in found["changes"]} == {"aarch64", "x86_64"}
    assert {each["kind"] for each in found["changes"]} == {"added", "removed"}
    same = alone(paack, "diff", str(one), DEFINITION, "--files", *output)
    assert {each["arch"] for each in json.loads(same.stdout)["changes"]} == {"x86_64"}


def test_report(paack: Paack, rpms: list[Path]) -> None:
    output = ["--output", str(paack.output / "demo"), "--json"]
    (build,) = json.loads(alone(paack, "report", *output).stdout)
    assert [rpm["file"] for rpm in build["rpms"]] == [path.name for path in rpms]
    for rpm, path in zip(build["rpms"], rpms, strict=True):
        assert sum(part["size"] for part in rpm["parts"]) == path.stat().st_size
        # The layer that both images have comes once.
        assert sorted(len(layer["images"]) for layer in rpm["layers"]) == [1, 1, 2]
    page = Path(build["page"])
    assert page == paack.output / "demo" / "reports" / "paack-demo-containers-1.1.0-1.html"
    assert page.read_text().startswith("<!doctype html>")
