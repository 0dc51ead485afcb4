"""Files, what is done to them step by step in a shell, and what they are after each step."""

import os
import shlex
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.device.shells import Combination
from tests.support.product import REPOSITORY

LIBRARY = REPOSITORY / "specs" / "storage-conf.sh"
ETC = "etc/containers/storage.conf"
VENDOR = "usr/share/containers/storage.conf"
# Hundreds of fsyncs would only take time: no power fails here.
_FUNCTIONS = """
. {library}
sync() {{ :; }}
step() {{
    (set -eu; cd "$1/root"; PAACK_ROOT=$1/root; eval "$3") >"$1/$2.out" 2>"$1/$2.err"
    echo "$?" >"$1/$2.code"
    cp -a "$1/root" "$1/$2"
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
    script = [_FUNCTIONS.format(library=shlex.quote(str(LIBRARY)))]
    for name, scenario in scenarios.items():
        directory = home / name
        root = directory / "root"
        for path in (ETC, VENDOR):
            (root / path).parent.mkdir(parents=True)
        for path, content in scenario.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        for number, step in enumerate(scenario.steps):
            script.append(shlex.join(["step", str(directory), str(number), step]))
    program = home / "script"
    program.write_text("\n".join(script), encoding="utf-8")
    done = combination.run(f". {shlex.quote(str(program))}", home, wrapper=wrapper)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return {
        name: [_outcome(home / name, number) for number in range(len(scenario.steps))]
        for name, scenario in scenarios.items()
    }


def _outcome(directory: Path, number: int) -> Outcome:
    def text(suffix: str) -> str:
        return (directory / f"{number}.{suffix}").read_text(encoding="utf-8", errors="replace")

    return Outcome(int(text("code")), text("out"), text("err"), _tree(directory / str(number)))


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
