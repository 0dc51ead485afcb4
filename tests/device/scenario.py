"""Files, what is done to them step by step in a shell, and what they are after each step."""

import os
import shlex
import stat
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.device.shells import Combination, library_file

LIBRARY = library_file()
ETC = "etc/containers/storage.conf"
VENDOR = "usr/share/containers/storage.conf"
# Hundreds of fsyncs would only take time, as no power fails. After each step the shell waits until
# what is there is read, which is quicker than to copy it.
_FUNCTIONS = """
. {library}
sync() {{ :; }}
exec 8>{home}/done 9<{home}/read
step() {{
    (set -eu; cd "$1"; PAACK_ROOT=$1; eval "$2") >{home}/out 2>{home}/err
    echo "$? $$" >&8
    read -r answer <&9
}}
"""


@dataclass(frozen=True)
class Scenario:
    """A root directory with `files`, and shell commands that run in it one after the other."""

    files: Mapping[str, bytes]
    steps: Sequence[str]


@dataclass(frozen=True)
class Entry:
    """A path: `content` is a file's bytes, a link's target or nothing."""

    mode: int
    owner: tuple[int, int]
    content: bytes


@dataclass(frozen=True)
class Outcome:
    """What a step left behind."""

    code: int
    output: str
    errors: str
    tree: dict[str, Entry] = field(repr=False)

    def content(self, path: str = ETC) -> bytes:
        """Return the bytes of a file."""
        return self.tree[path].content


def add(path: str) -> str:
    """Return the step that lists a store."""
    return f"paack_storage_add {shlex.quote(path)}"


def remove(path: str) -> str:
    """Return the step that takes a store off the list."""
    return f"paack_storage_remove {shlex.quote(path)}"


Outcomes = dict[str, list[Outcome]]


def play_under(
    scenarios: Mapping[Combination, Mapping[str, Scenario]], home: Path
) -> dict[Combination, Outcomes]:
    """Play the scenarios of each combination, as many at once as there are cores."""

    def of(combination: Combination) -> Outcomes:
        return play(scenarios[combination], combination, home / str(combination))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(scenarios, pool.map(of, scenarios), strict=True))


def play(
    scenarios: Mapping[str, Scenario],
    combination: Combination,
    home: Path,
    *,
    wrapper: Sequence[str] = (),
) -> Outcomes:
    """Run all scenarios in one process of the shell and return the outcomes of their steps.

    `home` is made. A scenario may name other files than the two; their directories are made.
    """
    home.mkdir(parents=True)
    script = [_FUNCTIONS.format(library=shlex.quote(str(LIBRARY)), home=shlex.quote(str(home)))]
    steps = []
    for name, scenario in scenarios.items():
        root = home / name / "root"
        for path in (ETC, VENDOR):
            (root / path).parent.mkdir(parents=True)
        for path, content in scenario.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        for step in scenario.steps:
            script.append(shlex.join(["step", str(root), step]))
            steps.append((name, root))
    program = home / "script"
    program.write_text("\n".join(script), encoding="utf-8")
    outcomes: Outcomes = {name: [] for name in scenarios}
    done, read = (_fifo(home / fifo) for fifo in ("done", "read"))

    def run() -> subprocess.CompletedProcess[str]:
        try:
            return combination.run(f". {shlex.quote(str(program))}", home, wrapper=wrapper)
        finally:
            os.write(done, b"end\n")

    with ThreadPoolExecutor(1) as pool, os.fdopen(done) as lines, os.fdopen(read, "w") as answers:
        ended = pool.submit(run)
        for name, root in steps:
            code, _, process = lines.readline().strip().partition(" ")
            if code == "end":
                break
            outcomes[name].append(_outcome(int(code), home, Path(f"/proc/{process}/root{root}")))
            print(file=answers, flush=True)
        result = ended.result()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    return outcomes


def _fifo(path: Path) -> int:
    """Make a FIFO and open it both ways, so that nothing waits for the other side to open it."""
    os.mkfifo(path)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _outcome(code: int, home: Path, root: Path) -> Outcome:
    def text(name: str) -> str:
        return (home / name).read_text(encoding="utf-8", errors="replace")

    return Outcome(code, text("out"), text("err"), _tree(root))


def _tree(root: Path) -> dict[str, Entry]:
    tree = {}
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(directory, name)
            status = path.lstat()
            content = b""
            if stat.S_ISLNK(status.st_mode):
                content = os.fsencode(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
            owner = (status.st_uid, status.st_gid)
            tree[str(path.relative_to(root))] = Entry(status.st_mode, owner, content)
    return tree
