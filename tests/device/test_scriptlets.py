"""The scriptlets of a package: in every shell, with and without systemd, where nothing can be done.

They are taken out of an RPM, and run on hosts where its files were installed without them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.device import pinned_lists
from tests.device.device import Device
from tests.device.doctor_cases import READS_DROP_INS
from tests.device.packages import APP, Packages
from tests.device.shells import COMBINATIONS, DIAGONAL, Combination, library
from tests.support.commands import run
from tests.support.host import Host

STORE = f"/usr/lib/container-images/{APP}"
STORAGE_CONF = "/etc/containers/storage.conf"
CRIO_CONF = f"/etc/crio/crio.conf.d/50-{APP}.conf"
PINNED = Path("/etc/crio/crio.conf.d/99-paack-pinned-images.conf")
LISTED = (STORAGE_CONF, CRIO_CONF, f"/usr/share/containers/storage.rootful.conf.d/50-{APP}.conf")
INSTALL = ("rpm", "--install", "--nodeps", "--noscripts")
ERASE = ("rpm", "--erase", "--nodeps", "--noscripts", APP)
TAGS = {"post": "POSTIN", "preun": "PREUN", "postun": "POSTUN", "posttrans": "POSTTRANS"}


@pytest.fixture(scope="module")
def scriptlets(packages: Packages) -> Mapping[str, str]:
    query = ["rpm", "--query", "--package", packages.v1]
    return {kind: run([*query, f"--queryformat=%{{{tag}}}"]).stdout for kind, tag in TAGS.items()}


@pytest.fixture
def host(packages: Packages) -> Iterator[Host]:
    """A host without systemd's programs."""
    with Host(Path("/"), shared=[packages.repository]) as host:
        host.run(["rm", "/usr/bin/systemctl", "/usr/bin/systemd-tmpfiles"])
        # podman's storage cannot be on an overlay
        host.run(["mkdir", "--parents", "/var/lib/containers"])
        host.run(["mount", "--types=tmpfs", "tmpfs", "/var/lib/containers"])
        yield host


