"""RPMs that rpm-ostree can import, scriptlets in its sandbox, and a real commit of ostree."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.device.device import RUN, Device
from tests.device.layer_packages import GROUP
from tests.device.packages import APP, EROFS, OTHER, Packages
from tests.support import debian13
from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.product import REPOSITORY, Paack, definition_text
from tests.support.tree import Tree, diff_trees, read_tree

STORE = f"/usr/lib/container-images/{APP}"
CRIO_CONF = f"etc/crio/crio.conf.d/50-{APP}.conf"
PODMAN_CONF = f"usr/share/containers/storage.rootful.conf.d/50-{APP}.conf"
PINNED = "etc/crio/crio.conf.d/99-paack-pinned-images.conf"
#: Scriptlets that paack has. rpm-ostree refuses Lua and triggers, and never runs %preun, %postun.
SCRIPTLETS = {"postinstall", "preuninstall", "postuninstall", "posttrans"}
OBJECT = "/usr/share/object"
DOCUMENTATION = REPOSITORY / "docs" / "device.md"
ORIGINAL = """[storage]
driver = "overlay"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""
#: Makes what ostree-prepare-root does for a soft reboot: another root, with the same /var.
NEXT_ROOT = """
mkdir --parents /run/nextroot /run/next
mount --types=tmpfs tmpfs /run/next
mkdir /run/next/upper /run/next/work
layers="lowerdir=$0:$1,upperdir=/run/next/upper,workdir=/run/next/work"
mount --types=overlay --options="$layers" overlay /run/nextroot
mkdir --parents /run/nextroot/var/lib/containers
mount --bind /var/lib/containers /run/nextroot/var/lib/containers
for path in etc/systemd usr/local/bin etc/containers/containers.conf etc/containers/registries.conf
do
    cp --archive --no-target-directory "/$path" "/run/nextroot/$path"
done
"""
# As rpm-ostree runs scriptlets: no systemd, /var for reading, an empty /run, hardly a capability
SANDBOX = [
    *["bwrap", "--bind", "@ROOT/usr", "/usr", "--bind", "@ROOT/etc", "/etc"],
    *["--symlink", "usr/bin", "/bin", "--symlink", "usr/sbin", "/sbin"],
    *["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"],
    *[
        "--ro-bind",
        "@ROOT/var",
        "/var",
        "--tmpfs",
        "/var/tmp",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/run",
    ],
    *["--proc", "/proc", "--dev", "/dev", "--unshare-all", "--die-with-parent"],
    *["--cap-drop", "ALL", "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_DAC_OVERRIDE"],
    *["--cap-add", "CAP_FOWNER", "--cap-add", "CAP_FSETID", "--clearenv"],
    *["--setenv", "PATH", "/usr/sbin:/usr/bin", "--setenv", "SYSTEMD_OFFLINE", "1", "--"],
]


@pytest.fixture(params=[(APP, "1.0"), (APP, "2.0"), (OTHER, "1.0"), (EROFS, "1.0")], ids=str)
def rpm(request: pytest.FixtureRequest, packages: Packages) -> Path:
    name, version = request.param
    return packages.rpms[name, version]


def test_libarchive_reads_it(rpm: Path) -> None:
    """rpm-ostree imports RPMs with libarchive; it drops devices and stops at unknown owners."""
    names = run(["bsdtar", "--list", "--file", str(rpm)]).stdout.splitlines()
    assert {name.split("/")[1] for name in names} == {"usr", "etc"}
    for line in run(["bsdtar", "--list", "--verbose", "--file", str(rpm)]).stdout.splitlines():
        mode, _, owner, group = line.split()[:4]
        assert (owner, group) == ("0", "0")
        assert mode in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx")


def test_rpm_ostree_takes_its_scriptlets(rpm: Path) -> None:
    said = run(["rpm", "--query", "--package", "--scripts", str(rpm)]).stdout.splitlines()
    headers = [line for line in said if " scriptlet (using " in line]
    assert {line.split()[0] for line in headers} == SCRIPTLETS
    triggers = run(["rpm", "--query", "--package", "--filetriggers", str(rpm)]).stdout
    assert triggers.splitlines()[0] == (
        "transfiletriggerin scriptlet (using /bin/sh) -- /usr/libexec/podman"
    )
    assert "filetriggerun" not in triggers
    assert all(line.endswith(" scriptlet (using /bin/sh):") for line in headers)
    assert run(["rpm", "--query", "--package", "--triggers", str(rpm)]).stdout == ""
    for tag in ("PREIN", "PRETRANS", "PREUNTRANS", "POSTUNTRANS", "VERIFYSCRIPT"):
        query = ["rpm", "--query", "--package", f"--queryformat=%|{tag}?{{there}}|", str(rpm)]
        assert run(query, check=False).stdout == "", tag


