"""podman hosts: Debian 12's (the machine's own), Debian 13's and sid's; each has its storage."""

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.support import debian13, debian_sid
from tests.support.host import Host
from tests.support.tree import ROOT, Tree, read_tree

Kind = Literal["debian12", "debian13", "sid"]
#: podman 4.3 and 5.4
KINDS: tuple[Kind, ...] = ("debian12", "debian13")
#: and one with the parser of storage.conf that podman 6 has
ALL_KINDS: tuple[Kind, ...] = (*KINDS, "sid")
_CONFIGURATION = Path("/etc/containers")
# podman 4 refuses longer ones than 50 characters, but only when it cleans up after a container
_RUNROOT = "/run/containers/storage"
_NO_SUCH_COMMAND = "/no-such-command"


class Podman:
    """Root's podman on a private host (`.host`) with its storage below `base`.

    The host sees `base` and the directories `shared` at their own paths; its configuration is
    where a real host has it, in /etc/containers. Closing it removes the storage.
    """

    def __init__(
        self,
        kind: Kind,
        base: Path,
        *,
        registries_conf: Path | None = None,
        additional_stores: Sequence[Path] = (),
        shared: Sequence[Path] = (),
    ) -> None:
        self.kind = kind
        self.home = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=base.resolve()))
        self.host = Host(root_of(kind), shared=[base, *shared])
        self.host.run(["mkdir", "--parents", str(_CONFIGURATION)])
        self._configure("containers.conf", containers_conf())
        if registries_conf is not None:
            self.use_registries(registries_conf)
        self.use_stores(additional_stores)

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
        """End the host with all containers and mounts, and remove the storage."""
        self.host.close()
        shutil.rmtree(self.home)

    @property
    def graphroot(self) -> Path:
        """The read-write storage."""
        return self.home / "graphroot"

    def use_registries(self, registries_conf: Path) -> None:
        """Make a copy of `registries_conf` the host's from the next command on."""
        self._configure("registries.conf", registries_conf.read_text(encoding="utf-8"))

    def use_stores(self, stores: Sequence[Path]) -> None:
        """Make `stores` the additional image stores from the next command on."""
        # JSON's strings and lists of strings are TOML, too.
        listed = json.dumps([str(store) for store in stores])
        self._configure(
            "storage.conf",
            '[storage]\ndriver = "overlay"\n'
            f"graphroot = {json.dumps(str(self.graphroot))}\n"
            f"runroot = {json.dumps(_RUNROOT)}\n"
            f"[storage.options]\nadditionalimagestores = {listed}\n",
        )

    def podman(
        self, *arguments: str, check: bool = True, timeout: int = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run podman with `arguments`; see Host.run for `check` and `timeout`."""
        quiet = {"PODMAN_IGNORE_CGROUPSV1_WARNING": "yes"}
        return self.host.run(["podman", *arguments], check=check, env=quiet, timeout=timeout)

    def run(
        self, image: str, *command: str, options: Sequence[str] = (), check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in a new container of `image`, which must be there, and remove it."""
        ours = ["--rm", "--pull=never", "--network=none", "--cgroups=disabled"]
        return self.podman("run", *ours, *options, image, *command, check=check)

    def mount_image(self, file: Path, where: Path, filesystem: str) -> None:
        """Loop-mount a store image (a file that the host sees) read-only on `where`."""
        self.host.mount_image(file, where, filesystem)

    def umount(self, where: Path) -> None:
        """Unmount `where`."""
        self.host.umount(where)

    def tree(self, image: str) -> Tree:
        """Return what a new container of `image` sees before its start, and remove it again.

        The image's own root directory has no time in a container: its mtime is None.
        """
        flags = ["--pull=never", "--network=none", "--cgroups=disabled"]
        made = self.podman("create", *flags, image, _NO_SUCH_COMMAND)
        container = made.stdout.strip()
        try:
            mounted = self.podman("mount", container).stdout.strip()
            tree = self.tree_of(Path(mounted))
            self.podman("umount", container)
        finally:
            self.podman("rm", "--force", container)
        return {**tree, ROOT: replace(tree[ROOT], mtime=None)}

    def tree_of(self, directory: Path) -> Tree:
        """Return what the host sees at and below `directory`."""
        return read_tree(self.host.outside(directory))

    def _configure(self, name: str, text: str) -> None:
        self.host.outside(_CONFIGURATION / name).write_text(text, encoding="utf-8")


def root_of(kind: Kind) -> Path:
    """Return the root directory of such a host, making it when the test cache lacks it."""
    roots = {"debian12": lambda: Path("/"), "debian13": debian13.root, "sid": debian_sid.root}
    return roots[kind]()


def containers_conf() -> str:
    """Return a containers.conf(5) that asks for no more than this machine's limits and cgroups."""
    limits = json.dumps(
        [
            f"nofile={_at_most(resource.RLIMIT_NOFILE, 20_000)}",
            f"nproc={_at_most(resource.RLIMIT_NPROC, 1_000)}",
        ]
    )
    return (
        f"[containers]\ndefault_ulimits = {limits}\n"
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "crun"\n'
    )


def _at_most(limit: int, wanted: int) -> str:
    hard = resource.getrlimit(limit)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    return f"{value}:{value}"
