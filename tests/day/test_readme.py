"""The README's first steps, word for word: from a copy of the project to a root that dnf made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.day.front import ENVIRONMENT
from tests.support.commands import run
from tests.support.debian import busybox_rootfs
from tests.support.product import REPOSITORY
from tests.support.tiny_rpm import Tiny

_PROJECT = (
    "LICENSE", "Makefile", "README.md", "helpers", "images", "paack", "pages", "pyproject.toml",
    "requirements.lock", "specs", "tasks.py", "tools",
)  # fmt: skip


def first_steps() -> str:
    """Return the README's first block of commands."""
    text = (REPOSITORY / "README.md").read_text("utf-8")
    return text.partition("```sh\n")[2].partition("```")[0]


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_first_steps(tmp_path: Path) -> None:
    project, root, shims = tmp_path / "paack", tmp_path / "root", tmp_path / "bin"
    project.mkdir()
    for name in _PROJECT:
        run(["cp", "-a", str(REPOSITORY / name), str(project / name)])
    (project / ".venv").mkdir()  # make deps finds that nothing is missing
    (project / ".venv/bin").symlink_to(Path(sys.prefix) / "bin")
    (project / ".venv/.made").touch()
    root.mkdir()
    run(["tar", "-xf", str(busybox_rootfs("amd64")), "-C", str(root)])
    shell = Tiny("shell", "1", arches=("x86_64",), provides=("/bin/sh",)).build(tmp_path / "rpms")[
        0
    ]
    # As sudo, and dnf with a root of its own: scriptlets run in it.
    program(shims / "sudo", 'exec "$@"')
    options = f"--installroot={root} --releasever=9 --setopt=cachedir=/cache --disablerepo=* -y"
    program(shims / "dnf", f'exec {shutil.which("dnf")} {options} "$@" {shell}')
    environment = {
        **ENVIRONMENT,
        "PATH": f"{shims}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        ["sh", "-exc", first_steps()],
        cwd=project,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "scriptlet failed" not in done.stdout + done.stderr
    installed = run(["rpm", "--root", str(root), "-q", "--provides", "paack-demo-containers"])
    assert "container-image(localhost/hello:1.0)" in installed.stdout
    assert (root / "usr/lib/paack-demo/containers.squashfs").stat().st_size > 4096
