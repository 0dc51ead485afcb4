"""A build that is killed leaves nothing half-written, and the next one completes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.debian import ARCHES, busybox_rootfs, push_multiarch, text_layer
from tests.support.halfway import Halfway
from tests.support.product import Paack, definition_text
from tests.support.registry import Registry
from tests.support.thorough import THOROUGH

MOMENTS = 10 if THOROUGH else 3
#: Runs paack and kills its process group just before the change number KILL_AT to any file, or
#: start of a program; of a file to be written, when it is open and still empty. Tells in the file
#: RECORD how many changes there were, and which files got their content and their name.
KILLED = """
import atexit, json, os, signal, sys
count, last = 0, int(os.environ["KILL_AT"])
opened, renamed = [], []
changes = {"os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
           "os.utime", "subprocess.Popen"}
writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def hook(event, arguments):
    global count
    writing = event == "open" and not isinstance(arguments[0], int) and arguments[2] & writes
    if not writing and event not in changes:
        return
    count += 1
    if count == last:
        try:
            if writing:
                os.open(arguments[0], arguments[2] & ~os.O_EXCL, 0o666)
        finally:
            os.killpg(0, signal.SIGKILL)
    if writing:
        opened.append(os.fsdecode(arguments[0]))
    elif event == "os.rename":
        renamed.append(os.fsdecode(arguments[1]))
def record():
    told = {"changes": count, "opened": opened, "renamed": renamed}
    with open(os.environ["RECORD"], "w") as file:
        json.dump(told, file)
import paack.commands
sys.addaudithook(hook)
atexit.register(record)
paack.commands.main()
"""
#: Runs a command in a process group of its own; ends when that and all its descendants have.
REAPER = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
process = subprocess.Popen(sys.argv[1:], start_new_session=True)
print(process.pid, flush=True)
status = process.wait()
try:
    while True:
        os.wait()
except ChildProcessError:
    print(status)
"""
#: A program that kills the process group when it fails, as it does at a file of LIMIT bytes.
LIMITED = """#!/bin/sh
prlimit --fsize=$LIMIT --core=0 -- {program} "$@" && exit 0
kill -KILL 0
"""


@dataclass(frozen=True)
class Reference:
    """What a build makes that nobody kills: files below its home -> content, and how.

    ``opened`` were written, ``renamed`` got their name, both below its home, too.
    """

    files: Mapping[str, bytes]
    changes: int
    opened: frozenset[str]
    renamed: frozenset[str]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        top = text_layer(base / "top.tar", {"etc/motd": "hello\n"}, deleted=["etc/group"])
        push_multiarch(running, "app", "1", {arch: [busybox_rootfs(arch), top] for arch in ARCHES})
        push_multiarch(running, "copy", "1", {arch: [top] for arch in ARCHES})
        source = f"docker://{running.host}/copy:1"
        target = f"oci-archive:{base / 'archive.tar'}:localhost/copy:1"
        run(["skopeo", "copy", "--all", *running.skopeo_options("src"), source, target])
        yield running


@pytest.fixture(scope="module")
def reference(base: Path, registry: Registry) -> Reference:
    paack = prepare(base / "reference", registry)
    assert call(paack, {"KILL_AT": "0"}) == 0
    record = paack.home / "home" / "record"
    told = json.loads(record.read_text())
    opened, renamed = (
        frozenset(os.path.relpath(path, paack.home) for path in told[kind])
        for kind in ("opened", "renamed")
    )
    return Reference(files(paack.home), told["changes"], opened, renamed)


def prepare(home: Path, registry: Registry) -> Paack:
    """Make ``home`` with a definition of an image in a registry and one in an archive."""
    (home / "tmp").mkdir(parents=True)
    (home / "home").mkdir()
    shutil.copy(home.parent / "archive.tar", home)
    paack = Paack(home, registry.registries_conf, {"TMPDIR": str(home / "tmp")})
    paack.environment["HOME"] = str(home / "home")
    images = [f"{registry.host}/app:1", "oci-archive:archive.tar:localhost/copy:1"]
    paack.define(definition_text("app", images, arches=["x86_64", "aarch64"]))
    return paack


def start(paack: Paack, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start to make RPMs and source RPM in one run; its first line of output is a process group."""
    task = ("--def", str(paack.home / "app.yaml"), "--output", str(paack.output))
    command, env = paack.command("build", *task, "srpm", *task)
    command[command.index("-c") + 1] = KILLED
    return subprocess.Popen(
        [sys.executable, "-I", "-c", REAPER, *command],
        env={**env, "KILL_AT": "0", "RECORD": str(paack.home / "home" / "record"), **environment},
        cwd=paack.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> int:
    """Return the exit code of paack, after all its processes ended."""
    output, said = process.communicate()
    assert process.returncode == 0
    status = int(output.splitlines()[-1])
    assert status in (0, -signal.SIGKILL), said
    return status


def call(paack: Paack, environment: Mapping[str, str]) -> int:
    """Start and finish."""
    return finish(start(paack, environment))


def files(home: Path) -> dict[str, bytes]:
    """Return what is below ``home``; skopeo's own files in $HOME are its affair."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.relative_to(home).parts[0] != "home"
    }


