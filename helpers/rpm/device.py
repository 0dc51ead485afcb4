"""The files and scriptlets that make a store appear on a device (design, section 5).

The store image is mounted on ``/run/paack/NAME``, where nothing is packaged: rpm's disk check
refuses to upgrade what lies on a full read-only filesystem. The package's path is a symlink to
it, and is what every configuration lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from paack.helpers.definition import Package
from paack.helpers.oci import LockedImage, parse_reference
from paack.helpers.rpm.device_program import device_program, without_comments
from paack.helpers.rpm.part_name import PACK_DIRECTORY
from paack.helpers.templates import render

UNIT_DIRECTORY = "/usr/lib/systemd/system"
CRIO_DIRECTORY = "/etc/crio/crio.conf.d"
PODMAN_DIRECTORY = "/usr/share/containers/storage.rootful.conf.d"

_SCRIPTLETS = ("post", "preun", "postun", "posttrans")
#: A file of podman has come. rpm-ostree refuses other triggers, and rpm knows directories only.
_PODMAN_COMES = "transfiletriggerin -- /usr/libexec/podman"
#: The lock bytes of an unmounted store: 64, as any, and never those of a store (a sha256).
SKELETON_LOCK = "paack-empty-store".ljust(64, "-")


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """A small file of a package: its name among the SRPM's sources, its place on the device.

    One that is ``shared`` with other packages has a fixed time, so that it is the same file.
    """

    source: str
    path: str
    content: str
    mode: int = 0o644
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """Everything of a package that is not its store, manifests or lock.

    ``ghosts`` belong to the package, but are made and removed by its scriptlets.
    """

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


def packs_service_of(name: str) -> str:
    """Return the service that joins the pieces of the store of the package ``name``."""
    return f"paack-packs-{name}.service".replace("+", r"\x2b")


def joined_device_of(name: str) -> str:
    """Return the link that leads to the device of the joined pieces, while these are joined."""
    return f"/run/paack-packs-{name}/device"


def device_of(package: Package) -> Device:
    """Return the device side of a package that has a store, or the program.

    The images of a package of layers are looked after by the packages that have these.
    """
    if package.is_program:
        return Device(*_program(for_packs=True), (), {})
    name = package.name
    mount_point, unit = mount_point_of(name), unit_of(name)
    crio_conf = f"{CRIO_DIRECTORY}/50-{name}.conf"
    podman_conf = f"{PODMAN_DIRECTORY}/50-{name}.conf"
    values = {
        "package": package,
        "mount_point": mount_point,
        "unit": unit,
        "lock": SKELETON_LOCK,
        "shared": shared_directory(name),
        "crio_conf": crio_conf,
        "podman_conf": podman_conf,
        "program": "" if package.is_part else device_program().directory,
    }
    # Enabled without `systemctl enable`: the same in a container build and on ostree.
    wanted = (f"{UNIT_DIRECTORY}/local-fs.target.wants/{unit}", f"../{unit}")
    files, links = _files(package, values), [(package.path, mount_point), wanted]
    ghosts = [crio_conf, podman_conf]
    kinds = {kind: f"group-{kind}" for kind in _SCRIPTLETS}
    if not package.is_part:
        kinds = {kind: kind for kind in _SCRIPTLETS} | {_PODMAN_COMES: "podman"}
        if not package.is_thin:
            brought, enabled = _program(for_packs=False)
            files += brought
            links += enabled
        target = f"../../paack-device/{device_program().name}/doctor"
        links.append((f"/usr/libexec/paack/{name}/doctor", target))
        ghosts.insert(1, f"{CRIO_DIRECTORY}/99-paack-pinned-images.conf")
    scriptlets = {
        kind: without_comments(render(f"device/scriptlets/{template}.sh.j2", **values))
        for kind, template in kinds.items()
    }
    return Device(tuple(files), tuple(links), tuple(ghosts), scriptlets)


def _program(*, for_packs: bool) -> tuple[tuple[DeviceFile, ...], tuple[tuple[str, str], ...]]:
    """Return files and links of the program, with or without what only packs need."""
    chosen = [each for each in device_program().files if for_packs or not each.for_packs]
    files = [
        DeviceFile(
            f"device-{PurePosixPath(each.path).name}",
            each.path,
            each.content,
            each.mode,
            shared=True,
        )
        for each in chosen
        if not each.target
    ]
    return tuple(files), tuple((each.path, each.target) for each in chosen if each.target)


def verity_drop_in(name: str) -> str:
    """Return where the options of a verified mount stand: they replace those of the unit."""
    return f"{UNIT_DIRECTORY}/{unit_of(name)}.d/20-verity.conf"


def verity_options(store: str, root: str) -> bytes:
    """Return the drop-in for the store image ``store``, whose tree has the root hash ``root``."""
    return render("device/verity.conf.j2", store=store, root=root).encode()


def shared_directory(name: str) -> str:
    """Return where the package ``name`` says what is inside."""
    return f"/usr/share/paack/{name}"


def _files(package: Package, values: Mapping[str, object]) -> list[DeviceFile]:
    name, shared = package.name, values["shared"]
    service = packs_service_of(name)
    packs = {
        "service": service,
        "device": joined_device_of(name),
        "pack_directory": PACK_DIRECTORY,
    }

    def file(template: str, path: str) -> DeviceFile:
        source = f"{name}-{PurePosixPath(template).name.removesuffix('.j2')}"
        return DeviceFile(source, path, render(f"device/{template}", **values, **packs))

    files = [
        file("store.mount.j2", f"{UNIT_DIRECTORY}/{values['unit']}"),
        file("tmpfiles.conf.j2", f"/usr/lib/tmpfiles.d/paack-{name}.conf"),
        file("crio.conf.j2", f"{shared}/crio.conf"),
        file("storage.conf.j2", f"{shared}/storage.conf"),
    ]
    if package.is_packed:
        files.append(file("packs.service.j2", f"{UNIT_DIRECTORY}/{service}"))
    if not package.is_part:
        return [*files, file("package.j2", f"{shared}/package")]
    scripts = file("scriptlets/group-scripts.sh.j2", f"{shared}/scripts")
    return [*files, replace(scripts, content=without_comments(scripts.content))]


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
