#!/usr/bin/env python3
"""Stands in for mock: records how it was called, and leaves what mock leaves.

Where FAKE_MOCK points to, `calls` gets a line of JSON per call. FAKE_MOCK_STATUS is its exit
status, or `TARGET=STATUS`. FAKE_MOCK_WAIT makes it wait for SIGTERM.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

#: How a real root.log ends (mock 6.7).
_CLEANING_UP = """\
DEBUG util.py:635:  child environment: None
DEBUG util.py:557:  Executing command: ['/bin/umount', '-n', '-l', '/root/dev/pts'] with env {}
DEBUG util.py:609:  Child return code was: 0
DEBUG util.py:557:  Executing command: ['btrfs', 'subv', 'list', '/root'] with env {}
DEBUG util.py:184:  kill orphans in chroot /root
"""


def main() -> int:
    """Do what the environment says and return the exit status."""
    place = Path(os.environ["FAKE_MOCK"])
    arguments = sys.argv[1:]
    with (place / "calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    target = arguments[arguments.index("-r") + 1]
    results = Path(arguments[arguments.index("--resultdir") + 1])
    srpm = arguments[arguments.index("--rebuild") + 1]
    print("INFO: mock.py version 6.7 starting", file=sys.stderr, flush=True)
    for name in ("build", "root", "state"):
        lines = [f"{name} log of {target}, line {number}" for number in range(100)]
        last = os.environ.get("FAKE_MOCK_LAST", "")
        noise = _CLEANING_UP * 20 if name == "root" else ""
        (results / f"{name}.log").write_text("\n".join([*lines, last, noise]))
    if "FAKE_MOCK_WAIT" in os.environ:
        signal.signal(signal.SIGTERM, lambda *_: end(place / "terminated"))
        print("INFO: waiting", flush=True)
        signal.pause()
    wanted = os.environ.get("FAKE_MOCK_STATUS", "0")
    name, equals, status = wanted.partition("=")
    result = int(status if equals else name) if not equals or name == target else 0
    if result == 0:
        rebuild(srpm, results, target.removesuffix(".cfg").rpartition("-")[2])
    elif "FAKE_MOCK_LEAVES" in os.environ:
        (results / "app-1.0-1.x86_64.rpm").write_text("half an RPM")
    if result >= 128 and "FAKE_MOCK_KILL" in os.environ:
        os.kill(os.getpid(), result - 128)
    print("ERROR: the last words", file=sys.stderr)
    return result


def end(note: Path) -> None:
    """End as mock does on SIGTERM."""
    note.touch()
    sys.exit(143)


def rebuild(srpm: str, results: Path, arch: str) -> None:
    """Rebuild as mock does, with nothing of paack's environment."""
    if "FAKE_MOCK_EMPTY" in os.environ:
        return
    with tempfile.TemporaryDirectory() as top:
        subprocess.run(
            ["rpmbuild", "--define", f"_topdir {top}", "--target", arch, "--rebuild", srpm],
            env={"PATH": os.environ["PATH"], "HOME": top},
            check=True,
            capture_output=True,
        )
        for rpm in Path(top, "RPMS").glob("*/*.rpm"):
            shutil.copy(rpm, results)
    shutil.copy(srpm, results)


if __name__ == "__main__":
    sys.exit(main())
