"""Packages in images of operating systems: bootc's lints, as far as a package can break them.

The rules are those of bootc's lints.rs, by its names for them. No package of ours can break
what they ask of a base image: kernel, baseimage-root, baseimage-composefs, api-base-directories,
buildah-injected.
"""

from __future__ import annotations

import pytest

from tests.device.layer_packages import Rpms
from tests.device.packages import EROFS, Packages
from tests.support import debian13
from tests.support.commands import run
from tests.support.host import Host

_NEW = r"""
find /usr /etc /var /boot -xdev -cnewer /stamp -type f -exec sha256sum {} +
find /usr /etc /var /boot -xdev -cnewer /stamp ! -type d -printf '%M:%u:%g:%l %p\n'
find /run -mindepth 1 -printf '%M %p\n'
find /tmp -xdev ! -type d -printf '%M %p\n'
"""


@pytest.fixture
def every(packages: Packages, rpms: Rpms) -> list[str]:
    """A package of each kind: squashfs, EROFS, with shared layers, and these layers."""
    return [packages.v1, str(packages.rpms[EROFS, "1.0"]), *rpms.with_layers(rpms.two)]


def test_payload(every: list[str]) -> None:
    query = "[%{FILENAMES}\\t%{FILEUSERNAME}:%{FILEGROUPNAME}\\t%{FILELINKTOS}\\n]"
    for rpm in every:
        told = run(["rpm", "-qp", f"--queryformat={query}", rpm]).stdout
        told.encode("utf-8")  # utf8: what is none is read as surrogates
        for line in told.splitlines():
            path, owner, _ = line.split("\t")
            # var-run, var-log, var-tmpfiles, nonempty-run-tmp, nonempty-boot
            assert path.startswith(("/usr/", "/etc/")), path
            # etc-usretc, kernel, bootc-kargs
            assert not path.startswith(("/usr/etc", "/usr/lib/modules", "/usr/lib/bootc")), path
            assert owner == "root:root", path  # sysusers


def test_tools_that_split_an_os_image_take_each_package_alone(every: list[str]) -> None:
    """chunkah groups files by source RPM, whatever its version."""
    query = ["rpm", "-qp", "--queryformat=%{NAME} %{SOURCERPM}\\n", *every]
    told = [line.split() for line in run(query).stdout.splitlines()]
    assert {source.rsplit("-", 2)[0] for _, source in told} == {name for name, _ in told}
    assert len({source for _, source in told}) == len(every)


def test_what_an_installation_into_an_image_leaves(every: list[str], packages: Packages) -> None:
    """Nothing in /run, /tmp and /var, and the same bytes in two builds."""
    first, second = (built(packages, every) for _ in range(2))
    hidden = ("/run/", "/tmp/", "/var/", "/boot/")
    assert [line for line in first if line.split()[1].startswith(hidden)] == []
    assert first == second
    assert any(line.endswith("/etc/containers/storage.conf") for line in first)


def built(packages: Packages, rpms: list[str]) -> list[str]:
    """Install packages where no systemd runs; return what has come: digest or target, and path."""
    with Host(debian13.root(), shared=[packages.repository]) as host:
        # podman's storage cannot be on an overlay
        host.run(["mkdir", "--parents", "/var/lib/containers"])
        host.run(["mount", "--types=tmpfs", "tmpfs", "/var/lib/containers"])
        host.run(["rm", "--recursive", "/run/mount"])  # of mount itself
        host.run(["touch", "/stamp"])
        # rpm's own files differ from build to build, here as everywhere.
        define = ["--define", "_dbpath /dev/shm/rpm"]
        host.run(["rpm", *define, "--nodeps", "--install", *rpms])
        told = host.run(["sh", "-euc", _NEW]).stdout.splitlines()
        # As in an image that is built from one with an older version
        host.run(["rpm", *define, "--nodeps", "--upgrade", packages.v2])
        assert host.run(["find", "/run", "-mindepth", "1"]).stdout == ""
        # What docs/image-mode.md says of a podman in the same build
        assert host.run(["podman", "images"], check=False).returncode != 0
        host.run(["systemd-tmpfiles", "--create", "--prefix=/run/paack"])
        host.run(["podman", "images"])
    return sorted(told)
