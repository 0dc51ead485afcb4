"""The build time that SOURCE_DATE_EPOCH gives, and what is none."""

from __future__ import annotations

import pytest

from paack.helpers.errors import UsageError
from paack.helpers.plan.build_time import FLOOR, LIMIT, build_time


@pytest.mark.parametrize(
    ("given", "time"),
    [
        (None, FLOOR),
        ("0", FLOOR),
        ("1700000000", 1_700_000_000),
        ("1767355200", 1_767_355_199),  # noon
        ("9" * 20, LIMIT),
    ],
)
def test_times(given: str | None, time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if given is not None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    assert build_time([]) == time


@pytest.mark.parametrize("given", ["", "-1", "1.5", "now", " 1", "\u00b2", "9" * 5000])
def test_what_is_no_time(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH is not a number") as caught:
        build_time([])
    assert len(str(caught.value)) < 200
