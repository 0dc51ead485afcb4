"""A Quadlet unit: what podman makes one service of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from paack.helpers.quadlet.kinds import Kind
from paack.helpers.quadlet.specifiers import expanded
from paack.helpers.quadlet.unit_file import UnitFile


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its kind, what it says with all drop-ins, where it is below ``unitPath``."""

    path: str
    kind: Kind
    file: UnitFile

    @property
    def name(self) -> str:
        """The name of its file, which is how other units name it."""
        return PurePosixPath(self.path).name

    @property
    def service(self) -> str:
        """The service that podman makes of it: ``web.service``; ``web@.service`` of a template."""
        given = self.file.text(self.kind.group, "ServiceName")
        if given:
            return f"{given}.service"
        stem, at, instance = PurePosixPath(self.path).stem.partition("@")
        return f"{stem}{self.kind.suffix}{at}{instance}.service"

    def expanded(self, text: str) -> str:
        """Return a value with the specifiers that are known; of a template its DefaultInstance=."""
        return expanded(text, self.started)

    @property
    def started(self) -> str:
        """The service that a boot starts if it starts any: of a template its DefaultInstance=."""
        service = self.service
        if service.endswith("@.service"):
            return service.replace("@.", f"@{self.file.text('Install', 'DefaultInstance')}.")
        return service

    @property
    def starts(self) -> bool:
        """Whether a boot starts it: its [Install] names something that wants it.

        A template without a DefaultInstance= is not started.
        """
        return not self.started.endswith("@.service") and any(
            self.file.words("Install", key) for key in ("WantedBy", "RequiredBy", "UpheldBy")
        )
