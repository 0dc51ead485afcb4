"""Manifests that MicroShift would pass over: said by check, until it is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from paack.helpers.definition.definition import load_definition
from paack.helpers.kubernetes.kustomize_paths import unapplied
from tests.support.product import Paack

LIB = "/usr/lib/microshift"
POD = """\
kind: Pod
metadata: {{name: {name}}}
spec: {{containers: [{{name: app, image: "quay.io/acme/app:1"}}]}}
"""


def define(home: Path, path: str | None, files: list[str]) -> Path:
    """Write manifests and a definition that puts them to ``path``."""
    for name in files:
        file = home / "manifests" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("resources: []\n" if "ustom" in name else POD.format(name=file.stem))
    where = f"manifestPath: {path}\n" if path else ""
    text = f"name: app\nversion: '1'\n{where}arches: [x86_64, aarch64]\nmanifests: manifests\n"
    return Paack(home).define(text)


# (manifestPath, files, what is said: (directory, in the message, in the hint))
CASES: dict[str, tuple[str | None, list[str], list[tuple[str, str, str]]]] = {
    "default path": (
        None,
        ["a.yaml", "b.yaml"],
        [("", "no kustom", "resources: [a.yaml, b.yaml]")],
    ),
    "one of manifests.d": (f"{LIB}/manifests.d/app", ["a.yaml"], [("", "no kustom", "[a.yaml]")]),
    "Kustomization": (None, ["a.yaml", "Kustomization"], []),
    "kustomization.yml": (f"{LIB}/manifests.d/app", ["a.yaml", "kustomization.yml"], []),
    "kustomization.yaml": (f"{LIB}/manifests", ["b/a.yaml", "kustomization.yaml"], []),
    "another program's": ("/usr/lib/app/manifests", ["a.yaml"], []),
    "alike": (f"{LIB}/manifests.dir/app", ["a.yaml"], []),
    "one directory for each app": (f"{LIB}/manifests.d", ["a/x.yaml", "a/Kustomization"], []),
    "one of them": (
        f"{LIB}/manifests.d",
        ["a/x.yaml", "a/kustomization.yaml", "b/y.yaml"],
        [("b", "no kustom", "[y.yaml]")],
    ),
    "all of MicroShift's": (
        LIB,
        ["manifests.d/a/x.yaml"],
        [("manifests.d/a", "no ku", "[x.yaml]")],
    ),
    "only further below": (
        None,
        ["a.yaml", "sub/b.yaml", "sub/kustomization.yaml"],
        [("", "no kustom", "[a.yaml, sub]")],
    ),
    "too far below": (
        f"{LIB}/manifests.d/app/more",
        ["a.yaml", "kustomization.yaml"],
        [("", f"look into {LIB}/manifests.d/app/more", f"{LIB}/manifests.d/app, unless")],
    ),
    "below manifests": (f"{LIB}/manifests/app", ["a.yaml"], [("", "look into", "manifests.d/app")]),
    "not far enough": (f"{LIB}/manifests.d", ["a.yaml"], [("", "look into", "manifests.d/app")]),
    "deleted": (f"{LIB}/manifests.d/delete/app", ["a.yaml", "kustomization.yaml"], []),
    "deleted, too": (
        None,
        ["a.yaml", "kustomization.yaml", "delete/b.yaml", "delete/kustomization.yaml"],
        [],
    ),
    "not a plain name": (None, ["@a.yaml"], [("", "no kustom", "['@a.yaml']")]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_microshift_passes_over(tmp_path: Path, case: str) -> None:
    path, files, expected = CASES[case]
    found = list(unapplied(load_definition(define(tmp_path, path, files))))
    assert len(found) == len(expected)
    for error, (directory, message, hint) in zip(found, expected, strict=True):
        assert error.place is not None
        assert error.place.file == tmp_path / "manifests" / directory
        assert message in error.message
        assert hint in str(error.hint)


def test_the_hint_mends_it(tmp_path: Path) -> None:
    define(tmp_path, None, ["a.yaml", "more/b.yaml"])
    paack = Paack(tmp_path)
    said = paack.call("check", "app.yaml", check=False).stdout.splitlines()
    start = "  hint: write manifests/kustomization.yaml with the line: "
    warning = (
        "manifests: warning: holds no kustomization.yaml: MicroShift would apply nothing of it"
    )
    assert said[said.index(warning) + 1].startswith(start)
    (line,) = [each.removeprefix(start) for each in said if each.startswith(start)]
    (tmp_path / "manifests" / "kustomization.yaml").write_text(f"{line}\n")
    done = paack.call("check", "app.yaml", check=False)
    assert "warning" not in done.stdout
    places = [
        each.split(": ")[0]
        for each in paack.call("check", "app.yaml", "--why", "quay.io/acme/app").stdout.splitlines()
    ]
    assert places == ["manifests/a.yaml:3", "manifests/more/b.yaml:3"]
