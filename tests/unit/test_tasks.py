"""The command line: words and flags, exit codes, what goes to which output."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.context import Context
from invoke.exceptions import Exit

from paack.commands.caller import as_called, from_make
from paack.commands.collection import ns
from paack.commands.command import command
from paack.commands.program import POSITIONAL, arguments_of, arguments_of_tasks, name_positional
from paack.helpers import errors
from paack.helpers.definition.schema import definition_schema
from paack.helpers.hint import command as hint_command
from paack.helpers.run import secret
from tests.support.product import Paack

NAMED = {
    "": "",
    "srpm": "srpm",
    "srpm app.yaml": "srpm --def app.yaml",
    "srpm --def app.yaml": "srpm --def app.yaml",
    "srpm --output out app.yaml": "srpm --output out --def app.yaml",
    "srpm app.yaml --output out": "srpm --def app.yaml --output out",
    "rpm app.yaml centos-stream-9-aarch64": "rpm --def app.yaml --target centos-stream-9-aarch64",
    "rpm app.yaml": "rpm --def app.yaml",
    "rpm --def app.yaml centos-stream-9": "rpm --def app.yaml --target centos-stream-9",
    "build app.yaml --arch x86_64": "build --def app.yaml --arch x86_64",
    "lock app.yaml --update": "lock --def app.yaml --update",
    "lock lock": "lock --def lock",
    "lock build": "lock --def build",
    "lock --def build": "lock --def build",
    "schema": "schema",
    "--help lock": "--help lock",
    "--help=lock": "--help=lock",
    "--list": "--list",
    "srpm app.yaml extra": "srpm --def app.yaml extra",
}


@pytest.mark.parametrize("words", NAMED)
def test_words_after_a_task_are_flags(words: str) -> None:
    assert name_positional(["paack", *words.split()]) == ["paack", *NAMED[words].split()]


words = st.sampled_from(
    [
        "lock",
        "srpm",
        "build",
        "rpm",
        "app.yaml",
        "--def",
        "--def=x",
        "--target",
        "--help",
        "-x",
        "y",
    ]
)


@given(st.lists(words, max_size=6))
def test_no_word_is_lost(argv: list[str]) -> None:
    named = name_positional(["paack", *argv])
    rest = iter(named)
    assert all(word in rest for word in ["paack", *argv])
    flags = {flag for positional in POSITIONAL.values() for flag in positional}
    assert len(named) - len(argv) - 1 <= sum(named.count(flag) for flag in flags)


def test_the_program_may_be_called_with_nothing() -> None:
    assert name_positional([]) == []


def test_positional_words_are_of_tasks_that_there_are() -> None:
    for name, flags in POSITIONAL.items():
        task = ns[name]
        known = {flag for argument in arguments_of(task) for flag in argument.names}
        assert {flag.removeprefix("--") for flag in flags} <= known, name


def test_every_task_says_what_it_does() -> None:
    for name in ns.task_names:
        assert ns[name].__doc__, name


def test_every_flag_is_explained() -> None:
    """Once the words are named, too: invoke uses the texts up."""
    name_positional(["paack", "lock", "app.yaml"])
    for name in ns.task_names:
        for argument in arguments_of(ns[name]):
            assert argument.help, f"{name} {argument.name}"
            assert len(argument.names) == 1, "no short flags"


HINT = f"write --def FILE; {hint_command('lock', def_='my app.yaml', update=True)}   (twice)"


@pytest.mark.parametrize(
    ("started", "made", "said"),
    [
        ("paack", "", "write --def FILE; paack lock --def 'my app.yaml' --update   (twice)"),
        (".venv/bin/paack", "", ".venv/bin/paack lock --def 'my app.yaml' --update"),
        ("invoke", "", "; invoke lock --def 'my app.yaml' --update"),
        (".venv/bin/paack", "lock", "write DEF=FILE; make lock 'DEF=my app.yaml' UPDATE=1   (t"),
    ],
)
def test_hints_are_worded_as_the_program_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: str, made: str, said: str
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PAACK_MAKE", made)
    monkeypatch.setattr("sys.argv", [started])
    if "/" not in started:
        for name in ("paack", "invoke"):
            (tmp_path / name).touch(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr("sys.argv", [str(tmp_path / started)])
    assert said in as_called(HINT)


def test_a_task_that_make_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAACK_MAKE", "microshift-containers")
    monkeypatch.setattr("sys.argv", [".venv/bin/paack"])
    hint = f"--sets DIRECTORY, or {hint_command('microshift.lock', version='4.20')}"
    said = "SETS=DIRECTORY, or .venv/bin/paack microshift.lock --version 4.20"
    assert as_called(hint) == said


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ("lock DEF=a.yaml UPDATE=1 REGROUP=0", "lock --def=a.yaml --update"),
        ("build ARCH=x86_64\\ aarch64 NO_CHECK=1", "build --arch=x86_64 --arch=aarch64 --no-check"),
        ("verify RPMS=a.rpm\\ b.rpm", "verify --rpm=a.rpm --rpm=b.rpm"),
        (
            "repo publish SIGN=A TO=x",
            "repo --sign=A publish --to=x --sign=A",
        ),
        ("lock DEF=my\\ app=1.yaml", "lock '--def=my app=1.yaml'"),
    ],
)
def test_variables_of_make_are_options(words: str, made: str) -> None:
    assert from_make(shlex.split(words), arguments_of_tasks()) == shlex.split(made)


def test_version(paack: Paack) -> None:
    assert re.fullmatch(r"paack \d+\.\d+\.\d+\n", paack.call("--version").stdout)


def test_settings_of_invoke_are_not_read(paack: Paack) -> None:
    """Nor can a file that cannot be read stop the program."""
    (paack.home / ".paack.yaml").mkdir()
    paack.environment["HOME"] = str(paack.home)
    assert paack.call("--version").stderr == ""


def test_a_reader_that_has_read_enough(paack: Paack) -> None:
    command, env = paack.command("--list")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(command, env=env, stdout=closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (141, b"")


def run_body(body: Callable[[], None]) -> Exit:
    """Run a task with that body and return how the program would end."""

    def task(_: object) -> None:
        body()

    with pytest.raises(Exit) as caught:
        command()(task)(Context())
    return caught.value


KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, errors.PaackError)
    and kind is not errors.DefinitionErrors
]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_become_messages_and_exit_codes(kind: type[errors.PaackError]) -> None:
    def body() -> None:
        raise kind("it is wrong", hint=f"not {secret('hunter2')}")

    ended = run_body(body)
    assert ended.code == kind.exit_code
    assert ended.message == "error: it is wrong\n  hint: not ********"


def test_a_full_disk_is_no_bug() -> None:
    def body() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/x")

    ended = run_body(body)
    assert ended.code == 10
    assert str(ended.message).startswith("error: /x: No space left on device\n  hint: ")


def test_bugs_are_shown_as_they_are() -> None:
    def body() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file"):
        command()(lambda _: body())(Context())


def test_an_interruption_has_its_code() -> None:
    def body() -> None:
        raise KeyboardInterrupt

    assert run_body(body).code == 130


@pytest.fixture(scope="module")
def paack(tmp_path_factory: pytest.TempPathFactory) -> Paack:
    return Paack(tmp_path_factory.mktemp("tasks"))


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["no-such-task"], 2, "no-such-task"),
        (["lock", "--no-such-flag"], 2, "--no-such-flag"),
        (["lock"], 2, "no definition is named"),
        (["lock", "/nonexistent/app.yaml"], 3, "/nonexistent/app.yaml: cannot be read"),
    ],
)
def test_wrong_usage(paack: Paack, arguments: list[str], status: int, said: str) -> None:
    done = paack.call(*arguments, check=False)
    assert done.returncode == status
    assert said in done.stderr
    assert "hint: " in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_what_is_asked_for_goes_to_stdout(paack: Paack) -> None:
    done = paack.call("schema")
    assert json.loads(done.stdout) == definition_schema()
    assert done.stderr == ""
    listed = paack.call("--list").stdout
    assert all(name in listed for name in ("lock", "srpm", "build", "demo", "schema"))
