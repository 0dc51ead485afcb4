"""Real images for two architectures, made from Debian's own packages; nothing of them is run."""

import io
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from tests.support.apt import bootstrap
from tests.support.cache import cached
from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.image_directory import Arch, Compression, Digests, MediaTypes, write_images
from tests.support.registry import Registry

ARCHES: tuple[Arch, ...] = ("amd64", "arm64")

_TIME = 1_767_323_045
_RECIPE = 2
# fmt: off
_APPLETS = (
    "cat", "chmod", "cp", "cut", "date", "dd", "df", "du", "echo", "env", "expr", "false",
    "find", "grep", "head", "hostname", "id", "kill", "ln", "ls", "md5sum", "mkdir", "mv",
    "nc", "ping", "ps", "pwd", "rm", "rmdir", "sed", "sh", "sha256sum", "sleep", "sort",
    "stat", "sync", "tail", "tar", "test", "touch", "true", "tty", "uname", "vi", "wc", "wget",
    "which", "xargs",
)
# fmt: on
_ROOT_PACKAGES = (
    "base-files",
    "bash",
    "coreutils",
    "findutils",
    "iputils-ping",
    "libcap2-bin",
    "passwd",
    "perl-base",
)
# what a maintainer script would set: cap_net_raw+ep, revision 2, little endian
_CAP_NET_RAW = b"\x01\x00\x00\x02" + (1 << 13).to_bytes(4, "little") + bytes(12)
_CAPABILITIES = {"usr/bin/ping": _CAP_NET_RAW}
_OWNERS = {"var/local": (1_000_620_000, 50), "usr/games": (5, 60)}
_OF_THE_HOST = (
    "dev",
    "etc/apt",
    "etc/dpkg/dpkg.cfg.d",
    "etc/fstab",
    "etc/hostname",
    "etc/resolv.conf",
    "var/lib/apt",
)


def busybox_rootfs(arch: Arch) -> Path:
    """Return a tar of a tiny root: static busybox, its applets as hard links, an /etc; ~2 MB."""
    return cached(f"busybox-{_RECIPE}-{arch}.tar", lambda path: _make_busybox(path, arch))


def debian_rootfs(arch: Arch) -> Path:
    """Return a tar of a Debian root of ~60 MB that can run bash (on its own architecture).

    It has setuid and setgid files, a file capability (ping), owners that no host knows, hard
    links, symbolic links, empty directories and 1,600 paths.
    """
    return cached(f"debian-{_RECIPE}-{arch}.tar", lambda path: _make_debian(path, arch))


def text_layer(path: Path, files: Mapping[str, str], *, deleted: Sequence[str] = ()) -> Path:
    """Write the layer tar `path` with text `files`; `deleted` paths become whiteouts.

    Like a builder's, it has an entry for each directory above them (0755, root's).
    """
    above = {str(parent) for name in (*files, *deleted) for parent in PurePosixPath(name).parents}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for directory in sorted(above - {"."}):
            _add(tar, directory, mode=0o755, kind=tarfile.DIRTYPE)
        for name in deleted:
            where = PurePosixPath(name)
            _add(tar, str(where.with_name(f".wh.{where.name}")))
        for name, text in files.items():
            _add(tar, name, content=text.encode())
    return path


def push_multiarch(
    registry: Registry,
    name: str,
    tag: str,
    images: Mapping[Arch, Sequence[Path]],
    *,
    compression: Compression | Sequence[Compression] = "gzip",
    media_types: MediaTypes = "oci",
) -> Digests:
    """Push the image (architecture -> layer tars) as `registry.host/name:tag`, byte for byte."""
    with tempfile.TemporaryDirectory(dir=registry.home) as scratch:
        image = Path(scratch) / "image"
        digests = write_images(image, images, compression=compression, media_types=media_types)
        flags = ["--all", "--preserve-digests", "--quiet"]
        source, destination = f"dir:{image}", f"docker://{registry.host}/{name}:{tag}"
        options = registry.skopeo_options("dest")
        run(["skopeo", "copy", *flags, *options, source, destination], env=MINIMAL_ENVIRONMENT)
    return digests


def _make_busybox(target: Path, arch: Arch) -> None:
    extracted = target.with_name("extracted.tar")
    bootstrap(extracted, ["busybox-static"], variant="extract", architecture=arch)
    with tarfile.open(extracted) as packages, tarfile.open(target, "w") as tar:
        program = packages.extractfile("./usr/bin/busybox")
        assert program is not None
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777)):
            _add(tar, name, mode=mode, kind=tarfile.DIRTYPE)
        _add(tar, "bin/busybox", content=program.read(), mode=0o755)
        for applet in _APPLETS:
            _add(tar, f"bin/{applet}", mode=0o755, kind=tarfile.LNKTYPE, target="bin/busybox")
        _add(tar, "etc/passwd", content=b"root:x:0:0:root:/root:/bin/sh\n")
        _add(tar, "etc/group", content=b"root:x:0:\n")


def _make_debian(target: Path, arch: Arch) -> None:
    extracted = target.with_name("extracted.tar")
    bootstrap(extracted, _ROOT_PACKAGES, variant="extract", architecture=arch)
    with (
        tarfile.open(extracted) as packages,
        tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar,
    ):
        missing = _CAPABILITIES.keys() | _OWNERS.keys()
        for member in packages:
            name = member.name.removeprefix("./")
            if name.startswith(_OF_THE_HOST):
                continue
            missing -= {name}
            member.mtime = int(member.mtime)
            member.uname = member.gname = ""
            member.uid, member.gid = _OWNERS.get(name, (member.uid, member.gid))
            if name in _CAPABILITIES:
                value = _CAPABILITIES[name].decode("ascii")
                key = "SCHILY.xattr.security.capability"
                member.pax_headers = {**member.pax_headers, key: value}
            tar.addfile(member, packages.extractfile(member) if member.isreg() else None)
        if missing:
            raise LookupError(f"not in Debian's packages for {arch}: {sorted(missing)}")


def _add(
    tar: tarfile.TarFile,
    name: str,
    *,
    content: bytes = b"",
    mode: int = 0o644,
    kind: bytes = tarfile.REGTYPE,
    target: str = "",
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, mode, _TIME
    member.size, member.linkname = len(content), target
    tar.addfile(member, io.BytesIO(content))
