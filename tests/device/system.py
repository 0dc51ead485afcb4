"""A device: a host of this machine with systemd as its PID 1, which can be switched off and on."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.commands import MINIMAL_ENVIRONMENT, MORTAL, run
from tests.support.podman import containers_conf

_INIT = Path(__file__).with_name("system_init.py")
_ROOT: Final = """
mkdir "$0/upper" "$0/work"
layers="lowerdir=$1,upperdir=$0/upper,workdir=$0/work"
mount --types=overlay --options="$layers" overlay "$0/root"
"""
_DISK: Final = f"""
mount --types=tmpfs tmpfs "$0"
mkdir "$0/root" "$0/containers"
{_ROOT}
echo ready
cat >/dev/null
"""
_OTHER_ROOT: Final = f"""
umount "$0/root"
rm -rf "$0/upper" "$0/work"
{_ROOT}
"""
# What would change the machine's kernel or devices, wait for hardware, or let users in
_MASKED: Final = (
    "console-getty.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "getty.target",
    "kmod-static-nodes.service",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-setup-dev-early.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
    "tmp.mount",
)
_BOOT_SECONDS = 60.0
_ENVIRONMENT: Final = {
    **MINIMAL_ENVIRONMENT,
    "HOME": "/home/device",
    "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
}
_NAMESPACES: Final = ("mount", "pid", "uts", "ipc", "cgroup")


class System:
    """A root directory under a throw-away overlay, booted with the systemd that is in it.

    What is written stays when it is switched off; /run and /tmp do not. /var/lib/containers is a
    filesystem of its own, as podman's storage cannot be on an overlay. It sees the directories
    `shared` at their own paths and has the machine's network, /dev and kernel, but other mounts,
    processes and control groups. Nothing of the machine's own services starts. Needs root.
    """

    def __init__(self, lower: Path, *, shared: Sequence[Path] = ()) -> None:
        self._shared = [directory.resolve() for directory in shared]
        self._scratch = Path(tempfile.mkdtemp(prefix="paack-system-"))
        self._log = self._scratch.with_suffix(".log")
        self._cgroup = Path(tempfile.mkdtemp(prefix="paack-system-", dir=_cgroup_root()))
        self._init: subprocess.Popen[bytes] | None = None
        # What is on the disk outlives a reboot in the mount namespace of this process
        script = ["sh", "-euc", _DISK, str(self._scratch), str(lower)]
        self._disk = subprocess.Popen(
            [*MORTAL, "unshare", "--mount", "--", *script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._disk.stdout is not None
        if self._disk.stdout.readline() != b"ready\n":
            raise RuntimeError(f"no overlay over {lower}")
        self._notified = b""
        self._set_up()

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
        """Switch it off and forget all that it wrote."""
        self.switch_off()
        assert self._disk.stdin and self._disk.stdout
        self._disk.stdin.close()
        self._disk.stdout.close()
        self._disk.wait()
        self._scratch.rmdir()
        self._log.unlink(missing_ok=True)
        _remove_cgroup(self._cgroup)

    @property
    def written(self) -> Path:
        """The directory of all files that differ from the root that it was made of."""
        return self._on_disk("upper")

    def outside(self, path: Path | str) -> Path:
        """Return where this process finds the running system's `path`.

        Absolute symbolic links on the way would lead back into the machine's own root.
        """
        return Path(f"/proc/{self._pid()}/root") / Path(path).relative_to("/")

    def mounts(self) -> list[str]:
        """Return where something is mounted."""
        table = Path(f"/proc/{self._pid()}/mounts").read_text(encoding="utf-8")
        return [line.split()[1] for line in table.splitlines()]

    def switch_on(self) -> None:
        """Boot, and wait until systemd has nothing left to do."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind("")  # the kernel chooses an abstract name, which needs no mount
            self._notified = notified.getsockname()
            self._init = self._boot("@" + self._notified[1:].decode())
            self._wait(notified)

    def soft_reboot(self) -> None:
        """Let systemd start user space anew, in /run/nextroot if that is there, and wait for it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(self._notified)
            self.run(["systemctl", "soft-reboot"])
            self._wait(notified)

    def _wait(self, notified: socket.socket) -> None:
        notified.settimeout(_BOOT_SECONDS)
        try:
            while b"READY=1" not in notified.recv(4096).splitlines():
                pass
        except TimeoutError as error:
            jobs = self.run(["systemctl", "list-jobs"], check=False).stdout
            raise RuntimeError(f"no boot: {self._log.read_text()}{jobs}") from error
        self.run(["systemctl", "is-system-running", "--wait"], check=False)

    def replace_root(self, *lower: Path) -> None:
        """Have another root, of directories of which the first hides the others, while it is off.

        What was written is gone, but for /var/lib/containers.
        """
        layers = ":".join(map(str, lower))
        mounts = ["nsenter", f"--mount=/proc/{self._disk.pid}/ns/mnt", "--"]
        run([*mounts, "sh", "-euc", _OTHER_ROOT, str(self._scratch), layers])
        self._set_up()

    def switch_off(self) -> None:
        """Cut the power: everything is killed at once, and what is mounted goes."""
        if self._init is not None:
            # The end of PID 1 takes all others with it; unshare waits for that
            os.kill(self._pid(), signal.SIGKILL)
            self._init.wait()
            self._init = None

    def restart(self) -> None:
        """Cut the power and boot again."""
        self.switch_off()
        self.switch_on()

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: int = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` in the system, in /; after `timeout` seconds it is killed (exit code 137)."""
        pid = self._pid()
        entry = ["nsenter", *(f"--{name}" for name in _NAMESPACES), f"--target={pid}", "--"]
        limit = ["timeout", "--signal=KILL", str(timeout)]
        environment = {**_ENVIRONMENT, **(env or {})}
        argv = [*self._enter(), *entry, *limit, *argv]
        return run(argv, check=check, env=environment, stdin=stdin)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file while the system is on, and the directories above it."""
        self.run(["install", "-D", f"--mode={mode:o}", "/dev/stdin", path], stdin=text)

    def run_beside(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run `argv`, a program of the machine, while the system is off; @ROOT is its root."""
        mounts = ["nsenter", f"--mount=/proc/{self._disk.pid}/ns/mnt", "--"]
        root = str(self._scratch / "root")
        return run([*mounts, *(word.replace("@ROOT", root) for word in argv)], env=_ENVIRONMENT)

    def podman(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman with `arguments`."""
        return self.run(["podman", *arguments], check=check)

    def prepare(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file, and the directories above it, before the system is switched on."""
        target = self._on_disk("root") / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link, and the directories above it, before the system is switched on."""
        link = self._on_disk("root") / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def _boot(self, notify_socket: str) -> subprocess.Popen[bytes]:
        enter = [*MORTAL, "nsenter", f"--mount=/proc/{self._disk.pid}/ns/mnt", "--"]
        namespaces = ["unshare", *(f"--{name}" for name in _NAMESPACES), "--fork", "--kill-child"]
        init = [sys.executable, "-I", str(_INIT)]
        arguments = [str(self._scratch), notify_socket, *(str(each) for each in self._shared)]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [*self._enter("."), *enter, *namespaces, "--", *init, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _enter(self, name: str = "test") -> list[str]:
        """Return the prefix that puts a program into a control group of the system."""
        group = self._cgroup / name
        group.mkdir(exist_ok=True)
        script = 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"'
        return ["sh", "-c", script, "sh", str(group)]

    def _pid(self) -> int:
        assert self._init is not None, "the system is off"
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text()
        return int(children.split()[0])

    def _on_disk(self, name: str) -> Path:
        return Path(f"/proc/{self._disk.pid}/root") / self._scratch.relative_to("/") / name

    def _set_up(self) -> None:
        """Drop the machine's own units and links, and mask what is not for a device like this."""
        shutil.rmtree(self._on_disk("root/etc/systemd/system"), ignore_errors=True)
        for unit in _MASKED:
            self.link(f"/etc/systemd/system/{unit}", "/dev/null")
        # They look for partitions, fstab and init scripts, again whenever units are read
        for generator in self._on_disk("root/usr/lib/systemd/system-generators").iterdir():
            self.link(f"/etc/systemd/system-generators/{generator.name}", "/dev/null")
        self.prepare("/etc/containers/containers.conf", containers_conf())
        # Debian's rpm has its database there, or in /var/lib/rpm if that exists
        home = _ENVIRONMENT["HOME"]
        self.prepare(f"{home}/.rpmmacros", f"%_dbpath {home}/.rpmdb\n")


def _cgroup_root() -> Path:
    """Return where this machine has the control groups version 2."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise RuntimeError("no control groups version 2 on this machine")


def _remove_cgroup(group: Path) -> None:
    for directory in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        directory.rmdir()
    group.rmdir()
