"""A read-only /etc, a full disk, and SIGKILL in the middle."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.device.scenario import ETC, LIBRARY, VENDOR, Scenario, add, play, remove
from tests.device.shells import COMBINATIONS, DIAGONAL, Combination
from tests.device.storage_confs import RHEL_9, RHEL_10, P, Q
from tests.support.rights import needs_root

READ_ONLY = "mount --bind etc etc; mount -o remount,bind,ro etc"
PRIVATE = ("unshare", "--mount")
LISTED = RHEL_9.replace("stores = [\n", f'stores = [\n  "{P}",\n').encode()
#: A read-only or full /etc: the files, how it becomes so, whether P is listed.
READ_ONLY_FILES = {
    "etc": ({ETC: RHEL_9.encode()}, False),
    "etc-listed": ({ETC: LISTED}, True),
    "vendor": ({VENDOR: RHEL_10.encode()}, False),
    "nothing": ({}, False),
}


@needs_root("disks are mounted")
@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_a_read_only_etc_lets_install_go_on_and_refuses_erase(
    combination: Combination, tmp_path: Path
) -> None:
    scenarios = {
        name: Scenario(files, (READ_ONLY, add(P), remove(P), add(Q), remove(Q)))
        for name, (files, _) in READ_ONLY_FILES.items()
    }
    played = play(scenarios, combination, tmp_path / "home", wrapper=PRIVATE)
    for name, (_, listed) in READ_ONLY_FILES.items():
        start, add_p, remove_p, add_q, remove_q = played[name]
        assert [outcome.tree == start.tree for outcome in played[name]] == [True] * 5
        assert [outcome.code for outcome in played[name]] == [0, 0, int(listed), 0, 0]
        assert (add_p.errors == "") == listed
        assert f"paack: {Q} is not listed in " in add_q.errors
        assert "it cannot be written" in add_q.errors
        assert ("is still listed in" in remove_p.errors) == listed
        assert remove_q.errors == ""


@needs_root("disks are mounted")
@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_a_full_disk_leaves_the_file_alone(combination: Combination, tmp_path: Path) -> None:
    text = LISTED + b"# padding\n" * 800
    full = (
        f"mount -t tmpfs -o size=16k none etc; mkdir etc/containers; cp big {ETC};"
        "cat /dev/zero >etc/fill || :"
    )
    scenario = Scenario({"big": text}, (full, add(Q), remove(P), add(P)))
    played = play({"full": scenario}, combination, tmp_path / "home", wrapper=PRIVATE)
    start, add_q, remove_p, add_p = played["full"]
    assert start.content() == text
    assert [outcome.tree == start.tree for outcome in played["full"]] == [True] * 4
    assert [outcome.code for outcome in played["full"]] == [0, 0, 1, 0]
    assert "it cannot be written" in add_q.errors
    assert "it cannot be written" in remove_p.errors
    assert add_p.errors == ""


#: Counts the programs that are started; kills its process group, shell and all, at number {at}.
NEVER = 1_000
SHIM = """\
#!/bin/sh
echo >>{count}
[ "$(/usr/bin/wc -l <{count})" -lt {at} ] || kill -KILL 0
exec /usr/bin/{program} "$@"
"""
PROGRAMS = ("cat", "chcon", "cksum", "cp", "mkdir", "mv", "rm", "sed", "sync", "tail", "tr", "wc")


def run_until(at: int, step: str, root: Path) -> int:
    """Run the step in `root`, but kill it before it starts its program number `at`.

    Returns the exit code, or minus the signal.
    """
    shims = root.with_name(f"shims-{len(list(root.parent.iterdir()))}")
    shims.mkdir()
    for program in PROGRAMS:
        shim = shims / program
        shim.write_text(SHIM.format(count=shims / "count", at=at, program=program))
        shim.chmod(0o755)
    script = f". {LIBRARY}; set -eu; PAACK_ROOT={root}; {step}"
    return DIAGONAL[0].run(script, root, wrapper=("setsid", "--wait"), path=str(shims)).returncode


@pytest.mark.parametrize("path", [ETC, VENDOR, None])
def test_after_a_kill_the_file_is_the_old_or_the_new_one(path: str | None, tmp_path: Path) -> None:
    def files() -> dict[str, bytes]:
        return {
            str(file.relative_to(root)): file.read_bytes()
            for file in root.rglob("*")
            if file.is_file() and file.name == "storage.conf"
        }

    root = tmp_path / "root"
    for directory in (ETC, VENDOR):
        (root / directory).parent.mkdir(parents=True)
    if path:
        (root / path).write_bytes(RHEL_10.encode())
    before = files()
    assert run_until(NEVER, add(P), root) == 0
    after = files()
    for step, undo, old, new in (
        (remove(P), add(P), after, before),
        (add(P), remove(P), before, after),
    ):
        at = 0
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            at += 1
            code = run_until(at, step, root)
            assert files() in (old, new)
            assert run_until(NEVER, step, root) == 0
            assert files() == new
            assert len(list(root.rglob("*.paack"))) == 0
            assert run_until(NEVER, undo, root) == 0
            assert files() == old
        assert code == 0
        assert at > 5
        assert run_until(NEVER, step, root) == 0
