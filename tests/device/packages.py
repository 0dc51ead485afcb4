"""RPMs that paack builds of small images, a dnf repository of them, and the images' registry."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.debian import busybox_rootfs, push_multiarch, text_layer
from tests.support.image_directory import Digests
from tests.support.product import Paack, newer_erofs_utils
from tests.support.registry import Registry

APP: Final = "app-containers"
OTHER: Final = "other-containers"
EROFS: Final = "erofs-containers"
#: A package with the path of APP.
RENAMED: Final = "renamed-containers"
#: Obsoletes the first version of APP; the second has its path, too. Not in the repository.
SUCCESSOR: Final = "successor-containers"
#: All images have busybox as their base layer and /name in the layer above it.
IMAGES: Final = ("app:1", "app:2", "common:1", "tool:1", "online:1")
_AFTER_APP: Final = {"obsoletes": f"[{APP} < 2.0]"}
#: Release: the packages (name, version, images, other keys) that are built together.
_DEFINITIONS: Final[tuple[tuple[tuple[str, str, Sequence[str], Mapping[str, str]], ...], ...]] = (
    (
        (APP, "1.0", ("app:1", "common:1"), {}),
        (OTHER, "1.0", ("common:1", "tool:1"), {"path": "/usr/share/other/images"}),
        (EROFS, "1.0", ("tool:1",), {"filesystem": "erofs"}),
    ),
    ((APP, "2.0", ("app:2",), {}), (OTHER, "2.0", ("tool:1",), {"path": "/usr/lib/moved/images"})),
    (
        (APP, "3.0", (), {"manifests": "manifests"}),
        (RENAMED, "1.0", ("app:2",), {"path": f"/usr/lib/container-images/{APP}"}),
        (SUCCESSOR, "2.0", ("app:2", "common:1"), _AFTER_APP),
    ),
    (
        (
            SUCCESSOR,
            "2.1",
            ("app:2", "common:1"),
            {**_AFTER_APP, "path": f"/usr/lib/container-images/{APP}"},
        ),
    ),
)
HOST: Final = "host"
KILLER: Final = "killer"
#: While this file is there, the installation of KILLER kills the program that does it.
KILL_FILE: Final = "/run/kill"
_SPECS: Final = {
    # Debian's packages are not in its rpm's database: what an RPM may need of a host
    HOST: """
%global units /usr/lib/systemd/system
Name: host
Version: 1
Release: 1
Summary: What a device has
License: MIT
BuildArch: noarch
Provides: /bin/sh podman
%description
None
%install
mkdir -p %{buildroot}%{units}/local-fs.target.wants %{buildroot}%{units}/multi-user.target.wants
%files
%dir %{units}/local-fs.target.wants
%dir %{units}/multi-user.target.wants
""",
    KILLER: f"""
Name: killer
Version: 1
Release: 1
Summary: Between other packages in a transaction
License: MIT
BuildArch: noarch
Requires: {APP}
%description
None
%post
[ ! -e {KILL_FILE} ] || kill -KILL $PPID
%files
""",
}


@dataclass(frozen=True)
class Packages:
    """The RPMs by (name, version), and where their images come from."""

    registry: Registry
    digests: Mapping[str, Digests]
    rpms: Mapping[tuple[str, str], Path]
    repository: Path

    @classmethod
    @contextmanager
    def built(cls, home: Path) -> Iterator[Self]:
        """Build all RPMs below `home`; the registry runs for the time of a `with` block."""
        with Registry(home) as registry:
            digests = _push_images(registry, home)
            paack = Paack(home, registry.registries_conf)
            paack.environment.update(newer_erofs_utils(home / "bin"))
            (home / "manifests").mkdir()
            (home / "manifests/kustomization.yaml").write_text("resources: []\n")
            rpms: dict[tuple[str, str], Path] = {}
            for number, packages in enumerate(_DEFINITIONS):
                text = "packages:\n" + "".join(_package(registry, *each) for each in packages)
                built = paack.build(paack.define(text, f"{number}.yaml"))
                keys = [(name, version) for name, version, _, _ in packages]
                rpms |= dict(zip(keys, built, strict=True))
            for name, spec in _SPECS.items():
                rpms[name, "1"] = rpmbuild(home / name, spec)
            # dnf would take it for APP.
            run(["createrepo_c", "--quiet", f"--excludes=*{SUCCESSOR}-*", str(home)])
            yield cls(registry, digests, rpms, home)

    @property
    def v1(self) -> str:
        """The first version of the package APP."""
        return str(self.rpms[APP, "1.0"])

    @property
    def v2(self) -> str:
        """The second version of the package APP."""
        return str(self.rpms[APP, "2.0"])

    @property
    def other(self) -> str:
        """The package OTHER, which shares an image and layers with the first version of APP."""
        return str(self.rpms[OTHER, "1.0"])

    def image(self, name: str) -> str:
        """Return the full name of an image of IMAGES."""
        return f"{self.registry.host}/{name}"

    def by_digest(self, name: str) -> list[str]:
        """Return the names of an image by the digests of its list and of its manifest."""
        repo = self.image(name).rpartition(":")[0]
        digests = self.digests[name]
        return [f"{repo}@{digests.list}", f"{repo}@{digests.per_arch['amd64']}"]


def _push_images(registry: Registry, home: Path) -> dict[str, Digests]:
    digests = {}
    for image in IMAGES:
        name, tag = image.split(":")
        layer = text_layer(home / f"{name}-{tag}.tar", {"name": f"{image}\n"})
        layers = [busybox_rootfs("amd64"), layer]
        digests[image] = push_multiarch(registry, name, tag, {"amd64": layers})
    return digests


def _package(
    registry: Registry, name: str, version: str, images: Sequence[str], more: Mapping[str, str]
) -> str:
    named = ", ".join(f"{registry.host}/{image}" for image in images)
    lines = [f"- name: {name}", f"  version: '{version}'", "  arches: [x86_64]"]
    lines += [f"  images: [{named}]"] if images else []
    lines += [f"  {key}: {value}" for key, value in more.items()]
    return "\n".join(lines) + "\n"


def rpmbuild(directory: Path, text: str) -> Path:
    directory.mkdir()
    spec = directory / "any.spec"
    spec.write_text(text, encoding="utf-8")
    define = f"_topdir {directory}"
    run(["rpmbuild", "-bb", "--define", define, str(spec)], env=MINIMAL_ENVIRONMENT)
    (rpm,) = directory.rglob("*.rpm")
    return rpm
