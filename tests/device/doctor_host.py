"""A podman host with the files of an RPM that paack built, its store mounted, and its doctor."""

import hashlib
import json
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paack.helpers.rpm.device_program import device_program
from tests.device.doctor_storage import Storage, dump, identifier
from tests.device.packages import APP, Packages
from tests.device.shells import Combination
from tests.support.podman import Kind, Podman
from tests.support.product import unpack_rpm

PATH = Path("/usr/lib/container-images") / APP
MOUNT = Path("/run/paack") / APP
DOCTOR = f"/usr/libexec/paack/{APP}/doctor"
PROGRAM = device_program().directory
GREENBOOT = f"/usr/lib/greenboot/check/wanted.d/50_paack-{device_program().name}.sh"
#: What scriptlets do that needs no systemd, but for storage.conf
_LIST = f"""
. {PROGRAM}/library
use_package {APP}
put $shared/crio.conf $crio_conf
put $shared/storage.conf $podman_conf
paack_pinned_images || :
"""
CONTAINER = ("--pull=never", "--network=none", "--cgroups=disabled")
OTHER_STORE = Path("/run/other-store")
THERE = [identifier(number) for number in (10, 11)]
#: A layer that is in no store
GONE = identifier(99)
_SKELETON = "paack-empty-store".ljust(64, "-")


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor said: its exit code and its lines, as (ok|WARN|FAIL, check, message)."""

    code: int
    lines: list[tuple[str, str, str]]
    errors: str

    def of(self, status: str) -> list[str]:
        """Return `check: message` of all lines of a status."""
        return [f"{check}: {message}" for found, check, message in self.lines if found == status]


class DoctorHost(Podman):
    """A host on which the first version of the package APP is installed and listed."""

    def __init__(self, kind: Kind, packages: Packages) -> None:
        registries = packages.registry.registries_conf
        super().__init__(kind, packages.repository, registries_conf=registries)
        self.packages = packages
        self.podman("images")  # says once what it misses in /etc/cni
        self.install(packages.v1)
        self.use_stores([PATH])

    def install(self, rpm: str) -> None:
        """Put the RPM's files in their places and mount its store, as its scriptlets do."""
        unpack_rpm(Path(rpm), self.host.outside(Path("/")))
        if self.host.run(["mountpoint", "--quiet", str(MOUNT)], check=False).returncode == 0:
            self.umount(MOUNT)
        self.skeleton(MOUNT)
        self.mount_image(PATH.with_name(f"{APP}.squashfs"), MOUNT, "squashfs")
        self.host.run(["sh", "-c", _LIST])

    def skeleton(self, where: Path) -> None:
        """Make the empty store that lies below a mounted one."""
        for name in ("images", "layers"):
            self.write(where / f"overlay-{name}" / f"{name}.lock", _SKELETON)

    def write(self, path: Path, text: str, mode: int = 0o644) -> None:
        """Write a file and the directories above it."""
        self.host.run(["install", "-D", f"--mode={mode:o}", "/dev/stdin", str(path)], stdin=text)

    def doctor(self, *options: str) -> Diagnosis:
        """Run the doctor, as in a service: a pipe that nobody reads is no signal."""
        command = ["env", "--ignore-signal=PIPE", DOCTOR, *options]
        return diagnosis(self.host.run(command, check=False))

    def use(self, combination: Combination) -> None:
        """Have the doctor run by another shell, with another awk, from now on."""
        awk = {"busybox": "/usr/bin/busybox"}.get(combination.awk, f"/usr/bin/{combination.awk}")
        options = {"bash": " --posix", "busybox": " sh"}.get(combination.shell, "")
        self.host.run(["ln", "--symbolic", "--force", awk, "/usr/bin/awk"])
        first = f"1s|.*|#!/usr/bin/{combination.shell}{options}|"
        self.host.run(["sed", "--in-place", first, f"{PROGRAM}/doctor"])

    def without_podman(self, *options: str) -> Diagnosis:
        """Run the doctor as on a host of CRI-O alone."""
        self.host.run(["mv", "/usr/bin/podman", "/usr/bin/podman.away"])
        try:
            return self.doctor(*options)
        finally:
            self.host.run(["mv", "/usr/bin/podman.away", "/usr/bin/podman"])

    def files(self) -> dict[str, str]:
        """Return all that is in the read-write storage: path -> what it is."""
        return tree(self.graphroot)

    def files_of(self, storage: Storage) -> dict[str, str]:
        """Return what `files` would be of a storage made by hand."""
        directory = self.home / "expected"
        storage.write(directory)
        return tree(directory)

    def records(self, name: str) -> list[dict[str, Any]]:
        """Return the records of images, layers or containers in read-write storage."""
        found = []
        for file in (f"{name}.json", f"volatile-{name}.json"):
            path = self.graphroot / f"overlay-{name}" / file
            if path.exists():
                found += json.loads(path.read_bytes())
        return found


@contextmanager
def crio_host(packages: Packages) -> Iterator[DoctorHost]:
    """Make a host without podman, with a second store that has the layers THERE."""
    with DoctorHost("debian12", packages) as host:
        host.host.run(["mv", "/usr/bin/podman", "/usr/bin/podman.away"])
        host.write(OTHER_STORE / "overlay-layers/layers.lock", "")
        host.write(OTHER_STORE / "overlay-layers/layers.json", dump([{"id": i} for i in THERE]))
        host.use_stores([PATH, OTHER_STORE])
        yield host


def diagnosis(done: subprocess.CompletedProcess[str]) -> Diagnosis:
    """Parse the lines that the doctor printed."""
    lines = []
    for line in done.stdout.splitlines():
        status, _, rest = line.partition(" ")
        check, _, message = rest.strip().partition(": ")
        lines.append((status, check, message))
    return Diagnosis(done.returncode, lines, done.stderr)


def tree(root: Path) -> dict[str, str]:
    """Return all that is at and below `root`: path -> type, mode, and what is in it."""
    return {str(path.relative_to(root)): _describe(path) for path in sorted(root.rglob("*"))}


def _describe(path: Path) -> str:
    status = path.lstat()
    mode = stat.filemode(status.st_mode)
    if path.is_symlink():
        return f"{mode} {path.readlink()}"
    if path.is_file():
        return f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return mode


def without(files: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the files of a tree whose path has none of `names` in it."""
    return {path: what for path, what in files.items() if not any(name in path for name in names)}
