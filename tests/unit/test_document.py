"""YAML read into dataclasses: lines, all problems at once, and documents made to do harm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.document import Located, Problems, Text, bind, key, load, suggest, yaml_fields
from paack.helpers.errors import DefinitionError, DefinitionErrors


@dataclass(frozen=True)
class Inner:
    """A mapping in a list."""

    name: str = key("Name", required=True, example="x", default="")
    kind: str = key("Kind", choices=("red", "green"), default="red")
    line: int = 0


@dataclass(frozen=True)
class Outer:
    """A document."""

    title: str = key("Title", required=True, pattern="[a-z]+", hint="small letters", default="")
    note: str | None = key("Note", block=True)
    where: Text | None = key("Where", name="whereTo")
    numbers: tuple[str, ...] = key("Numbers", pattern="[0-9.]+", default=())
    things: tuple[Text | Inner, ...] = key("Things", default=())
    odd: str | None = key("Odd", refused=(("^x", "begins with x"), ("y$", "ends with y")))
    line: int = 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a.yaml"


def read(file: Path, text: str) -> Outer | None:
    """Load and bind a document; raise DefinitionErrors."""
    file.write_text(text, "utf-8")
    problems = Problems(file)
    bound = bind(Outer, load(file), problems)
    problems.check()
    return bound


def problems_of(file: Path, text: str) -> list[str]:
    """Return the problems of a document, without its name."""
    with pytest.raises(DefinitionError) as caught:
        read(file, text)
    found = getattr(caught.value, "problems", [caught.value])
    return [str(each).removeprefix(f"{file}:").replace("\n  hint: ", " | ") for each in found]


def test_values_and_their_lines(file: Path) -> None:
    bound = read(
        file,
        "# a comment\n"
        "title: abc\n"
        "note: |\n"
        "  one\n"
        "  two\n"
        "whereTo:\n"
        "  somewhere\n"
        "numbers: [1, 1.10]\n"
        "things:\n"
        "- plain\n"
        "-\n"
        "  name: inner\n"
        "  kind: green\n",
    )
    assert bound == Outer(
        title="abc",
        note="one\ntwo\n",
        where=Text("somewhere", 6),
        numbers=("1", "1.10"),
        things=(Text("plain", 10), Inner("inner", "green", 12)),
        line=2,
    )
    assert bound.where is not None
    assert bound.where.line == 6
    assert [thing.line for thing in bound.things] == [10, 12]


@pytest.mark.parametrize(
    "scalar",
    [
        "1.10",
        "1e3",
        "0x1F",
        "010",
        "yes",
        "No",
        "on",
        "true",
        "12:30:45",
        "2024-05-06",
        ".inf",
        "1_000",
    ],
)
def test_scalars_are_taken_as_they_are_written(file: Path, scalar: str) -> None:
    for written in (scalar, f"'{scalar}'", f'"{scalar}"', f"!!str {scalar}", f"!!int '{scalar}'"):
        bound = read(file, f"title: a\nnote: {written}\n")
        assert bound is not None
        assert bound.note == scalar


@pytest.mark.parametrize("null", ["", "~", "null", "Null", "NULL", "!!null x"])
def test_a_key_without_a_value_is_left_out(file: Path, null: str) -> None:
    assert read(file, f"title: a\nnote: {null}\n") == Outer(title="a", line=1)
    assert problems_of(file, f"note: x\ntitle: {null}\n") == ["1: the document: 'title' is missing"]
    assert read(file, "title: a\nnote: 'null'\n") == Outer(title="a", note="null", line=1)


def test_all_problems_come_at_once_in_the_order_of_lines(file: Path) -> None:
    text = (
        "titel: abc\n"
        "note: {a: b}\n"
        "numbers:\n"
        "- 1\n"
        "- one\n"
        "- [2]\n"
        "things:\n"
        "- nam: x\n"
        "- name: x\n"
        "  kind: gren\n"
        "- []\n"
        "- null\n"
        'odd: "x\\ty"\n'
    )
    assert problems_of(file, text) == [
        "1: titel: unknown key | did you mean 'title'?",
        "1: the document: 'title' is missing",
        "2: note must be a text",
        "5: numbers[1]: 'one' is not valid",
        "6: numbers[2] must be a text",
        "8: things[0].nam: unknown key | did you mean 'name'?",
        "8: things[0]: 'name' is missing | for example name: x",
        "10: things[1].kind: 'gren' is not known | did you mean 'green'?",
        "11: things[2] must be a text or a mapping",
        "12: things[3] must be a text or a mapping",
        "13: odd must be one line",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("title: ABC\n", "1: title: 'ABC' is not valid | small letters"),
        ("title: a\nodd: xy\n", "2: odd begins with x"),
        ("title: a\nodd: zy\n", "2: odd ends with y"),
        ("title: a\nnumbers: 1\n", "2: numbers must be a list | write numbers: [1]"),
        ("title: a\nthings: {name: x}\n", "2: things must be a list"),
        ("title: [a]\n", "1: title must be a text"),
        ("- title: a\n", "1: the document must be a mapping"),
        ("just a text\n", "1: the document must be a mapping"),
        (
            "title: a\nxyzzy: b\n",
            "2: xyzzy: unknown key | one of: title, note, whereTo, numbers, things, odd",
        ),
        (
            "title: a\nline: 7\n",
            "2: line: unknown key | one of: title, note, whereTo, numbers, things, odd",
        ),
        ("title: a\nwhere: x\n", "2: where: unknown key | did you mean 'whereTo'?"),
        ("title: a\ntitle: b\n", "2: 'title' comes twice | remove one of them"),
        ("title: a\nthings:\n- name: a\n  name: b\n", "4: 'name' comes twice | remove one of them"),
    ],
)
def test_a_problem_has_its_line_and_a_hint(file: Path, text: str, problem: str) -> None:
    assert problems_of(file, text) == [problem]


@pytest.mark.parametrize(
    "character",
    ["\\0", "\\x01", "\\x0b", "\\r", "\\e", "\\x7f", "\\N", "\\L", "\\P", "\\ud800", "\\udfff"],
)
def test_control_characters_and_half_ones_are_refused(file: Path, character: str) -> None:
    for field in ("note", "odd"):
        (problem,) = problems_of(file, f'title: a\n{field}: "b{character}c"\n')
        assert problem.startswith(f"2: {field}: control character ")


def test_only_a_block_has_lines_and_tabs(file: Path) -> None:
    bound = read(file, 'title: a\nnote: "b\\tc\\nd"\n')
    assert bound is not None
    assert bound.note == "b\tc\nd"


UNREADABLE = {
    "empty": (b"", "is empty"),
    "only a comment": (b"# nothing\n", "is empty"),
    "not UTF-8": (b"title: \xff\n", "is not UTF-8"),
    "UTF-16": ("title: a\n".encode("utf-16"), "is not UTF-8"),
    "two documents": (b"title: a\n---\ntitle: b\n", "is not YAML"),
    "tab": (b"title:\n\t- a\n", "is not YAML"),
    "open bracket": (b"title: [\n", "is not YAML"),
    "open quote": (b"title: 'a\n", "is not YAML"),
    "unknown alias": (b"title: *a\n", "is not YAML"),
    "same anchor twice": (b"title: &a x\nnote: &a [\n", "is not YAML"),
    "control character": (b"title: \x01\n", "is not YAML"),
    "directive": (b"%YAML 9.9\n---\ntitle: a\n", "is not YAML"),
    "key is a list": (b"? [a]\n: b\n", "a key must be a text"),
    "key is a mapping": (b"? {a: b}\n: c\n", "a key must be a text"),
    "deep": (b"title: " + b"[" * 40 + b"]" * 40, "is nested too deeply"),
    "very deep": (b"[" * 20_000 + b"]" * 20_000, "is nested too deeply"),
    "very deep mapping": (b"{a: " * 20_000 + b"}" * 20_000, "is nested too deeply"),
    "deep by indentation": (
        b"\n".join(b" " * depth + b"a:" for depth in range(1500)),
        "is nested too deeply",
    ),
    "recursive list": (b"title: &a [*a]\n", "is nested too deeply"),
    "recursive mapping": (b"&a\ntitle: *a\n", "is nested too deeply"),
    "mutually recursive": (
        b"title: &a\n  note: &b\n    things: [*a, *b]\n",
        "is nested too deeply",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_one_problem(file: Path, case: str) -> None:
    content, message = UNREADABLE[case]
    file.write_bytes(content)
    with pytest.raises(DefinitionError, match=message) as caught:
        load(file)
    assert caught.value.exit_code == 3
    assert caught.value.place is not None
    assert caught.value.place.file == file


def test_a_billion_laughs_end(file: Path) -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    for number in range(1, 10):
        aliases = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"a{number}: &a{number} [{aliases}]")
    file.write_text("\n".join(lines))
    with pytest.raises(DefinitionError, match="too large"):
        load(file)


def test_anchors_spare_writing(file: Path) -> None:
    bound = read(file, "title: abc\nthings:\n- &one {name: x}\n- *one\n- &two y\n- *two\n")
    assert bound is not None
    assert bound.things == (Inner("x", line=3), Inner("x", line=3), "y", "y")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.yaml", tmp_path):
        with pytest.raises(DefinitionError, match="cannot be read") as caught:
            load(path)
        assert caught.value.hint


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
keys = st.sampled_from(list(yaml_fields(Outer)))


@given(st.dictionaries(keys, anything, max_size=4))
def test_any_document_is_read_or_has_problems(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    try:
        bound = read(file, yaml.safe_dump(document, allow_unicode=True))
    except DefinitionErrors as error:
        assert error.problems
        assert all(each.place and each.place.line > 0 for each in error.problems)
    else:
        assert isinstance(bound, Outer)


@given(st.text(max_size=60) | st.text("[]{}:-,#&*!|>'\"%@` \nab", max_size=60))
def test_any_text_is_read_or_is_a_problem(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert isinstance(load(file), Located)
    except DefinitionError as error:
        assert str(error).startswith(str(file))


def test_suggestions() -> None:
    assert suggest("imags", ("images", "name")) == "did you mean 'images'?"
    assert suggest("zzz", ("images", "name")) == "one of: images, name"
