"""The product under measurement, and the floor: what no such tool can be faster than."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.registry import Blob, StaticRegistry
from bench.workload import Workload
from tests.support.product import REPOSITORY

_PROGRAM = """
import os, pathlib
from {module} import main
try:
    main()
finally:
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path(os.environ["BENCH_PEAK"]).write_text(status.split("VmHWM:")[1].split()[0])
"""
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
#: As paack 2.0 did it: the floor is that of all versions.
SQUASHFS = ("--compressor", "zstd", "--comp-extra", "level=9", "--block-size", "131072")


class Build:
    """Builds of one workload, each in the same directory ``home``."""

    def __init__(
        self,
        home: Path,
        workload: Workload,
        registry: StaticRegistry,
        *,
        filesystem: str = "squashfs",
        environment: Mapping[str, str] | None = None,
        layers: str = "",
        older: Path | None = None,
        cache: Path | None = None,
    ) -> None:
        """``older`` is a checkout of paack 2.0; ``cache`` another's (default: its own)."""
        self.home = home
        self.cache = cache or home / "cache"
        self._program = _PROGRAM.format(module="tasks" if older else "paack.commands")
        self._workload = workload
        self._peak = home / "peak"
        # Where a shell forbids it, each start would compile all modules: 0.15 s.
        kept = {key: value for key, value in os.environ.items() if key != _NO_BYTECODE}
        self._environment = {
            **kept,
            "PYTHONPATH": str(older or REPOSITORY),
            "XDG_CACHE_HOME": str(self.cache),
            "CONTAINERS_REGISTRIES_CONF": str(registry.registries_conf),
            "BENCH_PEAK": str(self._peak),
            "PAACK_QUIET": "1",
            **(environment or {}),
        }
        self._definition = home / "bench.yaml"
        home.mkdir(parents=True, exist_ok=True)
        self._definition.write_text(_definition(workload, registry, filesystem, layers), "utf-8")

    @property
    def lock(self) -> Path:
        """The lock of the definition, once there is one."""
        return self._definition.with_name("bench.lock.yaml")

    def clear(self) -> None:
        """Forget all: lock, cache and output."""
        for directory in (self.cache, self.home / "out"):
            shutil.rmtree(directory, ignore_errors=True)
        self.lock.unlink(missing_ok=True)

    def release(self, version: str) -> None:
        """Let the packages have a version from now on."""
        text = self._definition.read_text("utf-8")
        self._definition.write_text(re.sub("version: .*", f"version: '{version}'", text), "utf-8")

    def cold(self) -> dict[str, int]:
        """Lock, fetch and build; nothing is there yet."""
        return self.warm()

    def lock_again(self) -> None:
        """Resolve all tags anew."""
        self._run("lock", "--update")

    def forget(self) -> None:
        """Remove the RPMs, but keep what they are made from."""
        shutil.rmtree(self.home / "out", ignore_errors=True)

    def warm(self) -> dict[str, int]:
        """Build again: all is there."""
        self._run("build", "--output", str(self.home / "out"))
        return {
            "peak": int(self._peak.read_text()) * 1024,
            "rpm": sum(rpm.stat().st_size for rpm in self.rpms()),
            "disk": sum(image.stat().st_size for image in self.images()),
        }

    def relink(self) -> dict[str, int]:
        """Build again without any output: layers are in the cache, compiled."""
        self.forget()
        return self.warm()

    def _run(self, task: str, *options: str) -> None:
        command = [
            sys.executable,
            "-c",
            self._program,
            task,
            "--def",
            str(self._definition),
            *options,
        ]
        subprocess.run(
            command,
            env=self._environment,
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )

    def rpms(self) -> list[Path]:
        """Return the RPMs."""
        return sorted((self.home / "out" / "rpms").rglob("*.rpm"))

    def images(self) -> list[Path]:
        """Return the store images."""
        stores = (self.home / "out" / "stores").glob("*")
        return sorted(path for path in stores if path.suffix in (".squashfs", ".erofs"))


def floor(home: Path, workload: Workload) -> dict[str, int]:
    """Gunzip each unique layer into its own tar2sqfs, one after the other."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return {"disk": sum(_floor(home, workload, layer) for layer in workload.layers)}


def _floor(home: Path, workload: Workload, layer: Blob) -> int:
    target = home / layer.digest.removeprefix("sha256:")
    with (
        workload.blobs.file(layer.digest).open("rb") as blob,
        subprocess.Popen(("gunzip",), stdin=blob, stdout=subprocess.PIPE) as gunzip,
    ):
        command = ["tar2sqfs", "--quiet", "--no-skip", *SQUASHFS, str(target)]
        subprocess.run(command, stdin=gunzip.stdout, stderr=subprocess.DEVNULL, check=True)
    return target.stat().st_size


def _definition(workload: Workload, registry: StaticRegistry, filesystem: str, layers: str) -> str:
    lines = ["packages:"]
    for number, images in enumerate(workload.packages):
        lines += [
            f"- name: bench-{number}",
            "  version: '1'",
            f"  filesystem: {filesystem}",
            *([f"  layers: {layers}"] if layers else ()),
            f"  arches: [{platform.machine()}]",
            "  images:",
            *(f"  - {registry.reference(image)}" for image in images),
        ]
    return "\n".join([*lines, ""])
