"""Calls of the program in forks of one process that has imported it: a start costs 0.3 s of CPU.

A fork gets arguments, environment, directory and outputs of its own, and ends as a process does.
What Python takes from the environment before it imports anything needs a real start.
"""

from __future__ import annotations

import atexit
import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

_SERVER = Path(__file__).with_name("fork_server.py")
_AT_ITS_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")


class Forks:
    """Runs the program; the process behind it starts when it is first needed, and ends with us."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._lock = threading.Lock()
        self._channel: socket.socket | None = None

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[str] | None:
        """Run ``paack ARGUMENTS`` without an input, as subprocess.run does.

        Returns None when that needs a new process: for its environment, or because another call
        is running.
        """
        if _at_start(environment) != _at_start(self._environment):
            return None
        if not self._lock.acquire(blocking=False):
            return None
        try:
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
                request = {"arguments": [*arguments], "env": {**environment}, "cwd": str(cwd)}
                status = self._ask(json.dumps(request), out, errors)
                said = [_text(file) for file in (out, errors)]
        finally:
            self._lock.release()
        return subprocess.CompletedProcess([*arguments], status, *said)

    def _ask(self, request: str, out: BinaryIO, errors: BinaryIO) -> int:
        outputs = [out.fileno(), errors.fileno()]
        try:
            socket.send_fds(self._connected(), [request.encode()], outputs)
        except BrokenPipeError:  # it was killed while it had nothing to do
            self._channel = None
            socket.send_fds(self._connected(), [request.encode()], outputs)
        return int(self._connected().recv(100))

    def _connected(self) -> socket.socket:
        if self._channel is None:
            self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with other:
                command = [sys.executable, "-P", str(_SERVER)]
                server = subprocess.Popen(
                    command, stdin=other.fileno(), env=self._environment, start_new_session=True
                )
            atexit.register(_end, self._channel, server)
        return self._channel


def _end(channel: socket.socket, server: subprocess.Popen[bytes]) -> None:
    channel.close()
    server.wait()


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in environment if name.startswith(_AT_ITS_START)}


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n").replace("\r", "\n")
