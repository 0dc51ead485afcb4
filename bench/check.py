"""How long ``paack check`` takes for large manifests, beside kubectl and an older paack.

    .venv/bin/python -m bench.check [--older CHECKOUT] [--repeat 3] [DIRECTORY...]

A DIRECTORY has a kustomization at its top. One with generated definitions of resources, 2 MB, is
always measured. ``CHECKOUT`` is a worktree of an older version.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.crds import crd
from tests.support.product import REPOSITORY

_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\n"
_SPEC = "spec: {containers: [{name: app, image: quay.io/acme/app:1}]}\n"
_CRDS = 5
_OLDER = "from tasks import main; main()"
_PROGRAM = "from paack.commands import main; main()"


@dataclass(frozen=True)
class Run:
    """Seconds of wall clock and CPU of a command with its children, and its peak memory."""

    wall: float
    cpu: float
    peak: int


def main() -> None:
    """Measure, one command after the other in each round, and print a table."""
    parser = argparse.ArgumentParser(prog="bench.check", description=__doc__)
    parser.add_argument("--older", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("directories", type=Path, nargs="*")
    options = parser.parse_args()
    for row in rows(options.directories, options.older, options.repeat):
        print(row, flush=True)


def rows(directories: Sequence[Path], older: Path | None, repeat: int) -> Iterator[str]:
    """Yield the table of generated manifests and those in ``directories``, measured now."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        yield "| manifests | way | wall, s | CPU, s | memory |"
        yield "| --- | --- | --- | --- | --- |"
        for directory in (_generated(home / "generated"), *directories):
            ways = _ways(home, directory.resolve(), older)
            runs: dict[str, list[Run]] = {way: [] for way in ways}
            for _ in range(repeat):
                for way, (command, environment) in ways.items():
                    runs[way].append(_measure(command, environment, home))
            for way, found in runs.items():
                yield _row(directory.name, way, found)


def _generated(home: Path) -> Path:
    home.mkdir()
    names = [f"crd{number}.yaml" for number in range(_CRDS)]
    for number, name in enumerate(names):
        (home / name).write_text(crd(f"Widget{number}", fields=7), "utf-8")
    (home / "app.yaml").write_text(_POD + _SPEC, "utf-8")
    resources = ", ".join((*names, "app.yaml"))
    (home / "kustomization.yaml").write_text(f"resources: [{resources}]\n", "utf-8")
    return home


def _ways(
    home: Path, directory: Path, older: Path | None
) -> dict[str, tuple[list[str], dict[str, str]]]:
    file = home / "app.yaml"
    head = "name: app\nversion: '1'\narches: [x86_64]\nmanifestPath: /usr/lib/app\n"
    file.write_text(f"{head}manifests: {directory}\n", "utf-8")
    check = ["check", "--def", str(file)]
    ways = {
        "paack": ([sys.executable, "-c", _PROGRAM, *check], {"PYTHONPATH": str(REPOSITORY)}),
        "kubectl kustomize": (["kubectl", "kustomize", str(directory)], {}),
    }
    if older:
        ways["paack 2.0"] = (
            [sys.executable, "-c", _OLDER, *check],
            {"PYTHONPATH": str(older.resolve())},
        )
    return ways


def _measure(command: Sequence[str], environment: dict[str, str], home: Path) -> Run:
    start = time.monotonic()
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}, cwd=home
        )
        _, _, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _row(name: str, way: str, runs: Sequence[Run]) -> str:
    wall, cpu = median(each.wall for each in runs), median(each.cpu for each in runs)
    peak = max(each.peak for each in runs) / 1e6
    return f"| {name} | {way} | {wall:.2f} | {cpu:.2f} | {peak:.0f} MB |"


if __name__ == "__main__":
    main()
