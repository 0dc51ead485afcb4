"""The files and scriptlets that make a store appear on a device (design, section 5).

The store image is mounted on ``/run/paack/NAME``, where nothing is packaged: rpm's disk check
refuses to upgrade what lies on a full read-only filesystem. The package's path is a symlink to
it, and is what every configuration lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helpers.definition import Package
from helpers.lock import LockedImage
from helpers.reference import parse_reference
from helpers.templates import render

UNIT_DIRECTORY = "/usr/lib/systemd/system"

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
    """Everything of a package that is not its store, manifests or lock."""

    mount_point: str
    unit: str
    files: tuple[DeviceFile, ...]
    links: tuple[tuple[str, str], ...]
    scriptlets: dict[str, str]


def device_of(package: Package) -> Device:
    """Return the device side of a package that has a store."""
    name = package.name
    mount_point = f"/run/paack/{name}"
    unit = f"{escape_path(mount_point)}.mount"
    repair = f"paack-{name}-repair.service"
    values = {
        "package": package,
        "mount_point": mount_point,
        "unit": unit,
        "lock": SKELETON_LOCK,
        "library": f"/usr/libexec/paack/{name}",
    }

    def file(template: str, path: str, mode: int = 0o644) -> DeviceFile:
        source = f"{name}-{template.removesuffix('.j2')}"
        return DeviceFile(source, path, render(f"device/{template}", **values), mode)

    files = (
        file("store.mount.j2", f"{UNIT_DIRECTORY}/{unit}"),
        file("repair.service.j2", f"{UNIT_DIRECTORY}/{repair}"),
        file("tmpfiles.conf.j2", f"/usr/lib/tmpfiles.d/paack-{name}.conf"),
        file("crio.conf.j2", f"/etc/crio/crio.conf.d/50-{name}.conf"),
        file("storage.conf.j2", f"/usr/share/containers/storage.rootful.conf.d/50-{name}.conf"),
        file("doctor.sh.j2", f"/usr/libexec/paack/{name}/doctor", 0o755),
        file("greenboot.sh.j2", f"/usr/lib/greenboot/check/wanted.d/50_{name}.sh", 0o755),
    )
    links = (
        (package.path, mount_point),
        # Enabled without `systemctl enable`: the same in a container build and on ostree.
        (f"{UNIT_DIRECTORY}/local-fs.target.wants/{unit}", f"../{unit}"),
        (f"{UNIT_DIRECTORY}/multi-user.target.wants/{repair}", f"../{repair}"),
    )
    scriptlets = {
        kind: render(f"device/{kind}.sh.j2", **values)
        for kind in ("post", "preun", "postun", "posttrans")
    }
    return Device(mount_point, unit, files, links, scriptlets)


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