@contextmanager
def composing(packages: Packages, *rpms: str) -> Iterator[Device]:
    """A device that is off; packages are in its root the way rpm-ostree puts them there."""
    with Device("debian13", packages, on=False) as device:
        device.prepare("/etc/containers/storage.conf", ORIGINAL)
        # ostree's objects are hard links: what is written in place is written to all of them
        device.run_beside(["ln", "@ROOT/etc/containers/storage.conf", f"@ROOT{OBJECT}"])
        for rpm in rpms:
            device.run_beside(["bsdtar", "-x", "--file", rpm, "--directory", "@ROOT"])
            for tag in ("POSTIN", "POSTTRANS"):
                script = run(["rpm", "-qp", f"--queryformat=%|{tag}?{{%{{{tag}}}}}|", rpm]).stdout
                done = device.run_beside([*SANDBOX, "sh", "-c", script, "sh", "1"])
                assert (done.stdout, done.stderr) == ("", "")
        yield device


@pytest.fixture(scope="module")
def composed(packages: Packages) -> Iterator[Device]:
    """A device with the first version of APP."""
    with composing(packages, packages.v1) as device:
        yield device


def test_scriptlets_in_the_sandbox(composed: Device) -> None:
    written = composed.written
    listed = f'additionalimagestores = ["{STORE}"] # added by paack'
    assert listed in (written / "etc/containers/storage.conf").read_text()
    assert (written / OBJECT[1:]).read_text() == ORIGINAL
    for path in (CRIO_CONF, PODMAN_CONF):
        assert STORE in (written / path).read_text()
    assert (written / PINNED).exists()
    assert not (written / "run").exists()


def test_commit(composed: Device, packages: Packages, tmp_path: Path) -> None:
    tree, repository, checkout = tmp_path / "tree", tmp_path / "repository", tmp_path / "checkout"
    shutil.copytree(composed.written / "usr", tree / "usr", symlinks=True)
    for directory in ("crio", "containers"):
        etc = tree / "usr/etc" / directory
        shutil.copytree(composed.written / "etc" / directory, etc, symlinks=True)
    ostree = ["ostree", f"--repo={repository}"]
    run([*ostree, "init", "--mode=bare"])
    run([*ostree, "config", "set", "core.fsync", "false"])
    run([*ostree, "commit", "--branch=device", f"--tree=dir={tree}"])
    run([*ostree, "checkout", "device", str(checkout)])
    assert diff_trees(kept(read_tree(tree)), kept(read_tree(checkout))) == []

    with Device("debian13", packages, on=False) as device:
        device.run_beside(["cp", "--archive", f"{checkout}/usr", "@ROOT/"])
        device.run_beside(["cp", "--archive", f"{checkout}/usr/etc", "@ROOT/"])
        device.switch_on()
        device.run(["mount", "--bind", "/usr", "/usr"])
        device.run(["mount", "--options=remount,bind,ro", "/usr"])
        assert device.names() == {packages.image("app:1"), packages.image("common:1")}
        assert device.name_in(packages.image("app:1")) == "app:1"
        assert device.crio_log() == [f"start {STORE}"]


def test_merge_of_etc(composed: Device, tmp_path: Path) -> None:
    """A rollback, and an uninstall, leave nothing of the package."""
    sysroot, etc_of_package = Sysroot(tmp_path), composed.written / "etc"
    before = sysroot.deploy_etc("before", None)
    with_package = sysroot.deploy_etc("with", etc_of_package)
    assert STORE in (with_package / "containers/storage.conf").read_text()
    assert (with_package / "crio/crio.conf.d").is_dir()
    # What a rollback boots, and what comes after an uninstall
    assert_clean(before)
    assert_clean(sysroot.deploy_etc("after", None))


def test_merge_of_an_edited_etc(composed: Device, tmp_path: Path) -> None:
    """ostree keeps a file that was edited. docs/device.md says what to do, the doctor warns."""
    sysroot, etc_of_package = Sysroot(tmp_path), composed.written / "etc"
    sysroot.deploy_etc("before", None)
    edited = sysroot.deploy_etc("with", etc_of_package) / "containers/storage.conf"
    listed = "additionalimagestores = ["
    edited.write_text(edited.read_text().replace(listed, f"{listed}'/mine', "))
    after = sysroot.deploy_etc("after", None)
    assert not (after / "crio/crio.conf.d").exists()
    conf = after / "containers/storage.conf"
    assert stores(conf) == ["/mine", STORE]
    text = DOCUMENTATION.read_text(encoding="utf-8")
    (command,) = re.findall(r"`(sed -i .*PATH.*storage\.conf)`", text)
    words = shlex.split(command.replace("PATH", STORE))
    assert words.pop() == "/etc/containers/storage.conf"
    run([*words, str(conf)])
    assert stores(conf) == ["/mine"]
    conf.write_text(f'[storage.options]\nadditionalimagestores = [ "{STORE}", "/mine", ]\n')
    run([*words, str(conf)])
    assert stores(conf) == ["/mine"]


