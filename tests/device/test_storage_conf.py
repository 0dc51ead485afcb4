"""paack's edit of storage.conf, under every shell and awk, beside tomlkit's of the same file."""

from __future__ import annotations

import posixpath
from typing import Any

import pytest
import tomlkit

from tests.device.refused_storage_confs import BROKEN, UNUSABLE
from tests.device.scenario import (
    ETC,
    LIBRARY,
    VENDOR,
    Outcome,
    Outcomes,
    Scenario,
    add,
    play_under,
    remove,
)
from tests.device.shells import COMBINATIONS, Combination
from tests.device.storage_confs import (
    CONTENTS,
    HEADER,
    OPTIONS,
    SHAPES,
    P,
    Q,
    Shape,
    parsed,
    stores_of,
    with_stores,
)
from tests.support.commands import run
from tests.support.thorough import THOROUGH

NOTHING = ":"
STEPS = (NOTHING, add(P), add(P), add(Q), remove(P), remove(Q), remove(Q))
#: tomlkit 0.15 loses the new entry, or puts the comma into a comment.
TOMLKIT_IS_WRONG = {"list-comments-between", "no-list-dotted"}
UNEDITABLE = {**BROKEN, **UNUSABLE}


def _removal(before: str, after: str) -> tuple[bytes, bytes]:
    text = f"{CONTENTS}{OPTIONS}additionalimagestores = %s\n"
    return (text % before).encode(), (text % after).encode()


#: Lists that have `P` already, and what is left of them without it.
REMOVALS = {
    "only": _removal(f'["{P}"]', "[]"),
    "only-blanks": _removal(f'[ "{P}" ]', "[ ]"),
    "only-comma": _removal(f'["{P}",]', "[]"),
    "only-row": _removal(f"[\n  '{P}'\n]", "[\n]"),
    "only-row-commented": _removal(f'[\n  "{P}", # mine\n]', "[\n  # mine\n]"),
    "first": _removal(f'["{P}", "/b"]', '["/b"]'),
    "first-rows": _removal(f'["{P}"\n,\n"/b"]', '[\n\n"/b"]'),
    "first-in-its-row": _removal(f'[\n  "{P}", "/b"]', '[\n  "/b"]'),
    "middle": _removal(f'["/a" , "{P}", "/b" ]', '["/a" , "/b" ]'),
    "middle-row": _removal(f'[\n"/a",\n\t"{P}"  ,\t\n"/b"]', '[\n"/a",\n"/b"]'),
    "middle-in-its-row": _removal(f'["/a",\n "{P}", "/b"]', '["/a",\n "/b"]'),
    "last": _removal(f'[ "/a", "{P}" ]', '[ "/a" ]'),
    "last-row": _removal(f'[\n"/a", # x\n"{P}"\n]', '[\n"/a" # x\n]'),
    "last-row-with-bracket": _removal(f'["/a",\n "{P}"]', '["/a"\n ]'),
    "last-comma-first": _removal(f'[\n "/a"\n , "{P}"\n]', '[\n "/a"\n \n]'),
    "last-commented": _removal(
        f'["/a" # x\n, # y\n"{P}" # z\n# , ]\n]', '["/a" # x\n # y\n # z\n# , ]\n]'
    ),
    "comma-behind-a-comment": _removal(f'["{P}" # x\n , # y\n"/b"]', '[# x\n  # y\n"/b"]'),
    "twice": _removal(f'["/a", "{P}", "{P}", "/b"]', '["/a", "/b"]'),
    "three-times": _removal(f"['{P}', \"{P}/\", \"/b\", '''{P}''']", '["/b"]'),
    "not-clean": _removal(f'["/.{P.replace("/", "//")}/x/../"]', "[]"),
    "on-two-rows": _removal(f'["""\n{P}""", "/b"]', '["/b"]'),
    "on-rows-of-its-own": _removal(f'[\n"""{P[:8]}\\\n  {P[8:]}""",\n"/b"]', '[\n"/b"]'),
    "escaped": _removal(f'["\\u002f\\U00000075{P[2:]}"]', "[]"),
    "with-a-table": _removal(f'["{P}", {{append=true}}]', "[{append=true}]"),
    "vfs": (
        f'storage={{driver="vfs",options={{additionalimagestores=["{P}"]}}}}\n'.encode(),
        b'storage={driver="vfs",options={additionalimagestores=[]}}\n',
    ),
}


