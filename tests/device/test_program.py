"""One program for all packages of a device: shared files, one repair and one check at a boot."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import createrepo_c
import pytest

from paack.helpers.lock.lock import read_lock
from paack.helpers.rpm.device_program import device_program
from tests.device.device import Device
from tests.device.doctor_host import DoctorHost, diagnosis
from tests.device.layer_packages import Rpms
from tests.device.packages import APP, OTHER, Packages
from tests.support.commands import run
from tests.support.product import REPOSITORY, Paack, definition_text

#: The last commit of 2.0.0, whose packages had all of the program in their scriptlets.
_RELEASE = "a85f072"
PROGRAMS = "/usr/libexec/paack-device"
GREENBOOT = "/usr/lib/greenboot/check/wanted.d"
#: All that lists stores
LISTS = (
    "/etc/containers/storage.conf /etc/crio/crio.conf.d/* "
    "/usr/share/containers/storage.rootful.conf.d/*"
)
PODMAN_LOG = "/run/podman-calls"
_PODMAN = f'#!/bin/sh\necho "$*" >>{PODMAN_LOG}\nexec /usr/bin/podman "$@"\n'


@dataclass(frozen=True)
class Versions:
    """RPMs of APP as 2.0.0 made them (version 0.9), of OTHER with a newer program (version 1.5)."""

    released: str
    newer: str


@pytest.fixture(scope="module")
def versions(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Versions:
    home = tmp_path_factory.mktemp("versions")
    newer = Paack(home / "newer", packages.registry.registries_conf)
    newer.program = f"import paack.helpers.rpm.device_program as p; p.NUMBER += 1; {newer.program}"
    code = home / "code"
    code.mkdir()
    archive = ["git", "-C", str(REPOSITORY), "archive", "--output", str(home / "code.tar")]
    if run([*archive, _RELEASE], check=False).returncode:
        pytest.skip("this clone has no history: no packages of 2.0.0")
    run(["tar", "-xf", str(home / "code.tar"), "-C", str(code)])
    released = replace(
        newer, home=home / "released", repository=code, program="from tasks import main; main()"
    )
    built = []
    for paack, name, version, images, path in (
        (released, APP, "0.9", ("app:1", "common:1"), f"/usr/lib/container-images/{APP}"),
        (newer, OTHER, "1.5", ("common:1", "tool:1"), "/usr/share/other/images"),
    ):
        paack.home.mkdir()
        text = definition_text(name, [packages.image(each) for each in images],
                               version=f"'{version}'", path=path)  # fmt: skip
        (rpm,) = paack.build(paack.define(text))
        built.append(str(rpm))
        run(["cp", str(rpm), str(packages.repository)])
    return Versions(*(f"{packages.repository}/{Path(each).name}" for each in built))


def test_the_size_of_an_update(packages: Packages, rpms: Rpms) -> None:
    """What comes with a changed layer: 0.9 % of one of 3 MB; a header with one image is small."""
    for rpm in (Path(packages.v1), *rpms.one, *rpms.groups, rpms.program):
        found = createrepo_c.package_from_rpm(str(rpm))
        assert found.rpm_header_end - found.rpm_header_start <= 20_000
    old, new = (set(rpms.with_layers(rpm)) for rpm in rpms.one)
    come = [Path(path) for path in new - old]
    assert len(come) == 2
    lock = read_lock(packages.repository / "layers" / "app.lock.yaml")
    assert lock is not None
    (image,) = (image for (source, _), image in lock.images.items() if source.endswith("/one:2"))
    changed = image.layers[-1].size
    assert sum(path.stat().st_size for path in come) - changed <= 0.009 * 3_000_000


def programs(device: Device) -> list[str]:
    """Return the programs that are there."""
    return device.run(["ls", PROGRAMS], check=False).stdout.split()


def test_packages_share_it(debian13: Device, packages: Packages) -> None:
    device = debian13
    before = device.state()
    device.dnf("install", f"{APP}-1.0", f"{OTHER}-1.0")
    assert programs(device) == [device_program().name]
    file = f"{device_program().directory}/doctor"
    owners = device.rpm("--query", "--file", file).stdout.split()
    assert sorted(owners) == [f"{APP}-1.0-1.x86_64", f"{OTHER}-1.0-1.x86_64"]
    device.rpm("--erase", APP)
    assert device.verify(OTHER) == ""
    device.rpm("--upgrade", "--replacepkgs", packages.v1)
    device.rpm("--erase", OTHER)
    assert device.verify(APP) == ""
    assert diagnosis(device.run([f"/usr/libexec/paack/{APP}/doctor"])).code == 0
    device.rpm("--erase", APP)
    assert device.state() == before


def test_once_at_a_boot(debian13: Device, packages: Packages, versions: Versions) -> None:
    """The newest of two programs repairs and checks, for the packages of both."""
    device = debian13
    device.rpm("--install", packages.v1, versions.newer)
    own, newer = programs(device)
    assert (own, int(newer.split("-")[0])) == (device_program().name, int(own.split("-")[0]) + 1)
    device.podman("tag", packages.image("app:1"), "localhost/app:mine")
    device.rpm("--upgrade", packages.v2)
    device.write("/usr/sbin/podman", _PODMAN, 0o755)
    device.restart()
    asked = device.run(["cat", PODMAN_LOG]).stdout.splitlines()
    assert asked.count("--version") == 1
    assert device.names(read_only=False) == set()
    for name in (own, newer):
        unit = f"paack-repair-{name}.service"
        shown = device.run(["systemctl", "show", "--property=Result,ExecMainStatus", unit]).stdout
        assert sorted(shown.split()) == ["ExecMainStatus=0", "Result=success"]

    checks = device.run(["ls", GREENBOOT]).stdout.split()
    assert checks == [f"50_paack-{name}.sh" for name in (own, newer)]
    said = [diagnosis(device.run([f"{GREENBOOT}/{check}"])) for check in checks]
    assert said[0].lines == []
    stores = [line for line in said[1].of("ok") if line.startswith("store: ")]
    assert len(stores) == 2
    printed = json.loads(device.run([f"{PROGRAMS}/{own}/doctor", "--all", "--json"]).stdout)
    assert (printed["packages"], printed["ok"]) == ([APP, OTHER], True)

    # What is left when the newer one goes does it again
    device.rpm("--upgrade", "--oldpackage", packages.other)
    assert programs(device) == [own]
    assert diagnosis(device.run([f"{GREENBOOT}/{checks[0]}"])).lines == said[1].lines


def test_from_the_released_version_and_back(
    device: Device, packages: Packages, versions: Versions
) -> None:
    before = device.state()
    names = {packages.image("app:1"), packages.image("common:1")}
    device.rpm("--install", versions.released)
    for rpm in (packages.v1, versions.released, packages.v1):
        device.rpm("--upgrade", "--oldpackage", rpm)
        assert device.names() == names
        assert device.name_in(packages.image("app:1")) == "app:1"
        assert device.verify(APP) == ""
        assert (programs(device) == []) == (rpm == versions.released)
        # The path is the same, so CRI-O has nothing to read again
        assert device.crio_log() == ["start", f"start /usr/lib/container-images/{APP}"]
    device.rpm("--install", packages.other)
    device.rpm("--upgrade", "--oldpackage", versions.released)
    device.restart()
    said = device.run([f"/usr/libexec/paack/{APP}/doctor", "--quiet"], check=False).stdout
    assert [line for line in said.splitlines() if line.startswith("FAIL")] == []
    assert diagnosis(device.run([f"/usr/libexec/paack/{OTHER}/doctor"])).code == 0
    device.rpm("--erase", APP, OTHER)
    assert device.state() == before


def test_configuration_that_is_lost(device: Device, packages: Packages) -> None:
    """A factory reset of /etc; a configuration manager that writes storage.conf anew."""
    device.rpm("--install", packages.v1, packages.other)
    before = device.run(["sh", "-c", f"cat {LISTS} | sort"]).stdout
    names = [packages.image(each) for each in ("app:1", "common:1", "tool:1")]
    log = device.crio_log()
    device.run(["sh", "-c", f"rm {LISTS}"])
    device.restart()
    assert device.run(["sh", "-c", f"cat {LISTS} | sort"]).stdout == before
    assert device.crio_log() == [*log, log[-1]]

    own = '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\n'
    own += 'graphroot = "/var/lib/containers/storage"\n'
    device.write("/etc/containers/storage.conf", own)
    device.restart()
    for name in names:
        assert device.podman("image", "exists", name, check=False).returncode == 0
    # A store whose files are not all there is not listed: it may be on its way out
    device.run(["rm", f"/usr/lib/tmpfiles.d/paack-{APP}.conf"])
    device.write("/etc/containers/storage.conf", own)
    device.restart()
    assert APP not in device.run(["cat", "/etc/containers/storage.conf"]).stdout
    device.rpm("--upgrade", "--replacepkgs", packages.v1)
    device.rpm("--erase", APP, OTHER)
    assert device.run(["cat", "/etc/containers/storage.conf"]).stdout == own


def test_the_cost_of_a_package(packages: Packages) -> None:
    """Programs that are started: hardly more for many packages than for one."""
    with DoctorHost("debian12", packages) as host:
        counts = {}
        for number in (1, 24):
            for name in range(1, number):
                _copy(host, f"copy-{name}")
            for options in ((), ("--repair", "--keep-containers")):
                doctor = [f"{device_program().directory}/doctor", "--all", *options]
                traced = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", "/run/trace", *doctor]
                done = host.host.run(traced, check=False)
                assert (done.returncode, done.stderr) == (0, ""), done.stdout
                counts[number, options] = int(
                    host.host.run(["grep", "-c", "execve.*= 0", "/run/trace"]).stdout
                )
        for options in ((), ("--repair", "--keep-containers")):
            assert counts[24, options] <= counts[1, options] + 23 * 2, counts


def _copy(host: DoctorHost, name: str) -> None:
    """Make a package of the same store, with another name."""
    path = f"/usr/lib/container-images/{name}"
    script = f"""
shared=/usr/share/paack/{name}
[ ! -e $shared ] || exit 0
cp -r /usr/share/paack/{APP} $shared
sed -i 's|/{APP}|/{name}|; s|{APP}|{name}|' $shared/crio.conf $shared/storage.conf $shared/package
sed -i 's|app.x2dcontainers|{name}|' $shared/package
cp /usr/lib/container-images/{APP}.squashfs {path}.squashfs
ln -s /run/paack/{name} {path}
cp /usr/lib/tmpfiles.d/paack-{APP}.conf /usr/lib/tmpfiles.d/paack-{name}.conf
: >/usr/lib/systemd/system/run-paack-{name}.mount
mkdir -p /run/paack/{name}
mount -o loop,ro {path}.squashfs /run/paack/{name}
. {device_program().directory}/library
use_package {name}
list_store
paack_pinned_images || :
"""
    host.host.run(["sh", "-c", script])
