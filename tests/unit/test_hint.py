"""Hints: commands that can be pasted, whatever names are in them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers import hint
from paack.helpers.hint import command, set_wording, worded


@pytest.fixture(autouse=True)
def no_wording(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(hint, "_wordings", [])
    yield


@given(st.text(st.characters(exclude_characters="`"), min_size=1))
def test_a_command_can_be_pasted(name: str) -> None:
    said = worded(f"do {command('lock', def_=name, update=True)}   (now)")
    words = shlex.split(said.removeprefix("do ").removesuffix("   (now)"))
    assert words == ["paack", "lock", "--def", name, "--update"]


def test_values_and_flags() -> None:
    made = command("repo.verify", where=Path("a"), key=("b", "c"), passphrase_fd=3)
    assert made == "`paack repo.verify --where a --key b --key c --passphrase-fd 3`"


def test_other_commands_stay_as_they_are() -> None:
    assert worded("try `podman run`, `paack check`") == "try `podman run`, paack check"


def test_the_edge_has_its_own_words() -> None:
    set_wording(str.upper)
    set_wording(str.title)
    assert worded("see there") == "See There"
