"""What progress says in words; on terminals: tests/integration/test_progress.py."""

from __future__ import annotations

import pytest

from paack.helpers.progress import Meter, Reporter, count, human, shorten

LABEL = "fetch   registry.example/team/service@sha256:0123 (x86_64)"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (3_900_000_000, "3.9 GB"),
        (5_000_000_000_000, "5000.0 GB"),
    ],
)
def test_human(size: int, text: str) -> None:
    assert human(size) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 layers"), (1, "1 layer"), (2, "2 layers")])
def test_count(number: int, text: str) -> None:
    assert count(number, "layer") == text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (58, LABEL),
        (57, "fetch   …/team/service@sha256:0123 (x86_64)"),
        (42, "fetch   …/service@sha256:0123 (x86_64)"),
        (20, "fetch   …/service@s…"),
        (10, "fetch   ……"),
    ],
)
def test_shorten(width: int, text: str) -> None:
    assert len(text) <= width
    assert shorten(LABEL, width) == text


def test_labels_without_an_image_are_cut() -> None:
    assert shorten("store   12 images (x86_64)", 12) == "store   12 …"


def test_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A step has a line when it is done; what is only under way has none."""
    reporter = Reporter()
    with reporter.showing(), reporter.whole("fetch   x86_64", 30, 2, "image") as parts:
        with parts.step("fetch   one", 10) as meter:
            meter.update(5, "1/2 layers")
            meter.note("2 layers")
        with parts.step("fetch   two", 20):
            pass
        with reporter.busy("lock    2 images") as meter:
            assert isinstance(meter, Meter)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "fetch   one: 2 layers\nfetch   two\n"


def test_a_step_that_fails_has_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter()
    with pytest.raises(ValueError, match="broken"), reporter.step("fetch   one", 10):
        raise ValueError("broken")
    assert capsys.readouterr().err == ""
