"""A publisher that is killed at a chosen moment."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.repo.publisher import Publisher

#: Runs paack and kills its process group just before the change number KILL_AT to any file, or
#: start of a program; counts them in the file COUNT.
_KILLED = """
import atexit, os, signal
count, last = 0, int(os.environ["KILL_AT"])
changes = {"os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
           "subprocess.Popen"}
writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def hook(event, arguments):
    global count
    if event in changes or (event == "open" and arguments[2] & writes):
        count += 1
        if count == last:
            os.killpg(0, signal.SIGKILL)
def record():
    with open(os.environ["COUNT"], "w") as file:
        file.write(str(count))
import sys
import paack.commands
sys.addaudithook(hook)
atexit.register(record)
paack.commands.main()
"""


def run_killed(mine: Publisher, words: list[str], moment: int, counter: Path) -> int:
    """Run paack, killed before its change number ``moment`` (0: never).

    Returns how many changes it made when it was not killed, 0 when it was.
    """
    command, env = mine.paack.command(*words)
    command[command.index("-c") + 1] = _KILLED
    done = subprocess.run(
        command,
        env={**env, "KILL_AT": str(moment), "COUNT": str(counter)},
        cwd=mine.home,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return int(counter.read_text()) if done.returncode == 0 else 0