def check_killed(home: Path, reference: Reference) -> None:
    """Whatever has its final name is whole."""
    for name, content in files(home).items():
        if name.startswith("cache/paack/blobs/sha256/"):
            assert hashlib.sha256(content).hexdigest() == Path(name).name
        elif not name.startswith(
            ("out/work/", "cache/paack/scratch/", "tmp/", ".app.lock.yaml.work/")
        ):
            assert content == reference.files[name], name


def check_completed(paack: Paack, reference: Reference) -> None:
    """The next build gives the same as one that nobody killed, and removes what was left."""
    assert call(paack, {}) == 0
    found = files(paack.home)
    assert found.keys() == reference.files.keys()
    assert [name for name in found if found[name] != reference.files[name]] == []
    work = [paack.output / "work", paack.cache / "scratch", paack.home / "tmp"]
    assert [path for directory in work for path in directory.glob("*")] == []


def test_what_is_made_appears_by_rename(reference: Reference) -> None:
    """Never is a file written under the name that others look for."""
    given = {"app.yaml", "archive.tar"}
    made = reference.files.keys() - given
    assert len(made) > 20
    assert made <= reference.renamed
    assert reference.opened & reference.files.keys() == set()


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_killed_before_a_change(
    base: Path, registry: Registry, reference: Reference, moment: int
) -> None:
    """At moments spread evenly over all changes that a build makes."""
    paack = prepare(base / f"moment-{moment}", registry)
    number = moment * reference.changes // (MOMENTS + 1)
    assert call(paack, {"KILL_AT": str(number)}) == -signal.SIGKILL
    check_killed(paack.home, reference)
    check_completed(paack, reference)


def test_killed_while_a_program_writes(
    base: Path, registry: Registry, reference: Reference
) -> None:
    """In the middle of the store image's copy for rpmbuild."""
    program = "cp"
    paack = prepare(base / program, registry)
    limit = len(reference.files["out/stores/app-aarch64.squashfs"]) // 2
    directory = paack.home / "home" / "bin"
    directory.mkdir()
    (directory / program).write_text(LIMITED.format(program=shutil.which(program)))
    (directory / program).chmod(0o755)
    path = f"{directory}:{os.environ['PATH']}"
    assert call(paack, {"LIMIT": str(limit), "PATH": path}) == -signal.SIGKILL
    unfinished = (paack.output / "work").rglob("*.squashfs")  # the next store may be among them
    assert limit in [path.stat().st_size for path in unfinished if not path.is_symlink()]
    check_killed(paack.home, reference)
    check_completed(paack, reference)


def test_killed_while_a_layer_arrives(base: Path, registry: Registry, reference: Reference) -> None:
    paack = prepare(base / "arriving", registry)
    with Halfway(registry.host) as server:
        mirror = server.registries_conf(paack.home / "home" / "registries.conf")
        process = start(paack, {"CONTAINERS_REGISTRIES_CONF": str(mirror)})
        assert process.stdout is not None
        group = int(process.stdout.readline())
        assert server.reached.wait(timeout=60)
        os.killpg(group, signal.SIGKILL)
        assert finish(process) == -signal.SIGKILL
    assert list((paack.cache / "scratch").iterdir()) != []
    check_killed(paack.home, reference)
    check_completed(paack, reference)


def test_killed_while_an_archive_is_unpacked(
    base: Path, registry: Registry, reference: Reference
) -> None:
    """skopeo unpacks it where the next build finds what is left: not in /var/tmp."""
    paack = prepare(base / "unpacking", registry)
    archive = paack.home / "archive.tar"
    content = archive.read_bytes()
    archive.unlink()
    os.mkfifo(archive)
    process = start(paack, {})
    assert process.stdout is not None
    group = int(process.stdout.readline())
    with archive.open("wb") as pipe:  # waits for who reads it
        pipe.write(content[: len(content) // 2])
        pipe.flush()
        os.killpg(group, signal.SIGKILL)
    assert finish(process) == -signal.SIGKILL
    assert list((paack.cache / "scratch").glob("work-*/*oci*")) != []
    archive.unlink()
    archive.write_bytes(content)
    check_killed(paack.home, reference)
    check_completed(paack, reference)
