"""Starting processes: echo, secrets, failures, and children that do not do what they should."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from paack.helpers import run as runner
from paack.helpers.errors import BuildError, ToolError
from paack.helpers.run import PACKAGES, Result, feed, mask, require, run, secret, watch
from tests.support.product import REPOSITORY

PYTHON = sys.executable


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(runner, "_secrets", set())
    monkeypatch.delenv("PAACK_QUIET", raising=False)
    yield


def test_gives_back_both_outputs(tmp_path: Path) -> None:
    result = run(
        ["sh", "-c", "pwd; cat; echo $VAR >&2"], cwd=tmp_path, env={"VAR": "x"}, stdin=b"in"
    )
    assert (result.status, result.stdout, result.stderr) == (0, f"{tmp_path}\nin".encode(), "x\n")


def test_a_child_reads_no_terminal_and_says_nothing_translated() -> None:
    assert run(["cat"]).stdout == b""
    assert run(["sh", "-c", "echo $LC_ALL"]).stdout == b"C.UTF-8\n"


def test_what_is_no_utf_8_is_shown_all_the_same() -> None:
    assert run(["printf", r"\377"]).stdout == b"\xff"
    assert run(["sh", "-c", r"printf 'a\377' >&2"]).stderr == "a\ufffd"


def test_commands_are_echoed_so_that_they_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    run(["printf", "%s", "a b", "c'd", "$HOME"])
    (echo,) = capsys.readouterr().err.splitlines()
    assert echo.startswith("$ ")
    again = run(["sh", "-c", echo[2:]], quiet=True)
    assert again.stdout == b"a bc'd$HOME"
    assert capsys.readouterr().err == ""


def test_the_echo_can_be_silenced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAACK_QUIET", "1")
    run(["true"])
    assert capsys.readouterr().err == ""


SECRETS = ["hunter2", "with space", "it's", 'quo"te', "$(id)", "two\nlines", "ünï", "********x"]


@pytest.mark.parametrize("value", SECRETS)
def test_secrets_are_masked_in_echo_and_errors(
    capsys: pytest.CaptureFixture[str], value: str
) -> None:
    assert secret(value) == value
    with pytest.raises(BuildError) as caught:
        run(["sh", "-c", 'printf "%s" "said $1 end" >&2; exit 3', "sh", value])
    shown = str(caught.value) + capsys.readouterr().err + mask(f"text {value} text")
    for form in (value, value.replace("'", "'\"'\"'"), *value.splitlines()):
        assert form not in shown
    assert "said ******** end" in shown
    assert "exit status 3" in shown


def test_of_two_secrets_the_longer_is_masked_first() -> None:
    secret("abc")
    secret("abcdef")
    secret("")
    assert mask("abcdef abc x") == "******** ******** x"


def test_a_failure_is_reported_once_with_the_end_of_what_was_said() -> None:
    script = "for n in $(seq 1 100); do echo line $n >&2; done; exit 9"
    with pytest.raises(BuildError) as caught:
        run(["sh", "-c", script])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("exit status 9: sh -c ")
    assert lines[1:] == [f"  | line {number}" for number in range(81, 101)]
    assert run(["sh", "-c", script], check=False).status == 9


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGKILL, "killed by SIGKILL"), (40, "killed by signal 40")],
)
def test_signals_are_named(number: int, said: str) -> None:
    result = run(["sh", "-c", f"kill -{int(number)} $$"], check=False)
    assert result.explain().startswith(said)


@pytest.mark.parametrize("tool", [*PACKAGES, "some-other-tool"])
def test_a_missing_tool_is_named_with_both_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tool: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    debian, fedora = PACKAGES.get(tool, (tool, tool))
    for start in (require, lambda name: run([name]), lambda name: feed([name], writer(0))):
        with pytest.raises(ToolError) as caught:
            start(tool)
        assert caught.value.message == f"{tool} is not installed"
        assert f"apt-get install {debian} " in str(caught.value.hint)
        assert f"dnf install {fedora})" in str(caught.value.hint)


def test_the_packages_are_those_that_make_deps_installs() -> None:
    script = (REPOSITORY / "tools" / "install-deps").read_text("utf-8")
    rows = re.findall(r"^([a-z0-9.]+) ([a-z0-9-]+) ([a-zA-Z0-9_-]+)$", script, re.M)
    installed = {tool: (debian, fedora) for tool, debian, fedora in rows}
    assert {"skopeo", "mkfs.erofs", "rpmbuild"} <= installed.keys()
    for tool in installed.keys() & PACKAGES.keys():
        assert PACKAGES[tool] == installed[tool]


def writer(size: int) -> Callable[[IO[bytes]], None]:
    def write(out: IO[bytes]) -> None:
        for _ in range(size >> 16):
            out.write(bytes(1 << 16))

    return write


def test_feeds_a_child_to_its_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = feed(["dd", f"of={out}", "status=none"], writer(5 << 20))
    assert (result.status, result.stderr) == (0, "")
    assert out.stat().st_size == 5 << 20


@pytest.mark.parametrize(
    "script",
    ["exit 7", "head -c 100000 >/dev/null; echo why >&2; exit 7", "exec <&-; echo why >&2; exit 7"],
)
@pytest.mark.parametrize("size", [0, 1 << 16, 30 << 20])
def test_a_child_that_ends_early_is_told_by_its_status(script: str, size: int) -> None:
    result = feed(["sh", "-c", script], writer(size))
    assert result.status == 7
    assert result.stderr == ("why\n" if "why" in script else "")


def test_a_child_that_ends_early_is_no_error_of_sendfile() -> None:
    with Path("/dev/zero").open("rb") as zeros:

        def write(out: IO[bytes]) -> None:
            while os.sendfile(out.fileno(), zeros.fileno(), None, 1 << 16):
                pass

        assert feed(["sh", "-c", "exit 7"], write).status == 7


def test_a_child_that_talks_much_is_not_blocked() -> None:
    """More than any pipe holds, before it reads anything."""
    script = "import sys; sys.stderr.write('x' * 3_000_000); sys.stdin.buffer.read(); sys.exit(4)"
    result = feed([PYTHON, "-c", script], writer(3 << 20))
    assert (result.status, len(result.stderr)) == (4, 3_000_000)


def test_a_child_is_killed_when_writing_fails() -> None:
    def ours() -> set[int]:
        entries = Path("/proc/self/task").glob("*/children")
        return {int(child) for entry in entries for child in entry.read_text().split()}

    before = ours()
    children: set[int] = set()

    def write(out: IO[bytes]) -> None:
        out.write(b"x")
        out.flush()
        children.update(ours() - before)
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        feed(["sleep", "1000"], write)
    assert children
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_watches_lines_of_both_outputs() -> None:
    secret("hunter2")
    lines: list[str] = []
    script = "echo one; echo two hunter2 >&2; printf 'three\\377'; exit 5"
    result = watch(["sh", "-c", script], lines.append)
    assert lines == ["one", "two ********", "three\ufffd"]
    assert (result.status, result.stderr) == (5, "\n".join(lines))


def test_what_is_watched_gets_the_time_to_clean_up(tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = f"sleep 1000 & trap 'kill $!; touch {done}; exit' TERM; echo ready; wait"

    def said(line: str) -> None:
        assert line == "ready"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(["sh", "-c", script], said)
    assert done.exists()


def test_results_explain_themselves() -> None:
    assert Result(("a", "b c"), 1, b"", "").explain() == "exit status 1: a 'b c'"
