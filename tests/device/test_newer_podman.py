"""podman 5.8 of Debian sid reads drop-ins, and storage.conf for all users: paack makes none there.

Devices go from no podman to 5.4 and on to 5.8: real programs, in RPMs named podman.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.device.device import Device
from tests.device.doctor_host import DOCTOR, diagnosis
from tests.device.packages import APP, OTHER, Packages, rpmbuild
from tests.support.podman import root_of

CONF = "/etc/containers/storage.conf"
USER = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "env", "HOME=/tmp/home",
        "XDG_RUNTIME_DIR=/tmp/run")  # fmt: skip
_SPEC = """
%global _binary_payload w.ufdio
%global __os_install_post %{{nil}}
%global debug_package %{{nil}}
AutoReqProv: no
Name: podman
Version: {version}
Release: 1
Summary: A real podman
License: MIT
%description
None
%install
{install}
%files
{files}
"""


@dataclass(frozen=True)
class Podmans:
    """RPMs of podman 5.4 and 5.8."""

    older: str
    newer: str


@pytest.fixture(scope="module")
def podmans(packages: Packages) -> Podmans:
    home = packages.repository / "podman"
    home.mkdir()
    built = []
    for version, root in (("5.4", root_of("debian13")), ("5.8", root_of("sid"))):
        files = [root / "usr/bin/podman", *root.glob("usr/lib*/podman/rootlessport")]
        if version == "5.4":  # what sid has in newer versions only
            for name in ("libsubid.so.5", "libgpgme.so.11"):
                files += root.glob(f"usr/lib/*/{name}")
        # Where Fedora's podman has its helpers, not Debian's
        paths = [f"/{file.relative_to(root)}" for file in files]
        paths = [path.replace("/usr/lib/podman", "/usr/libexec/podman") for path in paths]
        install = [
            f"install -D -m 0755 {file.resolve()} %{{buildroot}}{path}"
            for file, path in zip(files, paths, strict=True)
        ]
        spec = _SPEC.format(version=version, install="\n".join(install), files="\n".join(paths))
        built.append(str(rpmbuild(home / version, spec)))
    return Podmans(*built)


@pytest.fixture
def device(packages: Packages) -> Iterator[Device]:
    with Device("sid", packages) as device:
        device.run(["sh", "-c", "echo user:x:1000:1000::/tmp/home:/bin/sh >>/etc/passwd"])
        yield device


def works_for_users(device: Device, tool: str = "podman") -> bool:
    """Return whether an ordinary user can list images."""
    device.run(["install", "-d", "--owner=1000", "--group=1000", "/tmp/home", "/tmp/run"])
    done = device.run([*USER, tool, "images"], check=False)
    assert done.returncode in (0, 1, 125), done.stderr
    return done.returncode == 0


def exists(device: Device, path: str) -> bool:
    return device.run(["test", "-e", path], check=False).returncode == 0


def test_life(device: Device, packages: Packages) -> None:
    before = device.state()
    assert works_for_users(device)
    device.rpm("--install", packages.v1, packages.other)
    for _ in range(2):
        assert not exists(device, CONF)
        names = ("app:1", "common:1", "tool:1")
        for name in names:
            image = packages.image(name)
            assert device.podman("image", "exists", image, check=False).returncode == 0
        assert device.name_in(packages.image("app:1")) == "app:1"
        assert works_for_users(device)
        assert works_for_users(device, "buildah")
        said = diagnosis(device.run([DOCTOR], check=False))
        assert [line for line in said.lines if line[0] != "ok"] == []
        device.restart()
    device.rpm("--upgrade", packages.v2)
    device.rpm("--erase", OTHER)
    assert device.names() == {packages.image("app:2")}
    device.rpm("--erase", APP)
    assert device.names() == set()
    assert device.state() == before


def test_podman_comes_and_is_updated(device: Device, packages: Packages, podmans: Podmans) -> None:
    device.run(["rm", "/usr/bin/podman", "/usr/bin/buildah"])
    device.rpm("--install", packages.v1, packages.other)
    assert not exists(device, CONF)

    names = [packages.image(name) for name in ("app:1", "common:1", "tool:1")]
    device.rpm("--install", podmans.older)
    assert device.podman("--version").stdout.startswith("podman version 5.4")
    old = device.run(["cat", CONF]).stdout
    for name in names:
        assert device.podman("image", "exists", name, check=False).returncode == 0
    assert works_for_users(device)

    device.rpm("--upgrade", podmans.newer)
    assert device.podman("--version").stdout.startswith("podman version 5.8")
    assert not exists(device, CONF)
    for name in names:
        assert device.podman("image", "exists", name, check=False).returncode == 0
    assert works_for_users(device)
    assert diagnosis(device.run([DOCTOR])).of("WARN") == []

    # As ostree leaves it, which has no update of podman but a boot with another one
    device.write(CONF, old)
    assert not works_for_users(device)
    said = diagnosis(device.run([DOCTOR], check=False))
    (line,) = said.of("FAIL")
    assert line.startswith(f"podman: {CONF} sets runroot or graphroot: podman of other users")
    assert line.endswith(f"({DOCTOR} --repair)")
    device.restart()
    assert not exists(device, CONF)
    assert works_for_users(device)
    device.run(["rm", "-f", CONF])

    # One that was edited stays, but for what paack wrote; its cure is typed as it stands
    device.write(CONF, f"{old}# mine\n")
    assert not works_for_users(device)
    device.run(["/usr/libexec/paack/other-containers/doctor", "--all", "--repair"])
    (line,) = diagnosis(device.run([DOCTOR], check=False)).of("FAIL")
    device.run(["sh", "-c", line.rpartition(" (")[2][:-1]])
    assert device.run(["tail", "-n", "1", CONF]).stdout == "# mine\n"
    assert works_for_users(device)
    assert diagnosis(device.run([DOCTOR])).code == 0
    for name in names:
        assert device.podman("image", "exists", name, check=False).returncode == 0

    # Back to the older one: it has to have the file
    device.rpm("--upgrade", "--oldpackage", podmans.older)
    device.rpm("--erase", APP, OTHER)


def test_a_podman_that_does_not_work(device: Device, packages: Packages) -> None:
    """As in a sandbox: then it is known by what is linked into it."""
    device.write(CONF, "[storage\n")
    assert "toml" in device.podman("--version", check=False).stderr
    device.rpm("--install", packages.v1)
    assert device.run(["cat", CONF]).stdout == "[storage\n"
    device.run(["rm", CONF])
    assert device.names() == {packages.image("app:1"), packages.image("common:1")}
    assert Path(device.outside("/usr/bin/podman")).stat().st_size > 10_000_000
