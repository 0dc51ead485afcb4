"""The images that manifests of known shapes need, against lists drawn up by hand.

A case is a directory of cases/: manifests/, expected.txt (IMAGE FILE, one line for each use) and,
where a definition extends the table of custom resources, image-paths.txt.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Paack

CASES = sorted((Path(__file__).parent / "cases").iterdir())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("check")


@functools.cache
def report_of(home: Path, case: Path) -> dict[str, Any]:
    paack = Paack(home)
    extra = case / "image-paths.txt"
    paths = extra.read_text().splitlines() if extra.exists() else []
    lines = [
        f"name: {case.name}",
        "version: '1'",
        "arches: [x86_64]",
        f"manifests: {case / 'manifests'}",
        "manifestPath: /usr/lib/app/manifests",  # not all have a kustomization for MicroShift
    ]
    if paths:
        lines.append("imagePaths: " + json.dumps(paths))
    definition = paack.define("\n".join(lines) + "\n", f"{case.name}.yaml")
    report: dict[str, Any] = json.loads(
        paack.call("check", str(definition), "--json", check=False).stdout
    )
    return report


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_the_images_are_those_on_the_list(home: Path, case: Path) -> None:
    report = report_of(home, case)
    manifests = case / "manifests"
    expected = sorted(line.split() for line in (case / "expected.txt").read_text().splitlines())
    found = [
        [need["image"], Path(need["file"]).relative_to(manifests).as_posix()]
        for need in report["needs"]
    ]
    assert sorted(found) == expected
    assert {each["kind"] for each in report["problems"]} == {"missing"}
    missing = {each["message"].split()[0] for each in report["problems"]}
    assert missing == {image for image, _ in expected}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_each_place_is_the_line_that_names_the_image(home: Path, case: Path) -> None:
    for need in report_of(home, case)["needs"]:
        lines = Path(need["file"]).read_text().splitlines()
        # An entry of a kustomization's `images` has name and version on lines of their own; a
        # block has its values below its key.
        near = "\n".join(lines[need["line"] - 1 : need["line"] + 3])
        repository, _, version = need["image"].replace("@", ":", 1).partition(":")
        assert need["line"] > 0
        assert need["image"] in near or (repository in near and version in near)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 10
