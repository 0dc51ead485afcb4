"""check --add: missing images go into the definition; everything else in it stays, to the byte."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from paack.helpers.definition.definition import load_definition
from tests.support.product import Paack

POD = "kind: Pod\nspec:\n  containers:\n  - {name: a, image: quay.io/acme/new:1}\n"
NEW = "quay.io/acme/new:1"

#: (what it is, the definition, the lines that are added)
DEFINITIONS = [
    (
        "a list with comments",
        """\
# Ours.
packages:
  - name: app   # the name
    version: '1'
    arches: [x86_64, aarch64]
    manifests: m
    images:   # in use
      - quay.io/acme/old:1  # keep

      # the last one
      - source: oci:./layout:x
        name: quay.io/acme/mapped:1   # as a mapping

    # about the licence
    license: "MIT"
""",
        [f"      - {NEW}"],
    ),
    (
        "a list that is not indented, at the end, without a line end",
        "name: app\nversion: '1'\narches: [x86_64]\nmanifests: m\nimages:\n- quay.io/acme/old:1",
        [f"- {NEW}"],
    ),
    (
        "no list at all",
        "packages:\n- name: app\n  version: '1'\n  arches: [x86_64]\n  manifests: m\n# the end\n",
        ["  images:", f"    - {NEW}"],
    ),
    (
        "a list that is empty",
        "name: app\nversion: '1'\narches: [x86_64]\nimages:   # none yet\nmanifests: m\n",
        [f"  - {NEW}"],
    ),
    (
        "a list for each arch, in the first paack's format",
        "packages:\n- name: app\n  version: '1'\n  arch:\n"
        "  - name: x86_64\n    images:\n      - quay.io/acme/old:1 # x\n    manifests: m\n"
        "  - name: aarch64\n    images: \n      - quay.io/acme/old:1 # a\n    manifests: m\n",
        [f"      - {NEW}", f"      - {NEW}"],
    ),
    (
        "a description of many lines at the end",
        "name: app\nversion: '1'\narches: [x86_64]\nmanifests: m\n"
        "description: |\n  One.\n\n  Two.\n",
        ["images:", f"  - {NEW}"],
    ),
]


@pytest.fixture
def paack(tmp_path: Path) -> Paack:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "pod.yaml").write_text(POD)
    return Paack(tmp_path)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(
    ("text", "added"), [case[1:] for case in DEFINITIONS], ids=[case[0] for case in DEFINITIONS]
)
def test_only_lines_with_the_image_are_new(
    paack: Paack, text: str, added: list[str], line_end: str
) -> None:
    definition = paack.home / "app.yaml"
    definition.write_bytes(text.replace("\n", line_end).encode())
    done = paack.call("check", "app.yaml", "--add", check=False)
    assert f"added {NEW} to app" in done.stderr
    assert "not packaged" not in done.stdout
    before, after = text.splitlines(), definition.read_bytes().decode().splitlines()
    changes = [line for line in difflib.ndiff(before, after) if not line.startswith(("  ", "?"))]
    assert changes == [f"+ {line}" for line in added]
    assert definition.read_bytes().count(b"\r\n") == (len(after) if line_end == "\r\n" else 0)
    loaded = load_definition(definition)
    assert {arch for arch, image in loaded.images() if image.source.text == NEW} == {
        arch.name for package in loaded.packages for arch in package.arches
    }
    assert list(paack.home.glob(".*")) == []


@pytest.mark.parametrize(
    ("images", "wanted"),
    [
        ("[]", f"[{NEW}]"),
        ("[quay.io/acme/old:1]", f"[quay.io/acme/old:1, {NEW}]"),
        ("[ quay.io/acme/old:1, ]", f"[ quay.io/acme/old:1, {NEW} ]"),
        ("[\n  quay.io/acme/old:1\n]", f"[\n  quay.io/acme/old:1, {NEW}\n]"),
    ],
)
def test_lists_in_brackets(paack: Paack, images: str, wanted: str) -> None:
    text = "name: app\nversion: '1'\narches: [x86_64]\nmanifests: m\nimages: %s # end\n"
    definition = paack.define(text % images)
    paack.call("check", "app.yaml", "--add", check=False)
    assert definition.read_text() == text % wanted


def test_nothing_to_add(paack: Paack) -> None:
    text = f"name: app\nversion: '1'\narches: [x86_64]\nmanifests: m\nimages: ['{NEW}']\n"
    definition = paack.define(text)
    done = paack.call("check", "app.yaml", "--add", check=False)
    assert done.returncode == 4
    assert "nothing is missing" in done.stderr
    assert definition.read_text() == text


def test_what_cannot_be_edited_safely_is_left_alone(paack: Paack) -> None:
    text = "{name: app, version: '1', arches: [x86_64], manifests: m}\n"
    definition = paack.define(text)
    done = paack.call("check", "app.yaml", "--add", check=False)
    assert done.returncode == 2
    assert f"add {NEW} by hand" in done.stderr
    assert definition.read_text() == text
    assert list(paack.home.glob(".*")) == []