def by_tomlkit(text: bytes, *stores: str) -> dict[str, Any]:
    """Return the values of what tomlkit writes when it adds `stores` to the TOML text."""
    document = tomlkit.parse(text.decode())
    options = document.setdefault("storage", {}).setdefault("options", {})
    options.setdefault("additionalimagestores", []).extend(stores)
    return parsed(tomlkit.dumps(document).encode())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[Combination, Outcomes]:
    """All outcomes, by combination."""
    shapes = {
        f"shape {name}": Scenario({VENDOR if shape.vendor else ETC: shape.before}, STEPS)
        for name, shape in SHAPES.items()
    }
    uneditable = {
        f"uneditable {name}": Scenario({ETC: text}, (NOTHING, add(P), remove(P)))
        for name, (text, _) in UNEDITABLE.items()
    }
    removals = {
        f"removal {name}": Scenario({ETC: before}, (NOTHING, add(P), remove(P)))
        for name, (before, _) in REMOVALS.items()
    }
    scenarios = {**shapes, **uneditable, **removals}
    # Each under one shell and awk; thorough tests play all under all.
    step = 1 if THOROUGH else len(COMBINATIONS)
    turns = {
        combination: dict([*scenarios.items()][number % step :: step])
        for number, combination in enumerate(COMBINATIONS)
    }
    return play_under(turns, tmp_path_factory.mktemp("played"))


@pytest.fixture(params=COMBINATIONS, ids=str)
def results(request: pytest.FixtureRequest, played: dict[Combination, Outcomes]) -> Outcomes:
    return played[request.param]


def faults_of_shape(name: str, shape: Shape, outcomes: list[Outcome]) -> list[str]:
    """Return what is wrong with the outcomes of STEPS."""
    start, with_p, same, with_both, with_q, end, still = outcomes
    texts = [outcome.content() for outcome in (with_p, with_both, with_q)]
    if shape.vendor:
        texts = [HEADER.sub(b"", text) for text in texts]
    values = [parsed(text) for text in texts]
    expected = [with_stores(shape.before, *stores) for stores in ((P,), (P, Q), (Q,))]
    checks = {
        "codes": all(outcome.code == 0 for outcome in outcomes),
        "messages": not any(outcome.errors or outcome.output for outcome in outcomes),
        "text": texts[0] == shape.after,
        "values": values == expected,
        "tomlkit": name in TOMLKIT_IS_WRONG or values[1] == by_tomlkit(shape.before, P, Q),
        "added twice": same.tree == with_p.tree,
        "removed": end.tree == start.tree,
        "removed twice": still.tree == end.tree,
    }
    return [check for check, fine in checks.items() if not fine]


def test_every_shape_gets_the_entry_and_nothing_else(results: Outcomes) -> None:
    faults = {
        name: faults_of_shape(name, shape, results[f"shape {name}"])
        for name, shape in SHAPES.items()
        if f"shape {name}" in results
    }
    assert {name: found for name, found in faults.items() if found} == {}


def test_what_cannot_be_edited_is_left_alone(results: Outcomes) -> None:
    faults = {}
    for name, (_, reason) in UNEDITABLE.items():
        if f"uneditable {name}" not in results:
            continue
        start, added, removed = results[f"uneditable {name}"]
        fine = (
            (added.code, removed.code) == (0, 0)
            and added.tree == removed.tree == start.tree
            and f"{P} is not listed in " in added.errors
            and reason in added.errors
            and removed.errors == ""
        )
        if not fine:
            faults[name] = (added, removed)
    assert faults == {}


def test_entries_of_an_administrator_are_kept_once_and_go(results: Outcomes) -> None:
    faults = {}
    for name, (before, after) in REMOVALS.items():
        if f"removal {name}" not in results:
            continue
        start, added, removed = results[f"removal {name}"]
        expected = parsed(before)
        others = [store for store in stores_of(expected) if not is_p(store)]
        ours = len(stores_of(expected)) - len(others)
        stores_of(expected)[:] = others
        fine = (
            (added.code, added.errors, removed.code, removed.errors) == (0, "", 0, "")
            and sum(map(is_p, stores_of(parsed(added.content())))) == 1
            and (added.tree == start.tree) == (ours == 1)
            and removed.content() == after
            and parsed(removed.content()) == expected
        )
        if not fine:
            faults[name] = (added, removed, removed.content())
    assert faults == {}


def is_p(store: object) -> bool:
    """Return whether an item of the list is the path `P`."""
    return isinstance(store, str) and posixpath.normpath(store) == P


def test_the_library_is_checked() -> None:
    """ShellCheck reads it; what only the doctor uses is not its affair."""
    unused = "--exclude=SC2034"
    assert run(["shellcheck", "--shell=sh", unused, str(LIBRARY)]).stdout == ""
