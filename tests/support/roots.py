"""Make the roots of other hosts, and the images' content, before tests ask for them.

`python -m tests.support.roots LANE`, lane 0 or 1: side by side, as mmdebstrap takes one core. A
test that comes first waits for what is being made, see cached(); what fails, fails again there.
"""

import sys
from contextlib import suppress

from tests.support import debian, debian13, debian_sid
from tests.support.commands import CommandFailed

LANES = (
    (debian13.root, lambda: debian.debian_rootfs("amd64")),
    (debian_sid.root, lambda: debian.debian_rootfs("arm64")),
)


def main() -> None:
    """Make what is in a lane, one after the other."""
    for make in LANES[int(sys.argv[1])]:
        with suppress(CommandFailed):
            make()


if __name__ == "__main__":
    main()
