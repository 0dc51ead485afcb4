"""A virtual machine of Debian 13, emulated in software by qemu: no /dev/kvm, but minutes."""

from __future__ import annotations

import lzma
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.apt import bootstrap
from tests.support.cache import cached
from tests.support.commands import run

PACKAGES = (
    "systemd-sysv", "udev", "cryptsetup-bin", "dmsetup", "rpm", "kmod", "mount", "gawk", "podman",
    "linux-image-cloud-amd64",
)  # fmt: skip
_INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox insmod /virtio_blk.ko
/bin/busybox mount -t ext4 /dev/vda /new
exec /bin/busybox switch_root /new /lib/systemd/systemd
"""
_UNIT = """\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh /vmtest.sh
"""
#: What only takes time there.
_MASKED = (
    "systemd-timesyncd", "systemd-logind", "getty@tty1", "serial-getty@ttyS0", "podman-restart",
    "systemd-hwdb-update", "e2scrub_reap", "ldconfig", "systemd-pstore",
)  # fmt: skip
_KERNEL = (
    "console=ttyS0 root=/dev/vda rw mitigations=off random.trust_cpu=on "
    "systemd.show_status=0 rcupdate.rcu_cpu_stall_suppress=1"
)
_SECONDS = 1500


def _root() -> Path:
    return cached(
        "vm-2",
        lambda path: bootstrap(path, PACKAGES, variant="essential", architecture="amd64"),
    )


def boot(
    rpms: Sequence[Path],
    script: str,
    work: Path,
    change: Callable[[Path], None],
    *,
    later: Sequence[Path] = (),
    size: str = "1G",
) -> str:
    """Install RPMs, ``change`` the root directory, boot it; return what ``script`` printed.

    Those to be installed ``later``, by the script, are in /root. ``size`` is that of the disk.
    """
    root = work / "root"
    run(["cp", "-a", str(_root()), str(root)])
    for rpm in (*rpms, *later):
        shutil.copy(rpm, root / "root")
    install = ["rpm", "-i", "--nodeps", "--nosignature", *(f"/root/{rpm.name}" for rpm in rpms)]
    run(["chroot", str(root), "env", "SYSTEMD_OFFLINE=1", *install])
    for rpm in rpms:
        if rpm not in later:
            (root / "root" / rpm.name).unlink()
    end = "echo '== END'\nsync\necho o > /proc/sysrq-trigger\nsleep 60\n"
    (root / "vmtest.sh").write_text(f"exec >/dev/ttyS0 2>&1\necho '== BEGIN'\n{script}\n{end}")
    units = root / "etc/systemd/system"
    (units / "vmtest.service").write_text(_UNIT)
    wants = units / "default.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "vmtest.service").symlink_to("../vmtest.service")
    (units / "default.target").unlink(missing_ok=True)
    (units / "default.target").symlink_to("/usr/lib/systemd/system/multi-user.target")
    for name in _MASKED:
        (units / f"{name}.service").unlink(missing_ok=True)
        (units / f"{name}.service").symlink_to("/dev/null")
    (root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 0\n")
    change(root)
    disk = work / "disk"
    run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", str(root), str(disk), size]
    )
    said = _qemu(root, disk, work)
    return said.partition("== BEGIN")[2].partition("== END")[0]


def _qemu(root: Path, disk: Path, work: Path) -> str:
    (kernel,) = root.glob("boot/vmlinuz-*")
    console = work / "console"
    machine = ["-accel", "tcg,thread=single", "-smp", "1", "-m", "768", "-cpu", "max"]
    quiet = ["-display", "none", "-monitor", "none", "-no-reboot", "-serial", f"file:{console}"]
    what = ["-kernel", str(kernel), "-initrd", str(_initrd(root, work)), "-append", _KERNEL]
    drive = ["-drive", f"file={disk},format=raw,if=virtio"]
    timed = ["timeout", str(_SECONDS), "qemu-system-x86_64"]
    run([*timed, *machine, *quiet, *what, *drive], check=False)
    return console.read_text("utf-8", "replace")


def _initrd(root: Path, work: Path) -> Path:
    """Write an initramfs that mounts the disk: busybox, and the one module that it takes."""
    tree = work / "initrd"
    for name in ("bin", "dev", "new"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    (module,) = root.glob("usr/lib/modules/*/kernel/drivers/block/virtio_blk.ko.xz")
    (tree / "virtio_blk.ko").write_bytes(lzma.decompress(module.read_bytes()))
    init = tree / "init"
    init.write_text(_INIT)
    init.chmod(init.stat().st_mode | stat.S_IXUSR)
    target = work / "initrd.cpio"
    run(["bsdtar", "--format", "newc", "-C", str(tree), "-cf", str(target), "."])
    return target
