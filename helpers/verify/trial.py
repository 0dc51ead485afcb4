"""Starting every image of a store once, with podman and no network, to prove that it starts.

Needs root. A child in namespaces of its own (mounts, processes, network) does all of it: however it
ends, the kernel removes its mounts, containers and storage. It has a /run and /dev/shm of its own,
so that it does not touch the machine's podman or take its locks.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from paack.helpers.blobs import Cache
from paack.helpers.errors import PaackError, ToolError, UsageError
from paack.helpers.hint import command
from paack.helpers.oci import LockedImage, read_facts
from paack.helpers.rpm import image_names
from paack.helpers.run import Result, require, run

SECONDS = 2  # how long a container may run
_PARALLEL = 4
_RUN = Path("/run")
_STORE = _RUN / "store"
_CONFIGURATION = _RUN / "storage.conf"
# podman(1), exit status: its own error; the command cannot be run; it is not there.
_NOT_STARTED = (125, 126, 127)
_STOPPED = (137, 255)  # by podman after SECONDS, newer and older ones
_LOG_BYTES = 65536
_CONTAINER = (
    "--pull=never", "--network=none", "--cgroups=disabled", "--security-opt=label=disable",
)  # fmt: skip
#: What crun and runc write into a container's output when the kernel refuses its program.
_NOT_EXECUTED = re.compile(
    r"(exec container process.*?: [A-Z][a-z ]+"
    r"|exec /.*: (?:no such file or directory|exec format error|permission denied))"
)
_ISOLATED = ("--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc")
_HINT = "it takes root with all capabilities, and loop devices; without --run no root is needed"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image to start: all its names, and why its command is not run ("" when it is).

    ``title`` is what it is called where its first name does not say it; ``options`` and
    ``arguments`` are for ``podman run``.
    """

    names: tuple[str, ...]
    not_run: str = ""
    title: str = ""
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for an image: ``what`` is one line; ``good`` says whether it is acceptable."""

    name: str
    good: bool
    what: str


def candidates(images: Sequence[LockedImage], cache: Cache) -> list[Candidate]:
    """Return what to do with each image on this machine; configs are read from ``cache``."""
    return [Candidate(tuple(_names(image)), _why_not(image, cache)) for image in images]


def start_all(store: Path, filesystem: str, to_start: Sequence[Candidate]) -> list[Outcome]:
    """Mount the store image ``store`` and start each image from it.

    Raises UsageError without root, ToolError when podman is not there or the store cannot be
    mounted.
    """
    if os.geteuid() != 0:
        raise UsageError(
            "verify --run needs root: it mounts the store and starts containers",
            hint=f"as root: {command('verify', run=True, rpm='RPM')}; or leave --run out",
        )
    for tool in ("podman", "unshare", "setpriv", "mount"):
        require(tool)
    work = store.parent / "trial"
    work.mkdir()
    task = {"store": str(store.resolve()), "filesystem": filesystem, "work": str(work.resolve())}
    text = json.dumps({**task, "wanted": [asdict(each) for each in to_start]})
    # The child dies with this process, and with it all that is in its namespaces.
    mortal = ["setpriv", "--pdeathsig=KILL", "--", "unshare", *_ISOLATED, "--"]
    child = [sys.executable, "-m", "paack.helpers.verify.trial"]
    package = Path(__file__).absolute().parents[3]
    result = run([*mortal, *child], cwd=package, stdin=text.encode(), check=False)
    if result.status != 0:
        raise ToolError(f"no image can be started here\n{result.explain()}", hint=_HINT)
    return [Outcome(**each) for each in json.loads(result.stdout)]


def _names(image: LockedImage) -> list[str]:
    return list(dict.fromkeys([*image.names, *image_names([image])]))


def _why_not(image: LockedImage, cache: Cache) -> str:
    here = platform.machine()
    if image.arch != here:
        return f"{image.arch} image on {here}"
    facts = read_facts(cache.read(image.config), len(image.layers))
    return "" if facts.entrypoint or facts.command else "it has no command"


def _try(task: dict[str, object]) -> list[Outcome]:
    """Do the work of the child, in its namespaces."""
    work = Path(str(task["work"]))
    _mount_all(Path(str(task["store"])), str(task["filesystem"]), work)
    _CONFIGURATION.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{_RUN}/root"\nrunroot = "{_RUN}/c"\n'
        f'[storage.options]\nadditionalimagestores = ["{_STORE}"]\n'
    )
    wanted = [
        Candidate(**each)
        for each in task["wanted"]  # type: ignore[attr-defined]
    ]
    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(_outcome, wanted))


def _mount_all(store: Path, filesystem: str, work: Path) -> None:
    mount = ["mount", "--no-mtab"]  # else it leaves a directory in the machine's /run
    memory = [*mount, "-t", "tmpfs", "-o", "mode=0755", "tmpfs"]
    run([*memory, work], quiet=True)
    (work / _STORE.name).mkdir()
    options = "loop,ro,nodev,nosuid"
    run([*mount, "-t", filesystem, "-o", options, store, work / _STORE.name], quiet=True)
    # Only now: what is to be mounted may itself lie below /run.
    run([*mount, "--rbind", work, _RUN], quiet=True)
    run([*memory, "/dev/shm"], quiet=True)  # noqa: S108 where podman keeps its locks


def _outcome(candidate: Candidate) -> Outcome:
    first = candidate.names[0]
    title = candidate.title or first
    for name in candidate.names:
        if _podman("image", "exists", name).status != 0:
            return Outcome(title, False, f"podman does not find {name} in the store")
    if candidate.not_run:
        return _mounted(title, first, candidate.not_run)
    # Its output goes into a file of a limited size, not here: there may be any amount.
    ours = ["--attach=stdin", f"--timeout={SECONDS}"]
    logs = ["--log-driver=k8s-file", f"--log-opt=max-size={_LOG_BYTES}"]
    container = f"trial-{hashlib.sha256(title.encode()).hexdigest()[:16]}"
    words = [*candidate.options, first, *candidate.arguments]
    result = _podman("run", f"--name={container}", *_CONTAINER, *ours, *logs, *words)
    if result.status in _NOT_STARTED:
        return Outcome(title, False, f"does not start: {_last_line(result)}")
    if result.status == 1:
        logged = _podman("logs", container)
        if found := _NOT_EXECUTED.search(logged.stdout.decode("utf-8", "replace") + logged.stderr):
            return Outcome(title, False, f"does not start: {found[1]}")
    ended = result.status not in (0, *_STOPPED)
    return Outcome(title, True, "started" + (f", ended with {result.status}" if ended else ""))


def _mounted(title: str, name: str, why: str) -> Outcome:
    # `podman image mount` does not look into additional stores.
    result = _podman("create", *_CONTAINER, name, "/never-run")
    if result.status == 0:
        result = _podman("mount", result.stdout.decode().strip())
    if result.status != 0:
        return Outcome(title, False, f"cannot be mounted: {_last_line(result)}")
    return Outcome(title, True, f"mounted, not run: {why}")


def _last_line(result: Result) -> str:
    said = result.stderr.strip().splitlines()
    return said[-1] if said else f"exit status {result.status}"


def _podman(*words: str) -> Result:
    environment = {
        "CONTAINERS_STORAGE_CONF": str(_CONFIGURATION),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "yes",
    }
    options = ["--cgroup-manager=cgroupfs", "--events-backend=none"]
    return run(["podman", *options, *words], env=environment, check=False, quiet=True)


def _main() -> int:
    try:
        outcomes = _try(json.loads(sys.stdin.read()))
    except PaackError as error:
        print(error.message, file=sys.stderr)
        return 1
    print(json.dumps([asdict(each) for each in outcomes]))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
