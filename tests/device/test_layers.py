"""Shared layers on a device with systemd: upgrades, erasure, layers that are missing."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

from tests.device import transaction
from tests.device.device import RUN, Device
from tests.device.layer_packages import GROUP, Rpms, name
from tests.device.packages import Packages
from tests.device.test_ostree import ORIGINAL, SANDBOX
from tests.support.commands import run
from tests.support.product import REPOSITORY
from tests.support.rpm_query import tags

DOCUMENTATION = REPOSITORY / "docs" / "layers.md"


def doctor(device: Device, package: str = "one") -> list[str]:
    """Return what the doctor finds wrong."""
    done = device.run([f"/usr/libexec/paack/{package}/doctor", "--quiet"], check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def images(rpms: Rpms, *names: str) -> set[str]:
    return {f"{rpms.host}/{each}" for each in names}


def test_life(device: Device, rpms: Rpms) -> None:
    """Install, upgrade and downgrade with containers, erase: nothing is left."""
    before = device.state()
    old, new = rpms.one
    device.rpm("--install", *rpms.with_layers(old, rpms.two))
    assert len(device.mounts()) == 2 + 4
    assert device.names() == images(rpms, "one:1", "two:1")
    for each in images(rpms, "one:1", "two:1"):
        assert device.name_in(each) == each.rpartition("/")[2]
    assert doctor(device) == doctor(device, "two") == []
    assert len(device.crio_log()) == 2  # at boot; once for six packages
    assert len(device.crio_log()[-1].split()) == 1 + 6
    device.start_podman_service()

    for container in ("running", "stopped"):
        device.podman("run", "--detach", f"--name={container}", *RUN, f"{rpms.host}/one:1",
                      "sleep", "infinity")  # fmt: skip
    device.podman("stop", "--time=0", "stopped")
    gone = set(rpms.needed(old)) - set(rpms.needed(new))
    come = set(rpms.needed(new)) - set(rpms.needed(old))
    assert len(gone) == len(come) == 1
    device.rpm("--upgrade", str(new), *come)
    assert device.names() == device.names_of_service() == images(rpms, "one:2", "two:1")
    assert device.name_in(f"{rpms.host}/one:2") == "one:2"
    unused = "WARN  layers: no package needs the layers of {0} (dnf autoremove; what that leaves: "
    unused += "dnf remove {0})"
    assert doctor(device, "two") == [unused.format(*map(name, gone))]
    device.rpm("--erase", *map(name, gone))
    assert device.podman("exec", "running", "cat", "/name").stdout == "one:1"
    assert device.podman("start", "stopped", check=False).returncode
    device.restart()
    assert device.names() == images(rpms, "one:2", "two:1")
    assert device.name_in(f"{rpms.host}/one:2") == "one:2"

    device.rpm("--upgrade", "--oldpackage", str(old), *gone)
    assert device.names() == images(rpms, "one:1", "two:1")
    device.podman("start", "stopped")
    assert device.podman("exec", "stopped", "cat", "/name").stdout == "one:1"
    device.podman("rm", "--force", "--time=0", "running", "stopped")
    assert doctor(device) == [unused.format(*map(name, come))]

    # What others need cannot be erased; the rest goes in whatever order rpm likes
    refused = device.rpm("--erase", *map(name, rpms.needed(rpms.two)), check=False)
    assert "is needed by (installed) two-1-1.x86_64" in refused.stderr
    device.rpm("--erase", "one", *(name(each) for each in come))
    assert device.names() == images(rpms, "two:1")
    assert device.name_in(f"{rpms.host}/two:1") == "two:1"
    device.rpm("--erase", "two", name(rpms.program), *map(name, rpms.needed(old, rpms.two)))
    assert device.mounts() == []
    assert device.state() == before


def test_a_missing_group(device: Device, rpms: Rpms) -> None:
    """Its images are gone, all others are there, and the doctor knows what to do."""
    one, two = rpms.one[0], rpms.two
    device.rpm("--install", *rpms.with_layers(one, two))
    only = min(set(rpms.needed(one)) - set(rpms.needed(two)))
    device.rpm("--erase", "--nodeps", name(only))
    for _ in range(2):
        assert "/run/paack/one" not in device.mounts()
        assert device.names() == images(rpms, "two:1")
        assert device.name_in(f"{rpms.host}/two:1") == "two:1"
        found = "\n".join(doctor(device))
        assert f"layers: {name(only)} is missing" in found
        assert f"(dnf install {name(only)})" in found
        assert doctor(device, "two") == []
        device.restart()
    device.rpm("--install", only)
    assert device.names() == images(rpms, "one:1", "two:1")
    assert device.name_in(f"{rpms.host}/one:1") == "one:1"
    assert doctor(device) == []

    # A reinstallation takes the store away for a moment, and with it the images
    device.rpm("--upgrade", "--replacepkgs", *rpms.needed(two))
    assert device.names() == images(rpms, "one:1", "two:1")
    assert doctor(device) == doctor(device, "two") == []


def test_a_damaged_group(device: Device, rpms: Rpms) -> None:
    """A mount that fails does not stop the boot, nor podman."""
    one, two = rpms.one[0], rpms.two
    device.rpm("--install", *rpms.with_layers(one, two))
    (own,) = map(name, sorted(set(rpms.needed(two)) - set(rpms.needed(one))))
    store = f"/usr/lib/container-layers/{own.removeprefix(GROUP)}.squashfs"
    device.break_file(store)
    device.restart()
    assert device.names() == images(rpms, "one:1")
    assert device.name_in(f"{rpms.host}/one:1") == "one:1"
    assert doctor(device) == []
    found = "\n".join(doctor(device, "two"))
    assert f"layers: {store} is not mounted on /run/paack/{own}" in found
    assert f"dnf reinstall {own}" in found
    (rpm,) = (each for each in rpms.groups if name(each) == own)
    device.rpm("--upgrade", "--replacepkgs", str(rpm))
    assert device.names() == images(rpms, "one:1", "two:1")
    assert doctor(device, "two") == []


def test_an_erase_that_was_killed(debian12: Device, rpms: Rpms) -> None:
    """Its files are gone, with what its scriptlets read; another try ends it."""
    device = debian12
    before = device.state()
    group = rpms.needed(rpms.two)[0]
    path = f"/usr/lib/container-layers/{name(group).removeprefix(GROUP)}"
    device.rpm("--install", group)
    # No program is here that can read TOML: what is written in one line goes, else it stays
    conf = "/etc/containers/storage.conf"
    listed = ORIGINAL + '[storage.options]\nadditionalimagestores = ["/srv/mine", "%s"]\n'
    device.run(["mkdir", "/srv/mine"])
    device.write(conf, listed % '", "'.join([path] * 3))
    done = device.rpm("--erase", name(group), check=False)
    assert f"{name(group)}: not erased: podman and CRI-O would not start" in done.stderr
    assert device.images() == []
    device.write(conf, listed % path)
    assert transaction.killed_at_call(device, 10, "unlinkat", "--erase", name(group))
    assert device.run(["cat", conf]).stdout == listed.replace(', "%s"', "")
    device.run(["rm", "-r", conf, "/srv/mine"])
    device.restart()
    assert device.images() == []
    assert device.rpm("--query", name(group)).returncode == 0
    device.rpm("--erase", name(group))
    assert device.mounts() == []
    assert device.state() == before


def test_no_layer_that_is_large(debian12: Device, rpms: Rpms) -> None:
    device = debian12
    device.rpm("--install", *rpms.with_layers(rpms.small))
    assert device.names() == images(rpms, "small:1")
    said = device.run(["/usr/libexec/paack/small/doctor"]).stdout
    assert "ok    layers: all are in the package itself\n" in said
    device.run(["rm", "/usr/share/paack/small/layers"])
    listed = "/usr/share/paack/small/layers, the list of packages of layers, is missing"
    assert doctor(device, "small") == [f"FAIL  layers: {listed} (dnf reinstall small)"]


def test_a_list_that_ostree_kept(device: Device, rpms: Rpms) -> None:
    """An update brought other layers, /etc/containers/storage.conf is the old one: it is mended."""
    conf = "/etc/containers/storage.conf"
    device.rpm("--install", *rpms.with_layers(rpms.two, rpms.one[0]))
    lost, gone = (f"/usr/lib/container-layers/{each}" for each in (
        name(rpms.needed(rpms.two)[0]).removeprefix(GROUP), "0" * 24))  # fmt: skip
    device.run(["mkdir", "/srv/mine"])
    device.run(["sed", "-i", f's|"{lost}"|"/srv/mine", "{gone}", "/usr/lib/two"|', conf])
    assert device.podman("images", check=False).returncode
    found = "\n".join(doctor(device, "two"))
    missing = "it lists the store {0}, which is not there, and does not start "
    missing += '(sed -i \'s|, *"{0}"||; s|"{0}" *,*||\' {1})'
    assert f"FAIL  podman: {missing.format(gone, conf)}" in found
    assert f"FAIL  podman: {missing.format('/usr/lib/two', conf)}" in found
    repair = "/usr/libexec/paack/two/doctor --repair"
    assert f"FAIL  layers: podman: {lost} is not listed in {conf} ({repair})" in found

    said = device.run(repair.split(), check=False).stdout
    assert f"ok    podman: took the store {gone} out of {conf}\n" in said
    assert f"ok    podman: listed the store {lost} in {conf}\n" in said
    text = device.run(["cat", conf]).stdout
    assert gone not in text
    assert '"/usr/lib/two"' in text  # not a store of layers
    device.run(["sed", "-i", f's|"/usr/lib/two"|"{gone}"|; s|, *"{lost}"||', conf])
    assert (gone in device.run(["cat", conf]).stdout, lost in text) == (True, True)
    device.restart()  # both doctors repair it
    text = device.run(["cat", conf]).stdout
    assert (gone in text, lost in text, '"/srv/mine"' in text) == (False, True, True)
    assert device.names() == images(rpms, "one:1", "two:1")
    assert device.name_in(f"{rpms.host}/two:1") == "two:1"
    assert doctor(device) == doctor(device, "two") == []

    (command,) = re.findall(r"\n(sed -i .*)\\\n *(?=/etc)", DOCUMENTATION.read_text())
    device.write("/srv/mine/conf", text)
    device.run([*shlex.split(command), "/srv/mine/conf"])
    left = device.run(["cat", "/srv/mine/conf"]).stdout
    listed = tomllib.loads(left)["storage"]["options"]["additionalimagestores"]
    assert sorted(listed) == [
        "/srv/mine",
        *map("/usr/lib/container-images/{}".format, ("one", "two")),
    ]

    # A file that knows nothing of paack, as a factory reset or a configuration manager leaves it
    text = ORIGINAL + '[storage.options]\nadditionalimagestores = ["%s"]\n'
    device.write(conf, text % "/srv/mine")
    device.run(["/usr/libexec/paack/two/doctor", "--all", "--repair"])
    assert device.names() == images(rpms, "one:1", "two:1")
    device.write(conf, (text % gone).replace("[storage]", "[storage"))
    done = device.run(repair.split(), check=False)
    assert done.returncode == 1
    assert f"FAIL  podman: {conf}: line 1: ] is missing (mend it)" in done.stdout


def test_from_shared_to_bundled_and_back(debian12: Device, rpms: Rpms) -> None:
    device = debian12
    before = device.state()
    _, shared = rpms.one
    device.rpm("--install", *rpms.with_layers(shared))
    image = f"{rpms.host}/one:2"
    device.podman("run", "--detach", "--name=running", *RUN, image, "sleep", "infinity")
    parts = [name(each) for each in rpms.with_layers(shared) if name(each) != "one"]
    for _ in range(2):
        device.rpm("--upgrade", str(rpms.bundled))
        device.rpm("--erase", *parts)
        assert device.verify("one") == ""
        assert device.mounts() == ["/run/paack/one"]
        assert device.names() == {image}
        assert device.name_in(image) == "one:2"
        assert doctor(device) == []
        # Both have the same layers, under the same names
        device.podman("restart", "--time=0", "running")
        device.rpm("--upgrade", "--oldpackage", *rpms.with_layers(shared))
        assert device.names() == {image}
        assert device.name_in(image) == "one:2"
        assert doctor(device) == []
        device.podman("restart", "--time=0", "running")
    device.podman("rm", "--force", "--time=0", "running")
    device.rpm("--erase", "one", *parts)
    assert device.state() == before


def test_rpm_ostree_runs_its_scriptlets(packages: Packages, rpms: Rpms) -> None:
    """Without systemd, %preun and %postun, in its sandbox; then the device boots."""
    with Device("debian13", packages, on=False) as device:
        device.prepare("/etc/containers/storage.conf", ORIGINAL)
        for rpm in (str(rpms.program), *rpms.needed(rpms.two), str(rpms.two)):
            device.run_beside(["bsdtar", "-x", "--file", rpm, "--directory", "@ROOT"])
            for tag in ("POSTIN", "POSTTRANS"):
                script = tags(Path(rpm), f"%|{tag}?{{%{{{tag}}}}}|")
                done = device.run_beside([*SANDBOX, "sh", "-c", script, "sh", "1"])
                assert (done.stdout, done.stderr) == ("", "")
        device.switch_on()
        assert device.names() == images(rpms, "two:1")
        assert device.name_in(f"{rpms.host}/two:1") == "two:1"
        assert doctor(device, "two") == []


def test_scripts(debian12: Device, rpms: Rpms) -> None:
    """ShellCheck and systemd read what an RPM of each kind brings."""
    device = debian12
    device.rpm("--install", *rpms.with_layers(rpms.two))
    units = device.run(["sh", "-c", "ls -d /usr/lib/systemd/system/*paack*.mount"]).stdout.split()
    assert device.run(["systemd-analyze", "verify", *units]).stderr == ""
    shared = "--exclude=SC1090,SC1091,SC2034,SC2154,SC2317"
    for package in ("two", name(rpms.needed(rpms.two)[0])):
        for kind in ("POSTIN", "PREUN", "POSTUN", "POSTTRANS"):
            text = device.rpm("--query", f"--queryformat=%{{{kind}}}", package).stdout
            done = run(["shellcheck", "--shell=sh", shared, "-"], stdin=text, check=False)
            assert done.stdout == "", (package, kind)
