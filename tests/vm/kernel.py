"""A kernel of Debian alone, emulated in software by qemu: busybox runs one script, from memory."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.support.apt import bootstrap
from tests.support.cache import cached
from tests.support.commands import run

_PACKAGE = "linux-image-cloud-amd64"
#: Where modules are that a filesystem on a disk of qemu may need.
_MODULES = ("fs/squashfs", "fs/erofs", "drivers/block", "drivers/virtio", "lib", "crypto")
_INIT = """\
#!/bin/busybox sh
exec >/dev/console 2>&1
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
modprobe -a virtio_pci virtio_blk squashfs erofs
exec >/dev/ttyS0 2>&1
echo '== BEGIN'
uname -r
. /script
echo '== END'
poweroff -f
"""
_KERNEL = "console=ttyS0 quiet mitigations=off random.trust_cpu=on panic=-1"
_SECONDS = 1200


def boot(suite: str, disks: Sequence[Path], script: str, work: Path) -> list[str]:
    """Boot the kernel of a Debian release; return the lines that a busybox script says.

    ``disks`` are /dev/vda, /dev/vdb and so on, read-only. The first line is the kernel's release.
    """
    root = cached(f"kernel-1-{suite}", lambda path: _unpack(path, suite))
    (kernel,) = root.glob("boot/vmlinuz-*")
    console = work / "console"
    machine = ["-accel", "tcg,thread=single", "-smp", "1", "-m", "768", "-cpu", "max"]
    quiet = ["-display", "none", "-monitor", "none", "-no-reboot", "-serial", f"file:{console}"]
    initrd = _initrd(root, script, work)
    what = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", _KERNEL]
    drives = [f"-drive=file={disk},format=raw,if=virtio,readonly=on" for disk in disks]
    drives = [word for drive in drives for word in drive.split("=", 1)]
    timed = ["timeout", str(_SECONDS), "qemu-system-x86_64"]
    run([*timed, *machine, *quiet, *what, *drives], check=False)
    said = console.read_text("utf-8", "replace")
    return said.partition("== BEGIN")[2].partition("== END")[0].split("\n")[1:-1]


def _unpack(target: Path, suite: str) -> None:
    bootstrap(target, (_PACKAGE,), variant="extract", architecture="amd64", suite=suite)


def _initrd(root: Path, script: str, work: Path) -> Path:
    tree = work / "initrd"
    for name in ("bin", "dev", "proc", "one", "two"):
        (tree / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    # One may be a symbolic link to the other.
    places = (root / place for place in ("lib/modules", "usr/lib/modules"))
    (modules,) = {each.resolve() for place in places for each in place.glob("*")}
    target = tree / "lib/modules" / modules.name
    for module in (path for part in _MODULES for path in (modules / "kernel" / part).rglob("*")):
        place = target / module.relative_to(modules)
        if module.suffix == ".ko":
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, place)
        elif module.suffix == ".xz":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.with_suffix("").write_bytes(lzma.decompress(module.read_bytes()))
    run(["busybox", "depmod", "-b", str(tree), modules.name])
    (tree / "script").write_text(script, "utf-8")
    init = tree / "init"
    init.write_text(_INIT, "ascii")
    init.chmod(0o755)
    image = work / "initrd.cpio"
    run(["bsdtar", "--format", "newc", "-C", str(tree), "-cf", str(image), "."])
    return image
