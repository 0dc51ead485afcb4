"""Errors: distinct exit codes that the README lists; places and hints in the text."""

from __future__ import annotations

import errno
import inspect
import re
from pathlib import Path

import pytest

from paack.helpers import errors
from paack.helpers.errors import (
    EXIT_CODES,
    DefinitionError,
    DefinitionErrors,
    NoSuchImage,
    PaackError,
    Place,
    RegistryError,
    WrongArch,
)
from tests.support.product import REPOSITORY

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, PaackError) and each is not PaackError
]


def test_every_kind_has_a_code_of_its_own() -> None:
    kinds = [each for each in CLASSES if each.__base__ is PaackError]
    codes = [each.exit_code for each in kinds]
    assert len(set(codes)) == len(codes)
    special = {each: each.__base__ for each in CLASSES if each not in kinds}
    kinds_of: dict[type[PaackError], type[PaackError]] = {
        DefinitionErrors: DefinitionError,
        NoSuchImage: RegistryError,
        WrongArch: RegistryError,
    }
    assert special == kinds_of
    assert set(codes) == EXIT_CODES.keys() - {0, 1, 130}
    assert all(each.__doc__ for each in CLASSES)


def test_the_readme_lists_the_codes() -> None:
    text = " ".join((REPOSITORY / "README.md").read_text("utf-8").split())
    listed = " · ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    assert listed in text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PaackError("wrong"), "wrong"),
        (PaackError("wrong", hint="try this"), "wrong\n  hint: try this"),
        (PaackError("wrong", place=Place(Path("a/b.yaml"), 7)), "a/b.yaml:7: wrong"),
        (PaackError("wrong", place=Place(Path("b.yaml"))), "b.yaml: wrong"),
        (
            PaackError("wrong", place=Place(Path("b"), 1), hint="x"),
            "b:1: wrong\n  hint: x",
        ),
    ],
)
def test_the_text_names_place_and_hint(error: PaackError, text: str) -> None:
    assert str(error) == text


def test_problems_are_shown_in_the_order_of_their_lines() -> None:
    def problem(line: int, message: str) -> DefinitionError:
        return DefinitionError(message, place=Place(Path("a.yaml"), line), hint=f"hint {line}")

    error = DefinitionErrors([problem(20, "x"), problem(3, "y"), problem(3, "a")])
    assert re.findall(r"^a.yaml:(\d+): (\w)", str(error), re.M) == [
        ("3", "y"),
        ("3", "a"),
        ("20", "x"),
    ]
    assert error.exit_code == 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_files_that_cannot_be_written_are_the_users_business(number: int) -> None:
    told = errors.from_os_error(OSError(number, "reason", "/some/file"))
    assert told is not None
    assert told.message == "/some/file: reason"
    assert told.hint is not None
    assert told.exit_code == 10


@pytest.mark.parametrize(
    "error", [OSError("text"), OSError(errno.EBADF, "x"), BrokenPipeError(32, "x")]
)
def test_errors_that_look_like_bugs_are_not_explained_away(error: OSError) -> None:
    assert errors.from_os_error(error) is None
