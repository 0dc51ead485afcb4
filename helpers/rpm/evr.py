"""RPM versions in order, by rpm's own comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable

from paack.helpers.errors import PublishError
from paack.helpers.run import run

_EVR = re.compile(r"[A-Za-z0-9._+~^:-]+")


def in_order(versions: Iterable[str]) -> list[str]:
    """Return distinct EPOCH:VERSION-RELEASE texts, oldest first."""
    distinct = sorted(set(versions))
    for each in distinct:
        if not _EVR.fullmatch(each):  # it becomes part of a Lua program
            raise PublishError(f"not a version: {each!r}")
    table = ",".join(f'"{each}"' for each in distinct)
    program = (
        f"local t = {{{table}}}; "
        "table.sort(t, function(a, b) return rpm.vercmp(a, b) < 0 end); "
        'print(table.concat(t, "\\n"))'
    )
    said = run(["rpm", "--eval", f"%{{lua:{program}}}"], quiet=True).stdout.decode()
    return said.splitlines()
