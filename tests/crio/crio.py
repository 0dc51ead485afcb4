"""A device with a real CRI-O instead of the stand-in for it, driven with crictl.

Programs are found on PATH, or in the directory that PAACK_TEST_CRIO names: crio, crictl, crun,
pinns; conmon as the distribution has it. The directory must be on the root filesystem.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Final

from tests.device.device import CRIO_RELOAD, CRIO_START, Device
from tests.device.packages import Packages

_PROGRAMS: Final = ("crio", "crictl", "crun", "pinns", "conmon")
_ENDPOINT: Final = "--runtime-endpoint=unix:///run/crio/crio.sock"
#: As CRI-O's own contrib/systemd/crio.service, with the log of Device
_UNIT: Final = f"""[Unit]
Description=CRI-O
[Service]
Type=notify
ExecStartPre={CRIO_START}
ExecStart=/usr/local/bin/crio
ExecReload={CRIO_RELOAD}
ExecReload=/bin/kill -s HUP $MAINPID
KillMode=process
Delegate=yes
TimeoutStartSec=60
"""
_NETWORK_OF_NODE: Final = {"network": 2, "pid": 1, "ipc": 2}
_MAPS: Final = [{"container_id": 0, "host_id": 100000, "length": 65536}]
_MAPPED: Final = {"ipc": 0, "userns_options": {"mode": 0, "uids": _MAPS, "gids": _MAPS}}


def programs() -> dict[str, str] | None:
    """Return where the programs are, or None when one is missing."""
    path = ":".join(filter(None, (os.environ.get("PAACK_TEST_CRIO"), os.environ["PATH"])))
    found = {name: where for name in _PROGRAMS if (where := shutil.which(name, path=path))}
    return found if len(found) == len(_PROGRAMS) else None


class CrioDevice(Device):
    """A device with CRI-O's own defaults, but for what this machine needs."""

    def __init__(self, packages: Packages, found: dict[str, str]) -> None:
        super().__init__("debian12", packages, on=False)
        self.prepare("/etc/systemd/system/crio.service", _UNIT)
        for name in ("crio", "crictl"):
            self.link(f"/usr/local/bin/{name}", found[name])
        self.prepare("/etc/crio/crio.conf.d/00-test.conf", _configuration(packages, found))
        policy = '{"default": [{"type": "insecureAcceptAnything"}]}'
        self.prepare("/etc/containers/policy.json", policy)
        self.switch_on()

    def kill_crio(self) -> None:
        """Kill it as a crash would: no clean shutdown is recorded. Then start it."""
        self.run(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", "crio.service"])
        self.run(["systemctl", "restart", "crio.service"])

    def crictl(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run crictl."""
        return self.run(["crictl", _ENDPOINT, "--timeout=60s", *words], check=check)

    def crio_images(self, *, pinned: bool | None = None) -> list[str]:
        """Return the first names of all listed images: one each for every store that has it.

        Or only of those that kubelet's garbage collection must leave alone, or need not.
        """
        listed = json.loads(self.crictl("images", "--output=json").stdout)["images"]
        return sorted(
            [*image["repoTags"], *image["repoDigests"]][0]
            for image in listed
            if pinned in (None, image.get("pinned", False))
        )

    def knows(self, image: str) -> bool:
        """Tell whether an image resolves."""
        return self.crictl("inspecti", "--quiet", image, check=False).returncode == 0

    def run_pod(self, name: str, image: str, *, mapped: bool = False) -> str:
        """Run a pod with one container of ``image`` that sleeps; return the container's ID.

        It may have a user namespace of its own.
        """
        options = {**_NETWORK_OF_NODE, **(_MAPPED if mapped else {})}
        linux = {"security_context": {"namespace_options": options}}
        pod = {
            "metadata": {"name": name, "namespace": "test", "uid": name, "attempt": 1},
            "log_directory": f"/var/log/pods/{name}",
            "linux": linux,
        }
        container = {
            "metadata": {"name": name},
            "image": {"image": image},
            "command": ["/bin/sh", "-c", "trap exit TERM; sleep 100000 & wait"],
            "log_path": f"{name}.log",
            "linux": linux,
        }
        files = {"pod": f"/run/{name}-pod.json", "container": f"/run/{name}-container.json"}
        self.write(files["pod"], json.dumps(pod))
        self.write(files["container"], json.dumps(container))
        sandbox = self.crictl("runp", files["pod"]).stdout.strip()
        words = ["create", "--no-pull", sandbox, files["container"], files["pod"]]
        identifier = self.crictl(*words).stdout.strip()
        self.crictl("start", identifier)
        return identifier

    def name_of(self, container: str) -> str:
        """Return what is in the /name of a running container: its image."""
        return self.crictl("exec", "--sync", container, "cat", "/name").stdout.strip()


def _configuration(packages: Packages, found: dict[str, str]) -> str:
    return (
        '[crio]\nstorage_driver = "overlay"\n'
        '[crio.runtime]\ndefault_runtime = "crun"\ncgroup_manager = "cgroupfs"\n'
        f'conmon_cgroup = "pod"\npinns_path = "{found["pinns"]}"\nselinux = false\n'
        'seccomp_profile = ""\n'
        'apparmor_profile = "unconfined"\ndisable_hostport_mapping = true\n'
        'irqbalance_config_restore_file = "disable"\n'
        f'[crio.runtime.runtimes.crun]\nruntime_path = "{found["crun"]}"\nruntime_type = "oci"\n'
        'runtime_root = "/run/crun"\n'
        f'[crio.image]\npause_image = "{packages.image("tool:1")}"\n'
        'pause_command = "/bin/sleep 100000"\n'
        "[crio.nri]\nenable_nri = false\n"
    )
