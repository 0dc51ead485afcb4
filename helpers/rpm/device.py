"""The files and scriptlets that make a store appear on a device (design, section 5).

The store image is mounted on ``/run/paack/NAME``, where nothing is packaged: rpm's disk check
refuses to upgrade what lies on a full read-only filesystem. The package's path is a symlink to
it, and is what every configuration lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helpers.definition.definition import Package
from helpers.definition.reference import parse_reference
from helpers.lock.lock import LockedImage
from helpers.templates import render

UNIT_DIRECTORY = "/usr/lib/systemd/system"
CRIO_DIRECTORY = "/etc/crio/crio.conf.d"
PODMAN_DIRECTORY = "/usr/share/containers/storage.rootful.conf.d"

#: The lock bytes of an unmounted store: 64, as any, and never those of a store (a sha256).
SKELETON_LOCK = "paack-empty-store".ljust(64, "-")


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """A small file of a package: its name among the SRPM's sources, its place on the device."""

    source: str
    path: str
    content: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Device:
    """Everything of a package that is not its store, manifests or lock.

    ``ghosts`` belong to the package, but are made and removed by its scriptlets.
    """

    mount_point: str
    unit: str
    files: tuple[DeviceFile, ...]
    links: tuple[tuple[str, str], ...]
    ghosts: tuple[str, ...]
    scriptlets: dict[str, str]


def mount_point_of(name: str) -> str:
    """Return where the store of the package ``name`` is mounted."""
    return f"/run/paack/{name}"


def unit_of(name: str) -> str:
    """Return the mount unit of the package ``name``."""
    return f"{escape_path(mount_point_of(name))}.mount"


def device_of(package: Package) -> Device:
    """Return the device side of a package that has a store.

    The images of a package of layers are looked after by the packages that have these.
    """
    name = package.name
    mount_point, unit = mount_point_of(name), unit_of(name)
    crio_conf = f"{CRIO_DIRECTORY}/50-{name}.conf"
    podman_conf = f"{PODMAN_DIRECTORY}/50-{name}.conf"
    values = {
        "package": package,
        "mount_point": mount_point,
        "unit": unit,
        "lock": SKELETON_LOCK,
        "library": f"/usr/libexec/paack/{name}",
        "shared": shared_directory(name),
        "crio_conf": crio_conf,
        "podman_conf": podman_conf,
    }
    enabled = [unit]
    ghosts = [crio_conf, podman_conf]
    if package.layers != "group":
        enabled.append(_repair_unit(name))
        ghosts.insert(1, f"{CRIO_DIRECTORY}/99-paack-pinned-images.conf")
    scriptlets = {
        kind: render(f"device/{kind}.sh.j2", **values)
        for kind in ("post", "preun", "postun", "posttrans")
    }
    # Enabled without `systemctl enable`: the same in a container build and on ostree.
    targets = zip(("local-fs.target", "multi-user.target"), enabled, strict=False)
    wants = [(f"{UNIT_DIRECTORY}/{target}.wants/{each}", f"../{each}") for target, each in targets]
    links = ((package.path, mount_point), *wants)
    return Device(mount_point, unit, _files(package, values), links, tuple(ghosts), scriptlets)


def shared_directory(name: str) -> str:
    """Return where the package ``name`` says what is inside."""
    return f"/usr/share/paack/{name}"


def _repair_unit(name: str) -> str:
    return f"paack-{name}-repair.service"


def _files(package: Package, values: Mapping[str, object]) -> tuple[DeviceFile, ...]:
    name, shared, library = package.name, values["shared"], values["library"]

    def file(template: str, path: str, mode: int = 0o644) -> DeviceFile:
        source = f"{name}-{template.removesuffix('.j2')}"
        return DeviceFile(source, path, render(f"device/{template}", **values), mode)

    mount = file("store.mount.j2", f"{UNIT_DIRECTORY}/{values['unit']}")
    listing = [
        file("tmpfiles.conf.j2", f"/usr/lib/tmpfiles.d/paack-{name}.conf"),
        file("crio.conf.j2", f"{shared}/crio.conf"),
        file("storage.conf.j2", f"{shared}/storage.conf"),
    ]
    if package.layers != "bundled":
        listing.append(file("scripts.sh.j2", f"{library}/scripts"))
    if package.layers == "group":
        return (mount, *listing)
    return (
        mount,
        file("repair.service.j2", f"{UNIT_DIRECTORY}/{_repair_unit(name)}"),
        *listing,
        file("doctor.sh.j2", f"{library}/doctor", 0o755),
        file("greenboot.sh.j2", f"/usr/lib/greenboot/check/wanted.d/50_{name}.sh", 0o755),
    )


def image_names(images: Sequence[LockedImage]) -> list[str]:
    """Return every name under which the images of a store are found: by tag and all digests."""
    names = {name for image in images for name in image.names}
    for image in images:
        repo = parse_reference(image.names[0]).repo
        names |= {f"{repo}@{digest}" for digest in (image.list, image.manifest) if digest}
    return sorted(names)


def escape_path(path: str) -> str:
    r"""Return a path as it stands in a unit name (systemd.unit(5)): ``/a-b/c``, ``a\x2db-c``."""
    escaped = []
    for number, part in enumerate(path.strip("/").split("/")):
        for position, char in enumerate(part):
            plain = char.isascii() and (char.isalnum() or char in ":_.")
            leading_dot = char == "." and number == 0 and position == 0
            keep = plain and not leading_dot
            escaped.append(char if keep else "".join(f"\\x{byte:02x}" for byte in char.encode()))
        escaped.append("-")
    return "".join(escaped[:-1])