@pytest.mark.parametrize("kind", TAGS)
def test_shellcheck(kind: str, scriptlets: Mapping[str, str]) -> None:
    shared = "--exclude=SC1090,SC1091,SC2034,SC2317"  # the library, what a scriptlet does not use
    done = run(["shellcheck", "--shell=sh", shared, "-"], stdin=scriptlets[kind], check=False)
    assert done.stdout == ""
    assert scriptlets[kind].rstrip().endswith("exit 0")
    assert len(scriptlets[kind].splitlines()) <= (28 if kind in ("preun", "postun") else 8)


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_without_systemd(
    combination: Combination, host: Host, scriptlets: Mapping[str, str], packages: Packages
) -> None:
    def play(kind: str, argument: int) -> None:
        for _ in range(2):
            command = [*combination.command(scriptlets[kind]), "sh", str(argument)]
            done = host.run(command, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    before = files(host)
    host.run([*INSTALL, packages.v1])
    play("post", 1)
    play("posttrans", 0)
    assert all(STORE in host.run(["cat", path]).stdout for path in LISTED)
    assert host.run(["grep", "-c", STORE, STORAGE_CONF]).stdout == "1\n"
    # No program was there to make it; at the next boot systemd does
    assert host.run(["podman", "images"], check=False).returncode != 0
    host.run(["mkdir", "--parents", f"/run/paack/{APP}"])
    host.run(["mount", "-o", "loop", f"{STORE}.squashfs", f"/run/paack/{APP}"])
    names = host.run(["podman", "images", "--format={{.Repository}}:{{.Tag}}"]).stdout.split()
    assert packages.image("app:1") in names
    play("preun", 0)
    host.run(["podman", "images"])
    host.run(ERASE)
    play("postun", 0)
    assert files(host) == before
    assert "/run/paack" not in host.run(["cat", "/proc/self/mounts"]).stdout


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_offline(
    combination: Combination, host: Host, scriptlets: Mapping[str, str], packages: Packages
) -> None:
    """SYSTEMD_OFFLINE=1, as rpm-ostree sets it: systemctl is not even asked."""
    host.run(["mkdir", "--parents", "/run/systemd/system"])
    asked = "#!/bin/sh\necho asked >>/run/asked\n"
    host.run(["install", "--mode=755", "/dev/stdin", "/usr/bin/systemctl"], stdin=asked)
    host.run([*INSTALL, packages.v1])
    for kind, argument in (("post", 1), ("post", 2), ("posttrans", 0), ("preun", 0), ("postun", 0)):
        if kind == "postun":
            host.run(ERASE)
        command = [*combination.command(scriptlets[kind]), "sh", str(argument)]
        done = host.run(command, env={"SYSTEMD_OFFLINE": "1"}, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert host.run(["test", "-e", "/run/asked"], check=False).returncode == 1


def test_with_systemd(scriptlets: Mapping[str, str], packages: Packages) -> None:
    image = packages.image("app:1")
    with Device("debian12", packages) as device:
        device.rpm("--install", "--noscripts", packages.v1)
        for combination in DIAGONAL:
            for kind, argument, there in (
                ("post", 1, True),
                ("post", 1, True),
                ("posttrans", 0, True),
                ("post", 2, True),
                ("preun", 1, True),
                ("postun", 1, True),
                ("preun", 0, False),
                ("preun", 0, False),
            ):
                command = [*combination.command(scriptlets[kind]), "sh", str(argument)]
                done = device.run(command, check=False)
                assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
                assert (image in device.names()) == there, (kind, argument)
            assert device.mounts() == []
        assert device.crio_log() == ["start", *[f"start {STORE}", "start", "start"] * len(DIAGONAL)]


def test_podman_6(host: Host, scriptlets: Mapping[str, str], packages: Packages) -> None:
    """It reads the drop-in. storage.conf is left alone; what an older podman needed there goes."""
    host.run([*INSTALL, packages.v1])
    post = ["sh", "-c", scriptlets["post"], "sh", "1"]
    host.run(post)
    assert STORE in host.run(["cat", STORAGE_CONF]).stdout
    podman = f"#!/bin/sh\n{READS_DROP_INS}\n"
    host.run(["install", "--mode=755", "/dev/stdin", "/usr/bin/podman"], stdin=podman)
    for _ in range(2):
        done = host.run(post)
        assert (done.stdout, done.stderr) == ("", "")
        assert host.run(["test", "-e", STORAGE_CONF], check=False).returncode == 1
    drop_in = tomllib.loads(
        host.run(["cat", LISTED[-1]]).stdout.replace("{append=true}", "'append'")
    )
    assert drop_in == {"storage": {"options": {"additionalimagestores": [STORE, "append"]}}}


def test_read_only_etc(packages: Packages) -> None:
    """Not listed: a message, and it is installed. Not delisted: a message, and it is not erased."""
    with Host(Path("/"), shared=[packages.repository]) as host:
        host.run([*INSTALL, packages.v1])
        host.run(["mount", "--bind", "/etc", "/etc"])
        host.run(["mount", "-o", "remount,bind,ro", "/etc"])
        script = run(["rpm", "-qp", "--queryformat=%{POSTIN}", packages.v1]).stdout
        done = host.run(["sh", "-c", script, "sh", "1"])
        assert f"{STORE} is not listed in {STORAGE_CONF}: it cannot be written" in done.stderr
        assert f"{APP}: cannot write {CRIO_CONF}" in done.stderr
        assert f"cannot write {PINNED}" in done.stderr
        host.run(["umount", "/etc"])

        host.run(["sh", "-c", script, "sh", "1"])
        host.run(["mount", "--bind", "/etc", "/etc"])
        host.run(["mount", "-o", "remount,bind,ro", "/etc"])
        done = host.run(["rpm", "--erase", APP], check=False)
        assert done.returncode != 0
        assert f"{APP}: not erased" in done.stderr
        assert f"%preun({APP}-1.0-1.x86_64) scriptlet failed, exit status 1" in done.stderr
        assert all(STORE in host.run(["cat", path]).stdout for path in LISTED)
        assert host.run(["rpm", "--verify", "--nodeps", APP]).stdout == ""
        host.run(["umount", "/etc"])
        host.run(["rpm", "--erase", APP])
        host.run(["podman", "images"])


def test_storage_conf_that_is_no_toml(packages: Packages) -> None:
    """Only the administrator can tell what is meant; podman does not start with it, either."""
    with Device("debian12", packages) as device:
        device.write(STORAGE_CONF, "[storage\n")
        done = device.rpm("--install", packages.v1)
        assert f"not listed in {STORAGE_CONF}: line 1: ] is missing" in done.stderr
        device.rpm("--erase", APP)
        device.run(["rm", STORAGE_CONF])
        device.rpm("--install", packages.v1)
        device.run(["sed", "-i", "s/^\\[storage]/[storage/", STORAGE_CONF])
        done = device.rpm("--erase", APP, check=False)
        assert f"{APP}: not erased" in done.stderr
        assert device.mounts() == [f"/run/paack/{APP}"]
        device.run(["sed", "-i", "s/^\\[storage$/[storage]/", STORAGE_CONF])
        device.rpm("--erase", APP)
        assert device.images() == []


@pytest.mark.parametrize("combination", DIAGONAL, ids=str)
def test_pins_of_other_files(combination: Combination, packages: Packages) -> None:
    with Host(Path("/")) as host:
        host.run(["mkdir", "--parents", "/usr/share/paack/own", "/usr/share/paack/gone"])
        for package, names in (("own", "own.example/a:1\n"), ("gone", "gone.example/a:1\n")):
            host.outside(Path(f"/usr/share/paack/{package}/images")).write_text(names)
        for shape, given in pinned_lists.FILES.items():
            host.run(["rm", "-rf", "/etc/crio"])
            for name, content in given.items():
                path = host.outside(Path("/etc/crio") / name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, newline="")
            script = (
                f"{library()}\npaack_pinned_images gone; echo $?; paack_pinned_images gone; echo $?"
            )
            done = host.run(combination.command(script))
            assert (done.stdout, done.stderr) == ("0\n1\n", ""), shape
            written = tomllib.loads(host.outside(PINNED).read_text())
            wanted = list(dict.fromkeys([*last_list(given), "own.example/a:1"]))
            assert written == {"crio": {"image": {"pinned_images": wanted}}}, shape
            host.run(["rm", "-r", "/usr/share/paack/own"])
            done = host.run(combination.command(f"{library()}\npaack_pinned_images gone"))
            host.run(["mkdir", "/usr/share/paack/own"])
            host.outside(Path("/usr/share/paack/own/images")).write_text("own.example/a:1\n")
            assert not host.outside(PINNED).exists()


def last_list(files: Mapping[str, str]) -> list[str]:
    """Return what CRI-O would pin of these files: it reads crio.conf, then the others by name."""
    found: list[str] = []
    for name in sorted(files, key=lambda name: (name != "crio.conf", name)):
        table = tomllib.loads(files[name]).get("crio", {}).get("image", {})
        found = table.get("pinned_images", found)
    return found


def files(host: Host) -> dict[str, bytes]:
    """Return all files (and the content of those) where scriptlets write."""
    roots = [
        "/etc/crio",
        "/etc/containers",
        "/usr/share/containers",
        "/usr/share/paack",
        "/run/paack",
    ]
    found = host.run(["find", *roots, STORE], check=False).stdout.splitlines()
    paths = [host.outside(Path(path)) for path in found]
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        for path in paths
    }
