"""The program of devices: its name changes with its content, its number with each release."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from paack.helpers.rpm import device_program as program
from paack.helpers.rpm.device import device_of
from paack.helpers.rpm.device_program import device_program
from paack.helpers.templates import render
from tests.unit.test_spec import package_of

#: Number -> hash, of each release. A program that differs from the last one needs the next number.
RELEASED: dict[int, str] = {}


def test_the_number_is_raised_with_the_first_change_after_a_release() -> None:
    number, digest = device_program().name.split("-")
    last = max(RELEASED, default=0)
    assert int(number) == program.NUMBER
    if RELEASED.get(last) == digest:
        assert last == program.NUMBER
    else:
        assert last + 1 == program.NUMBER


def test_the_name_covers_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    device_program.cache_clear()
    names = {device_program().name}
    for part in ("library/toml", "doctor/main", "repair.service", "greenboot.sh"):

        def changed(template: str, name: str = part) -> str:
            return render(template) + ("# x = 1\nx=1\n" if name in template else "")

        monkeypatch.setattr(program, "render", changed)
        device_program.cache_clear()
        names.add(device_program().name)
    device_program.cache_clear()
    assert len(names) == 5
    assert all(re.fullmatch("[0-9]+-[0-9a-f]{12}", name) for name in names)


@pytest.mark.parametrize(
    ("layers", "names_it", "has_it"),
    [
        ("bundled", True, True),
        ("shared", True, False),
        ("packed", True, False),
        ("program", True, True),
        ("group", False, False),
    ],
)
def test_packages_of_layers_know_nothing_of_it(
    layers: str, names_it: bool, has_it: bool, tmp_path: Path
) -> None:
    """Their names cover all that is in them, and are to stay when the program changes."""
    device = device_of(replace(package_of(tmp_path), layers=layers))
    texts = [file.content for file in device.files] + [*device.scriptlets.values()]
    named = any(device_program().name in text for text in texts)
    assert named == names_it
    assert any(file.shared for file in device.files) == has_it
