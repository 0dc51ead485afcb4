"""Random TOML files come through add and remove unharmed, and with the entry in between."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import String

from tests.device.scenario import ETC, Scenario, add, play, remove
from tests.device.shells import COMBINATIONS, Combination
from tests.device.storage_confs import P, parsed, with_stores

ODD = "]['\"#\\,={}. \t/-+ab\u00e4\u2713\U0001f4e6"
TEXTS = st.text(ODD, max_size=8)
COMMENTS = TEXTS.map(lambda text: f" # {text}\n")
LINES = TEXTS | st.text(ODD + "\n\r\x01\x7f", max_size=12)
SCALARS = (
    st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.datetimes()
    | st.dates()
    | st.times()
)


@st.composite
def strings(draw: st.DrawFn) -> String:
    """A string in one of TOML's four ways to write it."""
    text = draw(LINES)
    literal, multiline = draw(st.tuples(st.booleans(), st.booleans()))
    try:
        return tomlkit.string(text, literal=literal, multiline=multiline)
    except TOMLKitError:
        return tomlkit.string(text)


VALUES = st.recursive(
    SCALARS | strings(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=6,
)


@st.composite
def lists(draw: st.DrawFn) -> str:
    """A list of strings as it may stand in a file."""
    filler = st.sampled_from(["", " ", "\t", "\n", "\n\n  "]) | COMMENTS
    fillers = st.lists(filler, max_size=2).map("".join)
    items = draw(st.lists(strings(), max_size=4))
    last_comma = draw(st.booleans())
    text = "["
    for number, item in enumerate(items):
        comma = "," if last_comma or number < len(items) - 1 else ""
        text += f"{draw(fillers)}{item.as_string()}{draw(fillers)}{comma}"
    return f"{text}{draw(fillers)}]"


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A storage.conf with odd tables, and with or without a list of stores."""
    others = draw(st.dictionaries(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=3), max_size=2))
    options = draw(st.dictionaries(TEXTS, VALUES, max_size=3))
    form = draw(st.sampled_from(["none", "table", "list", "list", "list", "dotted", "inline"]))
    above = tomlkit.dumps(others)
    below = tomlkit.dumps(options)
    listed = f"additionalimagestores = {draw(lists())}"
    key = draw(st.sampled_from(["options", '"options"', " 'options' "]))
    table = f"[ storage.{key} ]{draw(COMMENTS)}"
    text = {
        "none": f"{above}[storage.options.x]\n{below}",
        "table": f"{above}{table}{below}",
        "list": f"{table}{listed}{draw(COMMENTS)}{below}[a]\n{above}",
        "dotted": f"{above}[storage]\noptions.{listed}\n",
        "inline": f"{above}[storage]\noptions = {{ size = '', {listed} }}\n",
    }[form]
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    if draw(st.booleans()):
        text = text.rstrip()
    return text.encode()


def is_toml(text: bytes) -> bool:
    """Return whether tomllib reads it."""
    try:
        tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    return True


def is_inserted_into(shorter: bytes, longer: bytes) -> bool:
    """Return whether `longer` is `shorter` with something inserted."""
    rest = iter(longer)
    return all(byte in rest for byte in shorter)


@given(st.lists(files().filter(is_toml), min_size=1, max_size=12), st.sampled_from(COMBINATIONS))
@settings(max_examples=10, database=None, suppress_health_check=list(HealthCheck))
def test_a_random_file_survives(texts: list[bytes], combination: Combination) -> None:
    scenarios = {
        str(number): Scenario({ETC: text}, (add(P), remove(P))) for number, text in enumerate(texts)
    }
    with tempfile.TemporaryDirectory() as home:
        played = play(scenarios, combination, Path(home, "home"))
    for number, text in enumerate(texts):
        added, removed = played[str(number)]
        assert (added.code, added.errors, removed.code, removed.errors) == (0, "", 0, "")
        assert parsed(added.content()) == with_stores(text, P)
        assert is_inserted_into(text, added.content())
        assert removed.content() == text
