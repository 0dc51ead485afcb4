"""Podman's real generators of Quadlet units, and what they say of many units at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.host import Host
from tests.support.podman import Kind, root_of

#: By the Debian that has it; 12's podman 4.3 has none.
VERSIONS: Mapping[Kind, tuple[int, int]] = {"debian13": (5, 4), "sid": (5, 8)}
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

    def run(self, directory: Path) -> Said:
        """Let it read the units of a directory."""
        command = ["env", f"QUADLET_UNIT_DIRS={directory}", "/usr/libexec/podman/quadlet"]
        done = self._host.run([*command, "-dryrun"], check=False)
        text = done.stdout.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        services: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in text.split("\n"):
            if match := _SERVICE.match(line):
                lines = services[match[1]] = []
            else:
                lines.append(line)
        return Said({name: "\n".join(text) for name, text in services.items()}, done.stderr)


@contextmanager
def generator(kind: Kind, shared: Path) -> Iterator[Generator]:
    """Have a generator for as long as a ``with`` block lasts."""
    with Host(root_of(kind), shared=[shared]) as host:
        yield Generator(kind, host)
