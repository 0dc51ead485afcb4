"""A real CRI-O on a private host, driven with crictl.

Programs are found on PATH, or in the directory that PAACK_TEST_CRIO names: crio, crictl, crun,
pinns; conmon as the distribution has it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.commands import MINIMAL_ENVIRONMENT
from tests.support.host import Host

SOCKET = "/run/crio/crio.sock"
_READY_SECONDS = 60.0
_NETWORK_OF_NODE = {"network": 2, "pid": 1, "ipc": 2}


def programs() -> str | None:
    """Return the PATH on which all programs are, or None."""
    path = ":".join(filter(None, (os.environ.get("PAACK_TEST_CRIO"), os.environ["PATH"])))
    needed = ("crio", "crictl", "crun", "pinns", "conmon")
    return path if all(shutil.which(name, path=path) for name in needed) else None


@dataclass
class Crio:
    """CRI-O with the host's own configuration: what RPMs put there counts."""

    host: Host
    path: str
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def configure(self, pause_image: str) -> None:
        """Write what this machine needs; everything else is CRI-O's default, or the RPM's."""
        runtime = shutil.which("crun", path=self.path)
        pinns = shutil.which("pinns", path=self.path)
        text = (
            '[crio]\nstorage_driver = "overlay"\nversion_file = "/run/crio/version"\n'
            '[crio.runtime]\ndefault_runtime = "crun"\ncgroup_manager = "cgroupfs"\n'
            f'conmon_cgroup = "pod"\npinns_path = "{pinns}"\nselinux = false\n'
            'seccomp_profile = ""\n'
            'apparmor_profile = "unconfined"\ndisable_hostport_mapping = true\n'
            'irqbalance_config_restore_file = "disable"\n'
            f'[crio.runtime.runtimes.crun]\nruntime_path = "{runtime}"\nruntime_type = "oci"\n'
            'runtime_root = "/run/crun"\n'
            f'[crio.image]\npause_image = "{pause_image}"\npause_command = "/bin/sleep 100000"\n'
            "[crio.nri]\nenable_nri = false\n"
        )
        target = self.host.outside(Path("/etc/crio/crio.conf.d/00-test.conf"))
        self.host.run(["mkdir", "--parents", "/etc/crio/crio.conf.d", "/etc/cni/net.d"])
        target.write_text(text)
        self.host.outside(Path("/etc/crio/crio.conf")).write_text("")

    def start(self) -> None:
        """Start CRI-O and wait until it answers."""
        holder = self.host.outside(Path("/")).parent.name
        entry = [
            "nsenter",
            f"--mount=/proc/{holder}/ns/mnt",
            f"--pid=/proc/{holder}/ns/pid_for_children",
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*entry, "--", str(shutil.which("crio", path=self.path))],
                env={**MINIMAL_ENVIRONMENT, "PATH": self.path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while self.crictl("version", check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"crio does not answer:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, as a crash or a power loss would: no clean shutdown is recorded."""
        self.host.run(["pkill", "--signal", "KILL", "--exact", "crio"])
        self._wait()

    def stop(self) -> None:
        """Stop CRI-O as systemd would; containers go on."""
        self.host.run(["pkill", "--exact", "crio"])
        self._wait()

    def crictl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run crictl."""
        program = str(shutil.which("crictl", path=self.path))
        endpoint = f"--runtime-endpoint=unix://{SOCKET}"
        return self.host.run([program, endpoint, "--timeout=60s", *words], check=check)

    def images(self) -> list[str]:
        """Return the first tags of all listed images: one each for every store that has it."""
        listed = json.loads(self.crictl("images", "--output=json").stdout)["images"]
        return sorted(image["repoTags"][0] for image in listed)

    def knows(self, image: str) -> bool:
        """Tell whether an image resolves."""
        return self.crictl("inspecti", "--quiet", image, check=False).returncode == 0

    def run_pod(self, name: str, image: str) -> str:
        """Run a pod with one container of ``image`` that sleeps; return the container's ID."""
        pod = {
            "metadata": {"name": name, "namespace": "test", "uid": name, "attempt": 1},
            "log_directory": f"/var/log/pods/{name}",
            "linux": {"security_context": {"namespace_options": _NETWORK_OF_NODE}},
        }
        container = {
            "metadata": {"name": name},
            "image": {"image": image},
            "command": ["/bin/sleep", "100000"],
            "log_path": f"{name}.log",
            "linux": {"security_context": {"namespace_options": _NETWORK_OF_NODE}},
        }
        files = {}
        for kind, value in (("pod", pod), ("container", container)):
            files[kind] = f"/run/{name}-{kind}.json"
            self.host.outside(Path(files[kind])).write_text(json.dumps(value))
        sandbox = self.crictl("runp", files["pod"]).stdout.strip()
        words = ["create", "--no-pull", sandbox, files["container"], files["pod"]]
        identifier = self.crictl(*words).stdout.strip()
        self.crictl("start", identifier)
        return identifier

    def read(self, container: str, file: str) -> str:
        """Return a one-line file as a running container sees it."""
        return self.crictl("exec", "--sync", container, "cat", file).stdout.strip()

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=30)
        self._process = None
