"""Transactions that are killed: at the Nth program of a scriptlet, or at the Nth system call."""

import time
from dataclasses import dataclass
from typing import Final

from tests.device.device import Device

#: The programs in scriptlets that change something
PROGRAMS: Final = ("mv", "rm", "systemctl", "systemd-tmpfiles")
_REAL: Final = "/usr/libexec/real"
_COUNTER: Final = "/run/killed-at"
# Stands for each of them. What changes nothing does not count: a kill before it and one after are
# the same. rpm goes first, then the scriptlet, so nothing comes after this call.
_PROGRAM: Final = f"""#!/bin/sh
PATH={_REAL}:$PATH
changes_something() {{
    case ${{0##*/}}-$1 in
    systemctl---quiet | systemctl-show | systemctl-reset-failed) return 1 ;;
    systemctl-stop | systemctl-try-restart) systemctl --quiet is-active "$2" ;;
    rm-*)
        for path in "$@"; do
            [ ! -e "$path" ] && [ ! -h "$path" ] || return 0
        done
        return 1
        ;;
    esac
}}
if [ -e {_COUNTER} ] && changes_something "$@"; then
    count=$(($(cat {_COUNTER}) - 1))
    echo "$count" >{_COUNTER}
    if [ "$count" = 0 ]; then
        process=$$ killed=
        until [ "$process" = 1 ]; do
            process=$(awk '/^PPid:/ {{ print $2 }}' "/proc/$process/status")
            killed="$process $killed"
            case $(cat "/proc/$process/comm") in rpm | dnf) break ;; esac
        done
        kill -KILL $killed
        exit 1
    fi
fi
exec "{_REAL}/${{0##*/}}" "$@"
"""


def prepare(device: Device) -> None:
    """Make the programs of scriptlets countable."""
    for program in PROGRAMS:
        path = device.run(["sh", "-c", f"command -v {program}"]).stdout.strip()
        device.run(["install", "-D", path, f"{_REAL}/{program}"])
    for program in PROGRAMS:
        path = device.run(["sh", "-c", f"command -v {program}"]).stdout.strip()
        device.run([f"{_REAL}/rm", path])
        device.write(path, _PROGRAM, 0o755)


@dataclass(frozen=True)
class Place:
    """Where rpm is killed: at its `call` of that number, or a ``program`` of its scriptlets."""

    call: str
    number: int

    def killed(self, device: Device, *arguments: str) -> bool:
        """Run rpm with `arguments` and kill it there; return False when it does not come there."""
        if self.call == "program":
            return killed_at_program(device, self.number, *arguments)
        return killed_at_call(device, self.number, self.call, *arguments)


def killed_at_program(device: Device, number: int, *arguments: str) -> bool:
    """Run rpm with `arguments`; kill it before the program `number` of its scriptlets starts.

    Programs that change nothing are not counted. Returns False when there are not so many: then
    it was not killed.
    """
    device.write(_COUNTER, f"{number}\n")
    code = device.rpm(*arguments, check=False).returncode
    device.run([f"{_REAL}/rm", _COUNTER])
    assert code in (0, -9, 137), code
    return code != 0


def killed_at_call(device: Device, number: int, call: str, *arguments: str) -> bool:
    """Run rpm with `arguments`; kill it at its system call `call` of that number, if there is one.

    Returns False when there are not so many: then it was not killed.
    """
    inject = f"inject={call}:signal=KILL:when={number}"
    command = ["strace", "--quiet=all", "-e", f"trace={call}", "-e", inject, "rpm", *arguments]
    code = device.run(command, check=False).returncode
    assert code in (0, -9, 137), code
    # rpm names its temporary files by the second: the next transaction must not find them in place
    time.sleep(1 - time.time() % 1)
    return code != 0


def start_services(device: Device) -> None:
    """Fails when podman or CRI-O does not start."""
    device.podman("images")
    device.run(["systemctl", "reset-failed", "crio.service"])
    device.run(["systemctl", "restart", "crio.service"])


def files(device: Device) -> dict[str, str]:
    """Return the state without what rpm itself leaves: files that it has not renamed yet."""
    found = device.state().items()
    return {path: what for path, what in found if what[0] != "d" and ";" not in path}
