"""A real sshd on loopback that lets its user in with a key of its own."""

import getpass
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.commands import MORTAL, run

_SECONDS = 10.0


class Sshd:
    """Listens until it is closed; `rsh` is a command that logs in, for RSYNC_RSH."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        for name in ("host", "user"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)])
        (home / "authorized").write_bytes((home / "user.pub").read_bytes())
        self.port = _free_port()
        options = {
            "ListenAddress": "127.0.0.1",
            "Port": str(self.port),
            "HostKey": str(home / "host"),
            "AuthorizedKeysFile": str(home / "authorized"),
            "PidFile": "none",
            "StrictModes": "no",
            "PermitRootLogin": "prohibit-password",
            "PasswordAuthentication": "no",
            "UsePAM": "no",
        }
        (home / "sshd_config").write_text("".join(f"{k} {v}\n" for k, v in options.items()))
        Path("/run/sshd").mkdir(exist_ok=True)
        sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin")
        assert sshd is not None
        command = [*MORTAL, sshd, "-D", "-e", "-f", str(home / "sshd_config")]
        self._log = (home / "log").open("wb")
        self._process = subprocess.Popen(command, stderr=self._log)
        self.host = f"{getpass.getuser()}@127.0.0.1"
        client = {
            "IdentityFile": str(home / "user"),
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
        }
        words = [word for item in client.items() for word in ("-o", "=".join(item))]
        self.rsh = shlex.join(["ssh", "-F", "none", "-p", str(self.port), *words])
        self._await()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()

    def _await(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "sshd has ended: see its log"
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("sshd does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
