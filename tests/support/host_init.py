"""The first process of a private test host; a program of its own, run inside `unshare`.

    host_init.py SCRATCH LOWER [SHARED_DIRECTORY ...]

It lays a throw-away tmpfs overlay over the root directory LOWER, mounts the kernel's filesystems
and the shared directories (at the same paths), makes that the root, says "ready" on stdout, and
then lives until its stdin closes. SCRATCH is an empty directory, the mount point of the tmpfs.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path


def main(scratch: Path, lower: Path, shared: list[Path]) -> None:
    """Build the root, enter it, and wait for the end of stdin."""
    root = _overlay(scratch, lower)
    _kernel_filesystems(root)
    for directory in shared:
        _bind(directory, root / directory.relative_to("/"))
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "."], check=True)
    subprocess.run(["umount", "--lazy", "."], check=True)
    os.chdir("/")
    # As PID 1 of its namespace this process inherits orphans: let the kernel reap them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()


def _overlay(scratch: Path, lower: Path) -> Path:
    _mount("--types=tmpfs", "tmpfs", str(scratch))
    upper, work, root = scratch / "upper", scratch / "work", scratch / "root"
    for directory in (upper, work, root):
        directory.mkdir()
    root.chmod(0o755)
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    _mount("--types=overlay", f"--options={layers}", "overlay", str(root))
    return root


def _kernel_filesystems(root: Path) -> None:
    _mount("--types=proc", "proc", str(root / "proc"))
    _bind(Path("/sys"), root / "sys")
    _bind(Path("/dev"), root / "dev")
    # crun refuses hosts that have both cgroup hierarchies
    unified = root / "sys/fs/cgroup/unified"
    if unified.is_mount():
        subprocess.run(["umount", str(unified)], check=True)
    _mount("--types=tmpfs", "--options=mode=1777", "tmpfs", str(root / "dev/shm"))
    _mount("--types=tmpfs", "--options=mode=0755", "tmpfs", str(root / "run"))
    _mount("--types=tmpfs", "--options=mode=1777", "tmpfs", str(root / "tmp"))


def _bind(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    _mount("--rbind", str(source), str(target))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(given) for given in sys.argv[3:]])
