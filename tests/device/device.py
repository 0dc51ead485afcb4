"""A device on which RPMs are installed: podman, rpm, dnf, systemd, and a stand-in for CRI-O."""

import json
import stat
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.device.packages import HOST, Packages
from tests.device.system import System
from tests.support.podman import Kind, root_of

RUN: Final = ("--pull=never", "--network=none", "--cgroups=disabled")
#: What writes the starts and reloads of CRI-O
CRIO_START: Final = "/usr/local/bin/crio-start"
CRIO_RELOAD: Final = "/usr/local/bin/crio-reload"
_LOG: Final = "/var/lib/crio.log"
# Like CRI-O it does not start when a listed store is missing. It is no container runtime.
_CRIO_START: Final = f"""#!/bin/sh
stores=$(sed -n 's/^storage_option = \\["overlay.imagestore=\\(.*\\)"\\]$/\\1/p' \\
    /etc/crio/crio.conf.d/* 2>/dev/null | sort)
for store in $stores; do
    [ -d "$store/." ] || {{ echo "missing $store" >>{_LOG}; exit 1; }}
done
echo start $stores >>{_LOG}
"""
_CRIO_RELOAD: Final = f"""#!/bin/sh
echo reload $(grep -c '^    "' /etc/crio/crio.conf.d/99-paack-pinned-images.conf) >>{_LOG}
"""
_CRIO_UNIT: Final = f"""[Unit]
Description=Stand-in for CRI-O
[Service]
Type=exec
ExecStartPre={CRIO_START}
ExecStart=/bin/sleep infinity
ExecReload={CRIO_RELOAD}
"""
#: What is larger than this is a store, not text that a test looks for.
_LARGE: Final = 65_536
#: Where a run of podman, rpm or dnf leaves things that are not the package's.
_NOT_COMPARED: Final = (
    "etc/.pwd.lock",
    "etc/containers/networks",
    "home/device",
    "usr/lib/sysimage",
    "var/cache",
    "var/lib/crio.log",
    "var/lib/dnf",
    "var/lib/rpm",
    "var/lib/systemd",
    "var/log",
    "var/tmp",
)


@dataclass(frozen=True)
class Image:
    """What podman says of an image: its names, and whether it is in a read-only store."""

    names: tuple[str, ...]
    read_only: bool


