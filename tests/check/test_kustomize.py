"""What kustomize and kubectl say when they fail: all of it, and nothing of their logs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.errors import DefinitionError, PaackError, Place
from paack.helpers.kubernetes.kustomize import error_text, render
from paack.helpers.kubernetes.needs import uses_in
from tests.support.crds import crd

KLOG = 'E1129 06:25:56.367899    3198 run.go:72] "command failed" '
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\n"
#: (kustomization, what is said of it, whichever program renders)
WRONG = {
    "many lines": (
        "resources: [app.yaml]\npatches:\n- patch: 'foo: ['\n  target: {kind: Pod}\n",
        ["foo: [", "kind: Pod", "unable to parse SM or JSON patch"],
    ),
    "one line": (
        "resources: [app.yaml]\nimages: 3\n",
        ["invalid Kustomization: json: cannot unmarshal number into Go struct field"],
    ),
    "quotes": (
        'resources: [app.yaml, "no\'thing.yaml"]\n',
        ["accumulation err='accumulating resources from 'no'thing.yaml':"],
    ),
    "a warning first": (
        "resources: [app.yaml]\nreplacements: [{targets: []}]\n"
        "vars: [{name: X, objref: {kind: Pod, name: app, apiVersion: v1}}]\n",
        ["'vars' is deprecated", "replacements must specify a source"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("program", ["kustomize", "kubectl"])
def test_what_the_program_says_is_shown_whole(
    name: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / program).symlink_to(path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    text, said = WRONG[name]
    (tmp_path / "kustomization.yaml").write_text(text)
    (tmp_path / "app.yaml").write_text(POD)
    with pytest.raises(DefinitionError) as caught:
        render(tmp_path)
    message = caught.value.message
    assert message.startswith("cannot be rendered: ")
    assert [part for part in said if part not in message] == []
    for noise in ("run.go", "command failed", "err=<", "Error: ", "\t", "\\n", " >"):
        assert noise not in message


@pytest.mark.parametrize(
    ("stderr", "shown"),
    [
        ("", ""),
        ("Error: accumulating resources\n", "accumulating resources"),
        ("error: unknown command\n", "unknown command"),
        ("2026/11/29 06:25:56 well-defined vars\nError: no\n", "\n  | well-defined vars\n  | no"),
        (KLOG + 'err="a \\"quoted\\" \\u2028 name"\n', 'a "quoted" \u2028 name'),
        (KLOG + "err=<\n\tone\n\t  two\n\t\n\t3\n >\n", "\n  | one\n  |   two\n  | \n  | 3"),
        ("W1129 06:25:56.367899    3198 x.go:1] something else\n", "something else"),
        (KLOG + "err=<\n\tnever ends\n", '\n  | "command failed" err=<\n  | \tnever ends'),
    ],
)
def test_the_log_is_taken_off(stderr: str, shown: str) -> None:
    assert error_text(stderr) == shown


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])))
def test_a_quoted_error_is_what_was_quoted(text: str) -> None:
    """JSON's quoting of such texts is Go's, but for characters outside of the first plane."""
    quoted = json.dumps(text, ensure_ascii=False)
    assert error_text(f"{KLOG}err={quoted}\n") == text.strip()


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]))))
def test_a_block_is_what_was_logged(lines: list[str]) -> None:
    block = "".join(f"\t{line}\n" for line in ["first", *lines, "last"])
    shown = error_text(f"{KLOG}err=<\n{block} >\n")
    assert shown.splitlines()[1:] == [f"  | {line}" for line in ["first", *lines, "last"]]


OVERLAY = {
    "kustomization.yaml": "resources: [crd.yaml, app.yaml]\nimages: [{name: app, newTag: '2'}]\n",
    "app.yaml": "kind: Pod\napiVersion: v1\nmetadata: {name: app}\n"
    "spec: {containers: [{name: app, image: app}]}\n",
}


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("", "app:2"),
        # Only with the schema there is something to replace.
        ("/spec/versions/0/schema/openAPIV3Schema/description", "app:2"),
        ("/spec/no/such/thing", ""),
    ],
)
def test_large_definitions_of_resources_do_not_matter(
    patch: str, said: str, tmp_path: Path
) -> None:
    files = dict(OVERLAY, **{"crd.yaml": crd("Widget", fields=6)})
    if patch:
        operation = f'[{{"op": "replace", "path": "{patch}", "value": "x"}}]'
        target = "{kind: CustomResourceDefinition}"
        files["kustomization.yaml"] += f"patches: [{{target: {target}, patch: '{operation}'}}]\n"
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    problems: list[PaackError] = []
    uses = [(use.image, use.place) for use in uses_in(tmp_path, problems)]
    if "no" in patch:
        assert not uses
        assert [each.place for each in problems] == [Place(tmp_path / "kustomization.yaml")]
        assert str(tmp_path) in str(problems[0].hint)
    else:
        assert uses == [(said, Place(tmp_path / "kustomization.yaml", 2))]
        assert not problems