def test_etc_that_was_edited_before(composed: Device, tmp_path: Path) -> None:
    """podman before 6 does not see the store; CRI-O has a file of its own."""
    sysroot, etc_of_package = Sysroot(tmp_path), composed.written / "etc"
    mine = sysroot.deploy_etc("before", None) / "containers/storage.conf"
    mine.write_text(f"{ORIGINAL}# mine\n")
    etc = sysroot.deploy_etc("with", etc_of_package)
    assert (etc / "containers/storage.conf").read_text() == f"{ORIGINAL}# mine\n"
    assert STORE in (etc.parent / CRIO_CONF).read_text()


def test_upgrade_rollback_and_shared_layers(packages: Packages, tmp_path: Path) -> None:
    """Commits A (bundled), B, A again, C (layers: shared), each booted after the power was cut."""
    sysroot = Sysroot(tmp_path)
    one, two, online = (packages.image(name) for name in ("app:1", "app:2", "online:1"))
    both = {one, packages.image("common:1")}
    with Device("debian13", packages, on=False) as device:

        def boot(deployment: Path, *, names: set[str], kept: bool) -> None:
            device.boot(deployment)
            assert device.names() == names
            for name in names:
                assert device.name_in(name) == name.rpartition("/")[2]
            # A container of A, and an image that was pulled in A and has layers in common with it
            if device.podman("container", "exists", "kept", check=False).returncode == 0:
                started = device.podman("start", "--attach", "kept", check=False)
                assert (started.stdout == "app:1\nmine\n") == kept
                assert device.name_in(online) == "online:1"

        first = sysroot.deploy("a", composition(packages, tmp_path, packages.v1))
        boot(first, names=both, kept=False)
        device.podman("pull", "--quiet", online)
        made = ("create", "--name=kept", *RUN, one, "sh", "-c", "cat /name; cat /mine")
        device.podman(*made)
        device.run(["sh", "-euc", "echo mine >$(podman mount kept)/mine; podman umount kept"])
        keep_etc(device, first)
        (first / "etc/containers/mine.conf").write_text("mine\n")

        second = sysroot.deploy("b", composition(packages, tmp_path, packages.v2))
        boot(second, names={two}, kept=False)
        assert (second / "etc/containers/mine.conf").exists()
        keep_etc(device, second)
        (second / "etc/containers/lost.conf").write_text("of B\n")

        sysroot.roll_back()
        boot(first, names=both, kept=True)
        keep_etc(device, first)

        shared = with_shared_layers(packages, tmp_path / "paack")
        third = sysroot.deploy("c", composition(packages, tmp_path, *shared))
        boot(third, names=both, kept=True)
        assert len(device.mounts()) == len(shared) - 1
        assert len(device.crio_log()[-1].split()) == 1 + len(shared) - 1
        assert (third / "etc/containers/mine.conf").exists()
        assert not (third / "etc/containers/lost.conf").exists()


def test_soft_reboot(packages: Packages, tmp_path: Path) -> None:
    """systemd unmounts the store, also while a container runs, and mounts that of the next root."""
    second = composition(packages, tmp_path, packages.v2)
    (second / "usr/etc").rename(second / "etc")
    lower = debian13.root()
    with Device("debian13", packages, shared=[tmp_path, lower]) as device:
        device.rpm("--install", packages.v1)
        device.podman("run", "--detach", *RUN, packages.image("app:1"), "sleep", "infinity")
        process = device.podman("inspect", "--latest", "--format={{.State.Pid}}").stdout.strip()
        device.run(["sh", "-euc", NEXT_ROOT, str(second), str(lower)])
        device.soft_reboot()
        count = ["systemctl", "show", "--property=SoftRebootsCount", "--value"]
        assert device.run(count).stdout == "1\n"
        assert device.run(["test", "-e", f"/proc/{process}"], check=False).returncode == 1
        assert device.mounts() == [f"/run/paack/{APP}"]
        assert device.names() == {packages.image("app:2")}
        assert device.name_in(packages.image("app:2")) == "app:2"


