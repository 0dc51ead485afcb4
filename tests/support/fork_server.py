"""The process that ``forks`` starts: it imports paack, and forks for each request on its stdin.

A request is a JSON object, with stdout and stderr of the fork as file descriptors. The answer is
the fork's status, as subprocess has it. It runs with -P: its own directory in sys.path would hide
modules of the same names.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
from typing import Any

import paack.helpers.farm.mock

# What a build needs, so that forks have it.
import paack.helpers.pipe
import paack.helpers.repo.publish_job
import paack.helpers.report.page
import paack.helpers.verify.verify  # noqa: F401
from paack.commands import main


def serve() -> None:
    """Serve until the other end is closed; in a fork, return to what then runs the program."""
    channel = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    gc.freeze()
    while True:
        request, outputs, _, _ = socket.recv_fds(channel, 1 << 20, 2)
        if not request:
            os._exit(0)
        child = os.fork()
        if not child:
            channel.close()
            become(json.loads(request), outputs)
            return
        for output in outputs:
            os.close(output)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        channel.send(str(status).encode())


def become(request: dict[str, Any], outputs: list[int]) -> None:
    """Make this process what the request wants."""
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
        os.close(output)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["-c", *request["arguments"]]


serve()
main()