class Device(System):
    """A system with what `packages` need; see System for the rest."""

    def __init__(
        self, kind: Kind, packages: Packages, *, on: bool = True, shared: Sequence[Path] = ()
    ) -> None:
        self.kind = kind
        self._packages = packages
        self._lower = root_of(kind)
        super().__init__(self._lower, shared=[packages.repository, *shared])
        if on:
            self.switch_on()

    def boot(self, deployment: Path) -> None:
        """Cut the power and boot with the files of ``deployment`` over the root."""
        self.switch_off()
        self.replace_root(deployment, self._lower)
        self.switch_on()

    def _set_up(self) -> None:
        super()._set_up()
        conf = self._packages.registry.registries_conf.read_text(encoding="utf-8")
        self.prepare("/etc/containers/registries.conf", conf)
        self.prepare(CRIO_START, _CRIO_START, 0o755)
        self.prepare(CRIO_RELOAD, _CRIO_RELOAD, 0o755)
        self.prepare("/etc/systemd/system/crio.service", _CRIO_UNIT)
        self.link("/etc/systemd/system/multi-user.target.wants/crio.service", "../crio.service")
        rpm = str(self._packages.rpms[HOST, "1"])
        self.run_beside(["rpm", "--root=@ROOT", "--install", rpm])

    def rpm(
        self, *arguments: str, check: bool = True, timeout: int = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run rpm with `arguments`."""
        return self.run(["rpm", *arguments], check=check, timeout=timeout)

    def dnf(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run dnf with `arguments` and the repository of the packages."""
        return self.run(self.dnf_command(*arguments), check=check)

    def dnf_command(self, *arguments: str) -> list[str]:
        """Return the argument list of dnf with `arguments` and the repository of the packages."""
        return [
            "dnf",
            "--assumeyes",
            "--noplugins",
            "--releasever=1",
            "--setopt=reposdir=/none",
            "--setopt=packages.gpgcheck=0",
            f"--repofrompath=packages,file://{self._packages.repository}",
            *arguments,
        ]

    def start_podman_service(self) -> None:
        """Start podman's API service, which stays up."""
        command = "/usr/bin/podman system service --time=0"
        self.write(
            "/run/systemd/system/podman.service.d/stay.conf",
            f"[Service]\nExecStart=\nExecStart={command}\n",
        )
        self.run(["systemctl", "daemon-reload"])
        self.run(["systemctl", "start", "podman.service"])

    def names_of_service(self) -> set[str]:
        """Return the names with a tag of all images that podman's API service lists."""
        remote = ("--remote", "--url=unix:///run/podman/podman.sock")
        listed = json.loads(self.podman(*remote, "images", "--format=json").stdout)
        names = {name for each in listed for name in each["Names"]}
        return {name for name in names if "@" not in name}

    def verify(self, package: str) -> str:
        """Return what `rpm --verify` finds fault with."""
        return self.rpm("--verify", package, check=False).stdout

    def images(self) -> list[Image]:
        """Return what podman lists, sorted by name."""
        listed = json.loads(self.podman("images", "--format=json").stdout)
        images = [Image(tuple(each["Names"]), each.get("ReadOnly", False)) for each in listed]
        return sorted(images, key=lambda image: image.names)

    def names(self, *, read_only: bool = True) -> set[str]:
        """Return the names with a tag of all images that are (or are not) in a read-only store.

        Raises ValueError when a name is listed twice.
        """
        found = [
            name for each in self.images() if each.read_only == read_only for name in each.names
        ]
        tagged = [name for name in found if "@" not in name]
        if len(set(tagged)) != len(tagged):
            raise ValueError(f"listed twice: {tagged}")
        return set(tagged)

    def name_in(self, image: str) -> str:
        """Run a container of the image and return what is in its /name."""
        return self.podman("run", "--rm", *RUN, image, "cat", "/name").stdout.strip()

    def break_file(self, path: str) -> None:
        """Put another file in the place of `path`, with nothing useful in it.

        mount(8) uses a loop device that it finds for the same file, or the same name of none.
        """
        self.run(["rm", path])
        self.write(path, "broken\n" * 1000)

    def mounts(self) -> list[str]:
        """Return where stores are mounted."""
        return [where for where in super().mounts() if "/run/paack/" in where]

    def crio_log(self) -> list[str]:
        """Return what the stand-in for CRI-O wrote: its starts with the stores, its reloads."""
        return self.outside(_LOG).read_text(encoding="utf-8").splitlines()

    def state(self) -> dict[str, str]:
        """Return all that is there in files and mounts: path -> what it is.

        Only what differs from the root that the system was made of, not what other programs than
        scriptlets and rpm's own unpacking write.
        """
        self.podman("images")  # which makes locks and an empty storage
        return self.state_after_podman()

    def state_after_podman(self) -> dict[str, str]:
        """Return the state when podman has just listed the images."""
        return dict(sorted(self._written(["/run/paack", "/run/systemd/transient"])))

    def _written(self, volatile: Sequence[str]) -> Iterable[tuple[str, str]]:
        for path in self.written.rglob("*"):
            name = str(path.relative_to(self.written))
            if name.startswith(_NOT_COMPARED):
                continue
            if not path.is_dir() or path.is_symlink() or not (self._lower / name).is_dir():
                yield f"/{name}", _describe(path)
        for name in volatile:
            if self.outside(name).exists():
                yield name, "there"
        for where in self.mounts():
            yield where, "mounted"


def _describe(path: Path) -> str:
    status = path.lstat()
    mode = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if path.is_symlink():
        return f"{mode} {path.readlink()}"
    if not path.is_file():
        return mode
    content = path.read_bytes()
    return f"{mode} {content if len(content) < _LARGE else sha256(content).hexdigest()!r}"
