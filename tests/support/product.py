"""The product as its users run it: the program paack, and what is in the RPMs that it makes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.support import debian13
from tests.support.commands import run
from tests.support.forks import Forks

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = "from paack.commands import main; main()"


@dataclass
class Paack:
    """The program with a cache and an output directory of its own, below ``home``."""

    home: Path
    registries_conf: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)
    repository: Path = REPOSITORY
    program: str = PROGRAM

    @property
    def output(self) -> Path:
        """What --output names."""
        return self.home / "out"

    @property
    def cache(self) -> Path:
        """The blob cache."""
        return self.home / "cache" / "paack"

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """Return the argument list and the environment of a call."""
        env = {
            **_environment(self.repository),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            **self.environment,
        }
        if self.registries_conf:
            env["CONTAINERS_REGISTRIES_CONF"] = str(self.registries_conf)
        return [sys.executable, "-c", self.program, *arguments], env

    def call(
        self, *arguments: str, check: bool = True, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``paack ARGUMENTS``; with ``check`` a failure shows what it said."""
        command, env = self.command(*arguments)
        cwd = cwd or self.home
        done = None
        if (self.repository, self.program) == (REPOSITORY, PROGRAM):
            done = _forks().run(arguments, env, cwd)
        if done is None:
            done = subprocess.run(
                command, env=env, cwd=cwd, text=True, capture_output=True, check=False
            )
        if check and done.returncode:
            raise AssertionError(f"paack {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
        return done

    def define(self, text: str, name: str = "app.yaml") -> Path:
        """Write a definition."""
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path

    def build(self, definition: Path, *options: str) -> list[Path]:
        """Build RPMs and return their paths."""
        done = self.call("build", "--def", str(definition), "--output", str(self.output), *options)
        return [Path(line) for line in done.stdout.splitlines()]


def _environment(repository: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(repository),
        "PYTHONDONTWRITEBYTECODE": "",  # it starts a thousand times: compiled once is enough
    }


@cache
def _forks() -> Forks:
    return Forks(_environment(REPOSITORY))


def definition_text(
    name: str,
    images: Sequence[str],
    *,
    arches: Sequence[str] = ("x86_64",),
    **more: str,
) -> str:
    """Return a definition with one package."""
    lines = [f"  {key}: {value}" for key, value in more.items()]
    return "\n".join(
        [
            "packages:",
            f"- name: {name}",
            *([] if "version" in more else ["  version: '1.0'"]),
            *lines,
            f"  arches: [{', '.join(arches)}]",
            "  images:",
            *(f"  - {image}" for image in images),
            "",
        ]
    )


def unpack_rpm(rpm: Path, target: Path) -> Path:
    """Extract an RPM's files below ``target`` with libarchive, as rpm-ostree does."""
    target.mkdir(parents=True, exist_ok=True)
    run(["bsdtar", "--extract", "--file", str(rpm), "--directory", str(target)])
    return target


def store_image(tree: Path) -> Path:
    """Return the one store image in an unpacked RPM."""
    found = [path for path in tree.rglob("*") if path.suffix in (".squashfs", ".erofs")]
    assert len(found) == 1, found
    return found[0]


def newer_erofs_utils(directory: Path) -> Mapping[str, str]:
    """Return an environment whose PATH starts with Debian 13's mkfs.erofs (1.8)."""
    return of_debian13("mkfs.erofs", directory)


def of_debian13(name: str, directory: Path) -> Mapping[str, str]:
    """Return an environment whose PATH starts with a directory: it has Debian 13's program."""
    root = debian13.root()
    wrapper = directory / name
    directory.mkdir(parents=True, exist_ok=True)
    loader = next(root.glob("usr/lib*/*/ld-linux-*.so.*"), None) or next(root.glob("lib*/ld-*.so*"))
    libraries = ":".join(str(path) for path in root.glob("usr/lib/*-linux-gnu"))
    program = next(root.glob(f"usr/*bin/{name}"))
    wrapper.write_text(
        f'#!/bin/sh\nexec "{loader}" --library-path "{libraries}" "{program}" "$@"\n'
    )
    wrapper.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}
