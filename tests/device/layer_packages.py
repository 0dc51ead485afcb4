"""RPMs with shared layers, of two releases, for devices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from paack.helpers.rpm.device_program import program_name
from paack.helpers.rpm.part_name import is_part_file
from tests.device.packages import Packages
from tests.support.debian import push_multiarch, text_layer
from tests.support.product import Paack
from tests.support.registry import Registry
from tests.support.rpm_query import requires, tags
from tests.support.workloads import MB, Layer, push_workload

GROUP = "container-layers-"
RUNTIME = Layer("runtime", 3 * MB)
DEFINITION = """\
packages:
- name: one
  version: '{version}'
  layers: shared
  arches: [x86_64]
  images: [{host}/one:{version}]
- name: two
  version: '1'
  layers: shared
  arches: [x86_64]
  images: [{host}/two:1]
"""


BUNDLED = """\
packages:
- name: one
  version: '3'
  arches: [x86_64]
  images: [{host}/one:2]
"""


SMALL = """\
packages:
- name: small
  version: '1'
  layers: shared
  arches: [x86_64]
  images: [{host}/small:1]
"""


@dataclass(frozen=True)
class Rpms:
    """The RPMs of two releases, built by ``paack`` of images in ``registry``.

    ``program`` is the one that all need, of the program of devices.
    """

    registry: Registry
    paack: Paack
    one: tuple[Path, Path]
    two: Path
    groups: tuple[Path, ...]
    program: Path

    @property
    def host(self) -> str:
        """The registry in the images' names."""
        return self.registry.host

    @cached_property
    def bundled(self) -> Path:
        """A third release of ``one``, with all layers of one:2."""
        return self._build(BUNDLED, "bundled.yaml")

    @cached_property
    def small(self) -> Path:
        """A package with shared layers, but none that is large enough for a package of its own."""
        layer = text_layer(self.paack.home / "small.tar", {"name": "small:1\n"})
        push_multiarch(self.registry, "small", "1", {"amd64": [layer]})
        return self._build(SMALL, "small.yaml")

    def _build(self, text: str, file: str) -> Path:
        built = self.paack.build(self.paack.define(text.format(host=self.host), file))
        (rpm,) = (each for each in built if not is_part_file(each.name))
        return rpm

    def needed(self, *packages: Path) -> list[str]:
        """Return the packages with layers that they need."""
        wanted = {each.partition(" ")[0] for package in packages for each in requires(package)}
        return [str(path) for path in self.groups if name(path) in wanted]

    def with_layers(self, *packages: Path) -> list[str]:
        """Return them, and what they need; the program first."""
        return [str(self.program), *map(str, packages), *self.needed(*packages)]


def name(rpm: Path | str) -> str:
    """Return the name of an RPM."""
    return tags(Path(rpm), "%{NAME}")


def build_rpms(packages: Packages) -> Rpms:
    """Build them below the home of ``packages``."""
    registry = packages.registry
    home = packages.repository / "layers"
    home.mkdir(exist_ok=True)
    for image, tag, layers in (
        ("one", "1", [RUNTIME, Layer("name", MB, "one:1")]),
        ("one", "2", [RUNTIME, Layer("name", MB, "one:2")]),
        ("two", "1", [Layer("name", MB, "two:1")]),
    ):
        push_workload(registry, image, layers, home, tag=tag)
    paack = Paack(home, registry.registries_conf)
    built = []
    for version in "12":
        definition = paack.define(DEFINITION.format(version=version, host=registry.host))
        paack.call("lock", "--def", str(definition))  # keeps groups
        built.append(paack.build(definition))
    one = tuple(next(rpm for rpm in each if name(rpm) == "one") for each in built)
    two = next(rpm for rpm in built[0] if name(rpm) == "two")
    groups = tuple({rpm: None for each in built for rpm in each if name(rpm).startswith(GROUP)})
    program = next(rpm for rpm in built[0] if name(rpm) == program_name())
    return Rpms(registry, paack, (one[0], one[1]), two, groups, program)
