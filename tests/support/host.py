"""A private host on this machine: its own mounts, processes and a root that may be spoilt."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.commands import CONTAINED, MINIMAL_ENVIRONMENT, MORTAL, run
from tests.support.rights import need_root

_INIT = Path(__file__).with_name("host_init.py")


class Host:
    """A root directory under a throw-away overlay, in mount and PID namespaces of its own.

    Writes go to memory and are gone with the host, except those below `shared`: directories of
    the machine that the host sees at the same paths. /run, /tmp and /dev/shm start empty, the
    network is the machine's. Closing it (or the death of this process) kills all that runs in it
    and takes all its mounts away. Needs root.
    """

    def __init__(self, lower: Path, *, shared: Sequence[Path] = ()) -> None:
        need_root("a host of its own has mounts")
        self._scratch = tempfile.TemporaryDirectory(prefix="paack-host-")
        self._holder = subprocess.Popen(
            [
                *CONTAINED,
                "--",
                sys.executable,
                "-I",
                str(_INIT),
                self._scratch.name,
                str(lower),
                *(str(directory.resolve()) for directory in shared),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            self.close()
            raise RuntimeError(f"no host over {lower}: see the output of host_init.py")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill everything in the host and drop its mounts; a second call does nothing."""
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._holder.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        self._scratch.cleanup()

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: int = 300,
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` in the host with `env` on top of a minimal environment, in /.

        After `timeout` seconds it is killed (exit code 137). See commands.run for the rest.
        """
        limit = ["timeout", "--signal=KILL", str(timeout)]
        environment = {**MINIMAL_ENVIRONMENT, **(env or {})}
        return run([*self._entry(), *limit, *argv], check=check, env=environment, stdin=stdin)

    def start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start `argv` in the host, in a minimal environment; it says nothing."""
        return subprocess.Popen(
            [*MORTAL, *self._entry(), *argv],
            env=MINIMAL_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _entry(self) -> list[str]:
        namespaces = Path(f"/proc/{self._holder.pid}/ns")
        mount, pid = namespaces / "mnt", namespaces / "pid_for_children"
        return ["nsenter", f"--mount={mount}", f"--pid={pid}", "--"]

    def outside(self, path: Path) -> Path:
        """Return where this process finds the host's `path`, whatever is mounted there.

        Absolute symbolic links on the way would lead back into the machine's own root.
        """
        return Path(f"/proc/{self._holder.pid}/root") / path.relative_to("/")

    def mount_image(self, file: Path, where: Path, filesystem: str) -> None:
        """Loop-mount the image `file` read-only on the directory `where`, which is made."""
        self.run(["mkdir", "--parents", str(where)])
        options = "--options=loop,ro,nodev,nosuid"
        self.run(["mount", f"--types={filesystem}", options, str(file), str(where)])

    def umount(self, where: Path) -> None:
        """Unmount `where`."""
        self.run(["umount", str(where)])
