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


#: Below ``spec``: kustomize refuses a key that comes twice, so it has to see it.
REPEATED = {
    "a mapping": ["a: 1", "b: 2", "a: 3"],
    "quoted": ["a: 1", '"a": 2'],
    "a blank before the colon": ["a: 1", "a : 2"],
    "quoted, and a blank": ["a: 1", "'a' : 2"],
    "a tab": ["a: 1", "a:\t2"],
    "an escape": ["a: 1", '"\\x61": 2'],
    "a quote in quotes": ["'a''b': 1", "'a''b': 2"],
    "further down": ["x:", "  y:", "    a: 1", "    b: {}", "    a: 1"],
    "around a mapping": ["a:", "  b: 1", "a: 2"],
    "in a list": ["x:", "- a: 1", "  b: 2", "  a: 3"],
    "in lists": ["x:", "- - a: 1", "    a: 3"],
    "after a comment": ["x:  # a comment", "    a: 1", "    a: 2"],
    "around a quoted text": ["  a: '", "b: it''s '", "  a: 1"],
    "in a list, below a quoted text": ["x:", "- '", "a: 1", "  '", "- a: 1", "  a: 2"],
    "below a dash alone": ["x:", "- a: 1", "-", "    b: 1", "    b: 2"],
    "below a dash and a comment": ["x:", "- a: 1", "- # b", "    b: 1", "    b: 2"],
    "around a list": ["a:", "- b: 1", "a: 2"],
    "around a text": ["a: |", "  b: 1", "a: 2"],
    "around a folded text": ["a: >-", "", "  b: 1", "", "a: 2"],
    "after a text": ["x:", "- y: !!str |2", "    b: 1", "  a: 1", "  a: 2"],
    "braces": ["x: {a: 1, a: 2}"],
    "braces on lines": ["x: {", "  a: 1, b: 2,", "  c: 3, c: 4}"],
    "braces in a list": ["- {a: 1, a: 2}"],
    "a bracket": ["x: [", "  {a: 1, a: 2}]"],
    "explicit": ["? a", ": 1", "a: 2"],
    "with a tag": ["x: !!map {a: 1, a: 2}"],
    "with an anchor": ["x: &y {a: 1, a: 2}"],
}


@pytest.mark.parametrize("case", REPEATED)
def test_a_repeated_key_is_seen(case: str) -> None:
    text = "\n".join([HEAD + "spec:", *(f"  {line}" for line in REPEATED[case]), FILLER])
    # libyaml takes tabs, which PyYAML's own parser does not.
    assert repeats(yaml.compose(text, Loader=yaml.CSafeLoader)), "not a case"
    assert without_schemas(text) == text


#: Lines in which something looks like a key that comes twice.
ONCE = {
    "two lists": ["x:", "- a: 1", "- a: 2", "y:", "- a: 1"],
    "two mappings": ["x:", "  a: 1", "y:", "  a: 1"],
    "a text": ["x: |", "  a: 1", "  a: 2", "y: 1"],
    "a text in a list": ["- x: >-  # folded", "    {a: 1}", "    a: 2", "    a: 2", "  y: 1"],
    "a quoted text": ["x: 'has(a)", "    ? 1 : 0", "  a: 1", "  a: 1'", "y: 1"],
    "a plain text": ["x: has(a)", "    ? 1:0", "    {b}", "y: 1"],
    "no mapping": ["x: [a, b]", "y: {}", "z: []", "a: ''"],
}


@pytest.mark.parametrize("case", ONCE)
def test_no_key_is_repeated(case: str) -> None:
    text = "\n".join([HEAD + "spec:", *(f"  {line}" for line in ONCE[case]), FILLER])
    assert not repeats(yaml.compose(text))
    assert without_schemas(text) != text


def test_lists_in_lists_take_no_time() -> None:
    """Their time grows with their number: with its square, this would take an hour."""
    text = f"{HEAD}spec:\n  {'- ' * 200_000}x\n"
    assert without_schemas(text).split() == HEAD.split()


def repeats(node: yaml.Node | None) -> bool:
    """Tell whether a mapping has a key twice."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        return len(keys) != len(set(keys)) or any(repeats(value) for _, value in node.value)
    return isinstance(node, yaml.SequenceNode) and any(map(repeats, node.value))


BELOW = st.lists(
    st.tuples(
        st.integers(1, 4),
        st.sampled_from(
            ["a:", "b:", "a: 1", "'a': 1", "b: |", "b: >-", "- a: 1", "- b:", "- - a:", "-", "- |",
             "c: {a: 1,", "a: 2}", "c: {}", "c: [", "]", "? a", ": 1", "a", "'", 'a: "', "", "#",
             "a :", "'a' : 1"]
        ),
    ),
    max_size=9,
)  # fmt: skip


@given(BELOW)
def test_repeated_keys_are_seen(lines: list[tuple[int, str]]) -> None:
    text = "\n".join([HEAD + "spec:", *("  " * depth + line for depth, line in lines), FILLER])
    try:
        has_repeated = repeats(yaml.compose(text))
    except yaml.YAMLError:
        return
    if has_repeated:
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
