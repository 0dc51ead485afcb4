"""Podman's real generators of Quadlet units, and what they say of many units at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.support.commands import run
from tests.support.host import Host
from tests.support.podman import Kind, root_of

#: By the Debian that has it; 12's podman 4.3 has none.
VERSIONS: Mapping[Kind, tuple[int, int]] = {"debian13": (5, 4), "sid": (5, 8)}
_TIMED_OUT = 124
_SERVICE = re.compile(r"^---/?(.*)---$")


@dataclass(frozen=True)
class Said:
    """What a generator printed: the text of each service by its name, and its complaints."""

    services: Mapping[str, str]
    complaints: str


class Generator:
    """A generator, run on directories below ``shared``."""

    def __init__(self, kind: Kind, host: Host) -> None:
        self.kind = kind
        self.version = VERSIONS[kind]
        self._host = host

    def run(self, *directories: Path) -> Said:
        """Let it read the units of directories."""
        done = self.call(*directories)
        return _said(done.stdout, done.stderr)

    def call(self, *directories: Path) -> CompletedProcess[str]:
        """Let it read the units of directories; return all that it says."""
        variable = f"QUADLET_UNIT_DIRS={_joined(directories)}"
        command = ["env", variable, "/usr/libexec/podman/quadlet", "-dryrun"]
        return self._host.run(command, check=False)


class BuiltGenerator:
    """A generator that somebody built, ``quadlet-4.9.5``, run on this machine."""

    def __init__(self, program: Path) -> None:
        major, minor, *_ = program.name.removeprefix("quadlet-").split(".")
        self.version = (int(major), int(minor))
        self._program = program

    def run(self, *directories: Path) -> Said:
        """Let it read the units of directories, for ten seconds at the most."""
        command = ["timeout", "10", str(self._program), "-dryrun"]
        done = run(command, env={"QUADLET_UNIT_DIRS": _joined(directories)}, check=False)
        assert done.returncode != _TIMED_OUT, f"{self._program.name} does not come to an end"
        return _said(done.stdout, done.stderr)


def built_generators() -> list[BuiltGenerator]:
    """Return the generators in the directory that PAACK_TEST_QUADLETS names, the oldest first."""
    home = os.environ.get("PAACK_TEST_QUADLETS")
    found = map(BuiltGenerator, Path(home).glob("quadlet-*") if home else [])
    return sorted(found, key=lambda each: each.version)


def _joined(directories: Iterable[Path]) -> str:
    return ":".join(map(str, directories))


def _said(output: str, complaints: str) -> Said:
    text = output.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    services: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if match := _SERVICE.match(line):
            # podman 4 prints the directory, too
            lines = services[match[1].rpartition("/")[2]] = []
        else:
            lines.append(line)
    return Said({name: "\n".join(text) for name, text in services.items()}, complaints)


@contextmanager
def generator(kind: Kind, shared: Path) -> Iterator[Generator]:
    """Have a generator for as long as a ``with`` block lasts."""
    with Host(root_of(kind), shared=[shared]) as host:
        yield Generator(kind, host)
