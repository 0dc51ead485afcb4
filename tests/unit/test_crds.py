"""Definitions of resources lose their schemas, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.kubernetes.crds import without_schemas
from paack.helpers.kubernetes.images import images_of, read_objects, title_of
from tests.support.crds import crd

CRD = crd("Widget", fields=3)
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: app}
spec:
  containers:
  - image: quay.io/acme/app:1
"""
FILLER = "# " + "-" * 5000 + "\n"
HEAD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"


def images(text: str) -> list[tuple[str, int]]:
    file = Path("a.yaml")
    found = [use for item in read_objects(text, file) for use in images_of(item, file)]
    return [(use.image, use.place.line) for use in found]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_all_but_the_schema_stays_on_its_line(end: str) -> None:
    text = f"---\n{CRD}---\n# a comment\n{CRD.replace('Widget', 'Gadget')}--- # last\n{POD}"
    slim = without_schemas(text.replace("\n", end))
    assert len(slim) < len(text) / 4
    assert slim.count("\n") == text.count("\n")
    assert images(slim) == images(text) == [("quay.io/acme/app:1", text.count("\n"))]
    objects = read_objects(slim, Path("a.yaml"))
    assert [title_of(each).split("/")[0] for each in objects] == [
        *(["CustomResourceDefinition"] * 2),
        "Pod",
    ]
    assert next(iter(yaml.safe_load_all(slim)))["metadata"]["annotations"] == {"made-by": "tests"}


#: Objects that a look at the lines alone would take for definitions of resources.
OTHERS = {
    "in a text": f"kind: ConfigMap\ndata:\n  a: |\n    {HEAD}spec:\n{POD}",
    "in a quoted text": f'kind: Pod\nmetadata: {{name: "\n{HEAD}"}}\nspec: {{}}\n',
    "all keys further right": f' kind: Pod\n metadata: {{name: "\n{HEAD} "}}\n spec: {{}}\n',
    "in a text that is no key": f'"\n{HEAD}spec: x"\n',
    "on the line of ---": f'--- {{kind: Pod, a: "\n{HEAD}spec: x"}}\n',
    "kind comes twice": f'kind: "Pod"\nspec: "\n{HEAD}"\n',
    "another API": HEAD.replace("apiextensions.k8s.io", "example.com") + "spec: {}\n",
    "a list": f"- kind: Pod\n- x\n{HEAD}spec: x\n",
    "other keys": f"{HEAD}spec: {{}}\nother: {{}}\n",
    "other line ends": f"{HEAD}spec: {{}}\rstatus: {{}}\x85metadata: {{}}\n",
    "no YAML": f"{HEAD}spec: [\n",
    "too many brackets": f"{HEAD}spec: {'[' * 20_001}\n",
    "a directive": f"%YAML 1.1\n---\n{HEAD}spec: {{}}\n...\nmore: x\n",
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_none_stays_whole(case: str) -> None:
    text = OTHERS[case] + FILLER
    assert without_schemas(text) == text


def test_small_texts_stay_whole() -> None:
    assert without_schemas(f"{HEAD}spec: {{}}\n") == f"{HEAD}spec: {{}}\n"


LINES = st.lists(
    st.sampled_from(
        [
            *HEAD.splitlines(),
            *POD.splitlines(),
            *(
                "---",
                "--- |",
                "spec:",
                "spec: |",
                'spec: "',
                "status: '",
                '"',
                "'",
                "  - x",
                "#",
                "",
            ),
            *("  kind: Pod", "metadata: {", "}", "a: b", "...", "kind:", "? x", ": y", "spec: &a"),
        ]
    ),
    max_size=14,
)


def loaded(text: str) -> list[object] | None:
    try:
        return list(yaml.load_all(text, Loader=yaml.BaseLoader))
    except yaml.YAMLError:
        return None


@given(LINES)
def test_only_the_spec_of_definitions_goes(lines: list[str]) -> None:
    text = "\n".join(lines) + "\n" + FILLER
    before, after = loaded(text), loaded(without_schemas(text))
    if before is None:
        assert after is None
        return
    assert after is not None
    for old, new in zip(before, after, strict=True):
        if old != new:
            assert isinstance(old, dict)
            assert isinstance(new, dict)
            assert old["kind"] == "CustomResourceDefinition"
            assert {**old, "spec": None} == {**new, "spec": None}
