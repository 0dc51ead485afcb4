"""Tasks that build elsewhere: Copr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paack.commands.command import (
    AUTHFILE,
    CHECK,
    DEF,
    FROZEN,
    OUTPUT,
    PACKS_FROM,
    builder_of,
    command,
    definition_of,
)


@command(
    iterable=["chroots", "redistribute"],
    help={
        "def": DEF,
        "project": "OWNER/PROJECT or @GROUP/PROJECT",
        "chroots": "A release (for all arches) or a chroot of Copr (may be repeated)",
        "create": "Make the project, and enable chroots, where missing",
        "nowait": "Only start the builds; a later call follows them",
        "per-arch": "Upload a source RPM for each arch, each half as large",
        "redistribute": "A registry or repository whose images you may publish (may be repeated)",
        "max-upload": "Refuse source RPMs above this, in MB",
        "interval": "Seconds between two requests for the state of the builds",
        "timeout": "Stop following after so many seconds (default: never)",
        "config": "Copr's configuration (default: ~/.config/copr)",
        "output": OUTPUT,
        "packs-from": PACKS_FROM,
        "authfile": AUTHFILE,
        "frozen": FROZEN,
        "check": CHECK,
    },
)
def copr(
    _: Any,
    def_: str | None = None,
    project: str = "",
    chroots: list[str] | None = None,
    create: bool = False,
    nowait: bool = False,
    per_arch: bool = False,
    redistribute: list[str] | None = None,
    max_upload: int = 2000,
    interval: float = 30.0,
    timeout: int = 0,
    config: str | None = None,
    output: str | None = None,
    packs_from: str | None = None,
    authfile: str | None = None,
    frozen: bool = False,
    check: bool = True,
) -> None:
    """Build the RPMs in Copr, follow the builds, and say where the repository is."""
    from paack.helpers.farm import Options, publish

    options = Options(
        chroots=tuple(chroots or ()),
        create=create,
        wait=not nowait,
        per_arch=per_arch,
        redistribute=tuple(redistribute or ()),
        max_upload=max_upload * 1_000_000,
        interval=interval,
        timeout=timeout,
        config=Path(config) if config else None,
    )
    builder = builder_of(output, authfile, frozen, check, packs_from=packs_from)
    print("\n".join(publish(builder, definition_of(def_), project, options)))
