"""Definitions whose packages have `layers: shared`, built: packages of layers, and with images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.image_directory import RPM_ARCHES
from tests.support.product import Paack, store_image, unpack_rpm
from tests.support.registry import Registry
from tests.support.rpm_query import requires, tags

GROUP = "container-layers-"


@dataclass
class Release:
    """A definition that was built: its RPMs, in their order, and their unpacked stores."""

    paack: Paack
    definition: Path
    rpms: list[Path]
    _stores: dict[Path, Path] = field(default_factory=dict)

    def groups(self, arch: str = "x86_64") -> list[Path]:
        """The packages of layers of an arch."""
        return [rpm for rpm in self.of(arch) if rpm.name.startswith(GROUP)]

    def of(self, arch: str = "x86_64") -> list[Path]:
        """The RPMs of an arch."""
        return [rpm for rpm in self.rpms if rpm.parent.name == arch]

    def installable(self, arch: str = "x86_64") -> list[Path]:
        """The RPMs of an arch, and of none: the program of devices."""
        return [rpm for rpm in self.rpms if rpm.parent.name in (arch, "noarch")]

    def store(self, rpm: Path) -> Path:
        """The store image in an RPM."""
        if rpm not in self._stores:
            self._stores[rpm] = store_image(unpack_rpm(rpm, self.paack.home / "rpms" / rpm.name))
        return self._stores[rpm]

    def needed(self, rpm: Path) -> list[Path]:
        """The packages of layers that an RPM requires, of its arch."""
        names = {each.partition(" ")[0] for each in requires(rpm)}
        return [each for each in self.groups(rpm.parent.name) if tags(each, "%{NAME}") in names]


def package(name: str, images: Sequence[str], **more: str) -> str:
    """Return a package of a definition; ``more`` are further keys, or others than the usual."""
    lines = {"version": "'1'", "layers": "shared", "arches": f"[{', '.join(RPM_ARCHES)}]", **more}
    text = "".join(f"  {key}: {value}\n" for key, value in lines.items())
    return f"- name: {name}\n{text}  images: [{', '.join(images)}]\n"


def build(home: Path, registry: Registry, *packages: str, **environment: str) -> Release:
    """Build a definition of ``packages`` in the directory ``home``."""
    home.mkdir(exist_ok=True)
    paack = Paack(home, registry.registries_conf, dict(environment))
    definition = paack.define("packages:\n" + "".join(packages))
    return Release(paack, definition, paack.build(definition))
