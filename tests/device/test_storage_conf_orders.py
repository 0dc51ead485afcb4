"""Several packages, in every order of erasing, with an administrator's edit in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, permutations, product
from typing import Any

import pytest

from tests.device.scenario import ETC, VENDOR, Outcome, Scenario, add, play_under, remove
from tests.device.shells import DIAGONAL, Combination
from tests.device.storage_confs import (
    CONTENTS,
    DEFAULTS,
    RHEL_9,
    RHEL_10,
    parsed,
    stores_of,
)

A, B, C = STORES = ("/usr/lib/a", "/usr/lib/container-images/b", "/usr/share/c")
MINE = "/var/lib/mine"
FILES: dict[str, dict[str, bytes]] = {
    "nothing": {},
    "rhel-9": {ETC: RHEL_9.encode()},
    "rhel-10": {VENDOR: RHEL_10.encode()},
    "no-table": {ETC: CONTENTS.encode()},
    "one-line": {ETC: b"[storage.options]\r\nadditionalimagestores = [ '/a' ] # x\r\n"},
    "last-without-comma": {ETC: b'[storage.options]\nadditionalimagestores = [\n"/a" # x\n]'},
}


@dataclass(frozen=True)
class Edit:
    """What an administrator does when A and B are there: the command, and its effect."""

    command: str
    effect: Callable[[dict[str, Any]], None]


def add_mine(values: dict[str, Any]) -> None:
    """List MINE."""
    stores_of(values).append(MINE)


def set_size(values: dict[str, Any]) -> None:
    """Set another option."""
    values["storage"]["options"]["size"] = "1"


EDITS = {
    "none": Edit(":", lambda _: None),
    "store": Edit(f'sed -i \'s|["]{B}"|"{MINE}", &|\' {ETC}', add_mine),
    "option": Edit(
        f"sed -i 's/^.storage.options[]].*/&\\nsize = \"1\" # mine/' {ETC}",
        set_size,
    ),
}
CASES = {
    " ".join((files, edit, *(store[-1] for store in order))): (files, edit, order)
    for files, edit, order in product(FILES, EDITS, permutations(STORES))
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Outcome]]:
    """The outcomes of every case, under one of the combinations each."""
    scenarios: dict[Combination, dict[str, Scenario]] = {one: {} for one in DIAGONAL}
    for combination, (name, (files, edit, order)) in zip(cycle(DIAGONAL), CASES.items()):
        steps = (":", add(A), add(B), EDITS[edit].command, add(C), *map(remove, order))
        scenarios[combination][name] = Scenario(FILES[files], steps)
    played = play_under(scenarios, tmp_path_factory.mktemp("played"))
    return {name: outcomes for part in played.values() for name, outcomes in part.items()}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("files", FILES)
def test_any_order_of_erasing(files: str, edit: str, played: dict[str, list[Outcome]]) -> None:
    base = next(iter(FILES[files].values()), DEFAULTS.encode())
    expected = parsed(base)
    EDITS[edit].effect(expected)
    for order in permutations(STORES):
        outcomes = played[" ".join((files, edit, *(store[-1] for store in order)))]
        assert {(outcome.code, outcome.errors) for outcome in outcomes} == {(0, "")}
        start, *_, end = outcomes
        for number, outcome in enumerate(outcomes[4:-1]):
            values = parsed(outcome.content())
            listed = sorted(stores_of(values))
            assert listed == sorted([*stores_of(expected), *order[number:]])
            stores_of(values)[:] = stores_of(expected)
            assert values == expected
        if edit == "none":
            assert end.tree == start.tree
        else:
            assert parsed(end.content()) == expected
