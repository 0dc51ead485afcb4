"""Debian trees made by mmdebstrap from the package sources that this machine's apt uses."""

import platform
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tests.support.commands import CONTAINED, run
from tests.support.rights import need_root

SUITE = "trixie"
POCKETS = ("", "-updates", "-security")
_NETWORK_OPTION = re.compile(r"Acquire::(https?|Check-|Retries|ForceIPv|Allow)")


def bootstrap(
    target: Path,
    packages: Sequence[str],
    *,
    variant: Literal["essential", "extract"],
    architecture: str,
    suite: str = SUITE,
    pockets: Sequence[str] = POCKETS,
) -> None:
    """Write a Debian tree with `packages` to `target` (a directory, or a tar by its suffix).

    `extract` unpacks the packages and runs nothing of them, so any `architecture` will do.
    Without the `pockets` of updates, it is as the suite's last point release was.
    Downloads with the sources, proxies and checks of the host's apt configuration.
    """
    need_root("Debian's files have owners and devices")
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as options:
        options.write(_network_options())
        options.flush()
        run(
            [
                *CONTAINED,
                "--mount-proc",
                "--",
                "mmdebstrap",
                f"--variant={variant}",
                f"--architectures={architecture}",
                f"--format={'tar' if target.suffix == '.tar' else 'directory'}",
                f"--include={','.join(packages)}",
                f"--aptopt={options.name}",
                '--aptopt=Acquire::Languages "none"',
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                "--dpkgopt=path-exclude=/usr/share/man/*",
                suite,
                str(target),
                "-",
            ],
            stdin=sources(suite, pockets),
        )


def sources(suite: str, pockets: Sequence[str] = POCKETS) -> str:
    """Return one-line-style apt sources for `suite`, from the same mirrors as the host's own."""
    own = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    listed = run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Created-By: Packages",
        ]
    )
    lines: dict[str, None] = {}
    for row in listed.stdout.splitlines():
        uri, release, component = row.split()
        pocket = release.removeprefix(own)
        if suite == "sid" and pocket:
            continue  # it has no updates
        if own and component == "main" and release.startswith(own) and pocket in pockets:
            lines[f"deb {uri} {suite}{pocket} main\n"] = None
    if not lines:
        raise LookupError(f"apt has no Debian sources for this host's release {own!r}")
    return "".join(lines)


def _network_options() -> str:
    """Return the host's apt options for reaching its mirrors, in apt's syntax."""
    dump = run(["apt-config", "dump", "Acquire"]).stdout
    return "".join(line for line in dump.splitlines(keepends=True) if _NETWORK_OPTION.match(line))