def with_shared_layers(packages: Packages, home: Path) -> list[str]:
    """Build a release of APP with the images of its first one; return it, what it needs before it.

    That is its layers, and the program.
    """
    home.mkdir()
    paack = Paack(home, packages.registry.registries_conf)
    images = [packages.image(name) for name in ("app:1", "common:1")]
    text = definition_text(APP, images, version="'4.0'", layers="shared")
    built = map(str, paack.build(paack.define(text)))
    return sorted(built, key=lambda rpm: GROUP not in rpm)


def composition(packages: Packages, home: Path, *rpms: str) -> Path:
    """Return a tree for a commit that has packages."""
    tree = Path(mkdtemp(dir=home))
    with composing(packages, *rpms) as device:
        shutil.copytree(device.written / "usr", tree / "usr", symlinks=True)
        for directory in ("crio", "containers"):
            source, etc = device.written / "etc" / directory, tree / "usr/etc" / directory
            shutil.copytree(source, etc, symlinks=True)
    return tree


def keep_etc(device: Device, deployment: Path) -> None:
    """Switch off, and write what the system wrote below /etc into its deployment."""
    device.switch_off()
    for directory in ("crio", "containers"):
        for path in (device.written / "etc" / directory).rglob("*"):
            target = deployment / path.relative_to(device.written)
            if path.is_char_device():
                target.unlink()  # a whiteout of overlayfs
            elif path.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)


class Sysroot:
    """A root filesystem of ostree that is not booted; /etc is merged as on a booted one."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._sysroot = home / "sysroot"
        self._sysroot.mkdir()
        self._admin("init-fs", str(self._sysroot))
        self._admin("os-init", "device")
        repository = f"--repo={self._sysroot}/ostree/repo"
        run(["ostree", repository, "config", "set", "core.fsync", "false"])

    def deploy(self, name: str, tree: Path) -> Path:
        """Commit and deploy a tree, with a kernel; return the deployment."""
        modules = tree / "usr/lib/modules/1"
        modules.mkdir(parents=True)
        for file in ("vmlinuz", "initramfs.img"):
            (modules / file).write_text(file)
        (tree / "usr/lib/os-release").write_text("ID=device\n")
        ostree = ["ostree", f"--repo={self._sysroot}/ostree/repo", "commit"]
        # A branch "c" would give way to a commit whose checksum starts so.
        branch = f"os/{name}"
        commit = run([*ostree, f"--branch={branch}", f"--subject={name}", f"--tree=dir={tree}"])
        self._admin("deploy", "--os=device", branch)
        deployed = self._sysroot / "ostree/deploy/device/deploy"
        return deployed / f"{commit.stdout.strip()}.0"

    def deploy_etc(self, name: str, etc: Path | None) -> Path:
        """Deploy a tree with these files in /etc, or with none of a package; return its /etc."""
        tree = self._home / name
        (tree / "usr/etc").mkdir(parents=True)
        if etc:
            for directory in ("crio", "containers"):
                shutil.copytree(etc / directory, tree / "usr/etc" / directory, symlinks=True)
        else:
            (tree / "usr/etc/containers").mkdir()
            (tree / "usr/etc/containers/storage.conf").write_text(ORIGINAL)
        return self.deploy(name, tree) / "etc"

    def roll_back(self) -> None:
        """Let the deployment before the newest be the one that boots, and that is merged from.

        rpm-ostree and bootc keep the newest, for another change of mind; this ostree cannot.
        """
        self._admin("undeploy", "0")

    def _admin(self, command: str, *arguments: str) -> None:
        # Nothing may be immutable, or pytest cannot remove it
        environment = {**MINIMAL_ENVIRONMENT, "OSTREE_SYSROOT_DEBUG": "mutable-deployments"}
        sysroot = f"--sysroot={self._sysroot}"
        run(["ostree", "admin", command, sysroot, *arguments], env=environment)


def assert_clean(etc: Path) -> None:
    """Nothing of the package is there."""
    assert (etc / "containers/storage.conf").read_text() == ORIGINAL
    assert [path for path in etc.rglob("*") if "crio.conf.d" in path.parts and path.is_file()] == []


def stores(conf: Path) -> list[str]:
    """Return the additional image stores that are listed in a file."""
    options: dict[str, list[str]] = tomllib.loads(conf.read_text())["storage"]["options"]
    return options["additionalimagestores"]


def kept(tree: Tree) -> Tree:
    """Return what ostree keeps of a tree: no times, and hard links are its own affair."""
    return {
        path: replace(record, mtime=None, links=None, twin=None) for path, record in tree.items()
    }
