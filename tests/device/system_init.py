"""What comes before PID 1 of a device; a program of its own, run in fresh namespaces.

    system_init.py DISK NOTIFY_SOCKET [SHARED_DIRECTORY ...]

It mounts what a container manager would below DISK/root, makes that the root, and becomes systemd,
which reports to NOTIFY_SOCKET.
"""

import os
import subprocess
import sys
from pathlib import Path

_INIT = "/lib/systemd/systemd"


def main(disk: Path, notify_socket: str, shared: list[Path]) -> None:
    """Build the root, enter it, and become systemd."""
    root = disk / "root"
    _kernel_filesystems(root)
    _bind(disk / "containers", root / "var/lib/containers")
    for directory in shared:
        _bind(directory, root / directory.relative_to("/"))
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "."], check=True)
    subprocess.run(["umount", "--lazy", "."], check=True)
    os.chdir("/")
    # Control groups 2 on a machine that may have none of its controllers there
    command_line = ["systemd.unit=multi-user.target", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
    options = ["--log-target=null", "--show-status=no", *command_line]
    environment = {
        "container": "paack",
        "NOTIFY_SOCKET": notify_socket,
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        # Else, after five changes of mounts within a second, it mounts nothing before that is over.
        # Version 252 does not know this.
        "SYSTEMD_DEFAULT_MOUNT_RATE_LIMIT_BURST": "1000",
    }
    os.execve(_INIT, [_INIT, *options], environment)


def _kernel_filesystems(root: Path) -> None:
    _mount("--types=proc", "proc", str(root / "proc"))
    _mount("--types=sysfs", "--options=ro", "sysfs", str(root / "sys"))
    _mount("--types=cgroup2", "cgroup2", str(root / "sys/fs/cgroup"))
    _bind(Path("/dev"), root / "dev")
    _mount("--types=tmpfs", "--options=mode=1777", "tmpfs", str(root / "dev/shm"))
    _mount("--types=tmpfs", "--options=mode=0755", "tmpfs", str(root / "run"))
    _mount("--types=tmpfs", "--options=mode=1777", "tmpfs", str(root / "tmp"))


def _bind(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    _mount("--rbind", str(source), str(target))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [Path(each) for each in sys.argv[3:]])
