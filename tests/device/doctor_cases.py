"""A host that is not as it should be, in many ways, and what the doctor says of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.device.doctor_host import DOCTOR, MOUNT, PATH
from tests.device.packages import APP

STORE = f"{PATH}.squashfs"
SHARED = f"/usr/share/paack/{APP}"
CONF = "/etc/containers/storage.conf"
CRIO = f"/etc/crio/crio.conf.d/50-{APP}.conf"
DROP_INS = "/usr/share/containers/storage.rootful.conf.d"
DROP_IN = f"{DROP_INS}/50-{APP}.conf"
RESTART = "(systemctl restart 'run-paack-app\\x2dcontainers.mount')"
REINSTALL = f"(dnf reinstall {APP})"
REPAIR = f"({DOCTOR} --repair)"
MODPROBE = "(take that out of /etc/modprobe.d, or build the package with another filesystem)"
TAKE = f"(cp {SHARED}/crio.conf {CRIO}; systemctl restart crio)"
MASK = f"/etc/containers/storage.rootful.conf.d/50-{APP}.conf"
REMOUNT = f"umount --lazy {MOUNT}; mount --options=loop,ro {STORE} {MOUNT}"
GONE_FROM = f'(sed -i \'s|, *"/no/such/store"||; s|"/no/such/store" *,*||\' {CONF})'
TWICE = f"it lists the store {PATH} 2 times, and so its images (list it once in"
WIPES = (
    "FAIL cri-o: internal_repair is not false: after a crash it wipes its storage "
    f"(cp {SHARED}/crio.conf {CRIO}; systemctl restart crio)"
)


@dataclass(frozen=True)
class Case:
    """A shell script that breaks something, all that the doctor then finds, and the way back."""

    script: str
    found: tuple[str, ...]
    back: str


def lists(*stores: str) -> str:
    """Return a script that has storage.conf list the stores."""
    listed = ", ".join(f'"{store}"' for store in stores)
    text = f"additionalimagestores = [{listed}]"
    return f"sed -i 's|^additionalimagestores.*|{text}|' {CONF}"


def file(path: str, text: str) -> str:
    """Return a script that writes a file."""
    directory = str(Path(path).parent)
    return f"mkdir -p {directory}; printf '%s\\n' {shlex.quote(text)} >{path}"


def program(name: str, text: str) -> str:
    """Return a script that puts a program before the others of its name."""
    return f"{file(f'/usr/sbin/{name}', f'#!/bin/sh{chr(10)}{text}')}; chmod +x /usr/sbin/{name}"


DROP_IN_IS_HERE = f"mkdir -p {DROP_INS}; cp {SHARED}/storage.conf {DROP_IN}"
#: It is an older one in truth, which does not read drop-ins.
READS_DROP_INS = """[ "$1" != --version ] || {
    echo open "$CONTAINERS_STORAGE_CONF_OVERRIDE" >&2
    exit 1
}
exec /usr/bin/podman "$@"
"""
PODMAN_6 = program("podman", READS_DROP_INS)
ROOTLESS = f"WARN podman: {CONF} sets runroot or graphroot: podman of other users does not start "
MOVE = "(move both to a file in /etc/containers/storage.rootful.conf.d)"
NO_PODMAN = "mv /usr/bin/podman /usr/bin/podman.away"
PODMAN_BACK = "mv /usr/bin/podman.away /usr/bin/podman"
CRIO_IS_HERE = (
    program("crio", "") + f"; mkdir -p /etc/crio/crio.conf.d; cp {SHARED}/crio.conf {CRIO}"
)
NO_CRIO = "rm -rf /usr/sbin/crio /etc/crio"
#: A CRI-O that answers; it does not know what /run/unknown has.
CRICTL = (
    program(
        "crictl",
        """
[ ! -e /run/dead ] || exit 1
case " $* " in
*" images "*) sed 's/^/sha256:/' /run/ids ;;
*" inspecti "*) for each; do ! grep -sqxF -e "$each" /run/unknown || exit 1; done ;;
esac""",
    )
    + f"""
{CRIO_IS_HERE}
ls {MOUNT}/overlay-images | grep -v '[.]' >/run/ids
cp /bin/sleep /run/crio
/run/crio 1000 & echo $! >/run/crio.pid
until grep -qx crio /proc/$!/comm; do :; done"""
)
NO_CRICTL = (
    f"kill $(cat /run/crio.pid); rm -f /usr/sbin/crictl /run/ids /run/unknown /run/dead; {NO_CRIO}"
)
OLD_MOUNT = program("mount", "echo 'mount from util-linux 2.32.1 (libmount 2.32.1: selinux)'")
READ_WRITE = f"images=$(sed -n 's|^graphroot = \"\\(.*\\)\"|\\1|p' {CONF})/overlay-images"
FILESYSTEMS = ("grep -v squashfs /proc/filesystems >/run/filesystems; "
               "mount --bind /run/filesystems /proc/filesystems")  # fmt: skip
FILESYSTEMS_BACK = "umount /proc/filesystems; rm -f /usr/sbin/modprobe"


def forbids(text: str) -> str:
    """Return a script that makes modprobe print a text."""
    return program("modprobe", f'[ "$*" = "--dry-run --verbose fs-squashfs" ] && {text}')


CASES = {
    "not mounted": Case(
        f"umount {MOUNT}",
        (f"FAIL store: {STORE} is not mounted on {MOUNT} {RESTART}",
         "FAIL images: podman does not find ..."),
        REMOUNT,
    ),
    "not mounted, no podman": Case(
        f"{NO_PODMAN}; umount {MOUNT}",
        (f"FAIL store: {STORE} is not mounted on {MOUNT} {RESTART}",
         "FAIL images: the store does not find ..."),
        f"{PODMAN_BACK}; {REMOUNT}",
    ),
    "verity, and nothing verifies": Case(
        f"touch {STORE}.verity",
        (f"WARN store: {STORE} is mounted, but nothing verifies it {RESTART}",),
        f"rm {STORE}.verity",
    ),
    # A stand-in for a mount(8) that was built without verity.
    "verity, and mount knows none": Case(
        f"umount {MOUNT}; touch {STORE}.verity; {OLD_MOUNT}",
        (f"FAIL store: {STORE} cannot be mounted: mount(8) knows no verity "
         "(dnf upgrade util-linux)",
         "FAIL images: podman does not find ..."),
        f"rm {STORE}.verity /usr/sbin/mount; {REMOUNT}",
    ),
    "another file": Case(
        f"umount {MOUNT}; cp {STORE} /var/tmp/x; mount -t squashfs -o loop /var/tmp/x {MOUNT}",
        (f"FAIL store: /var/tmp/x is mounted, not {STORE} {RESTART}",),
        REMOUNT,
    ),
    "file of the version before": Case(
        f"cp {STORE} {STORE}.new; mv {STORE}.new {STORE}",
        (f"FAIL store: {STORE} (deleted) is mounted, not {STORE} {RESTART}",),
        REMOUNT,
    ),
    "no file": Case(
        f"mv {STORE} {STORE}.away",
        (f"FAIL store: {STORE} is missing {REINSTALL}",),
        f"mv {STORE}.away {STORE}",
    ),
    "no store in it": Case(
        f"mount -t tmpfs none {MOUNT}",
        (f"FAIL store: none on {MOUNT} is no store {RESTART}",
         "FAIL images: podman does not find ..."),
        f"umount {MOUNT}",
    ),
    "a link that leads elsewhere": Case(
        f"ln -sfn /mnt {PATH}",
        (f"FAIL store: {PATH} does not lead to {MOUNT} {REINSTALL}",
         f"FAIL podman: {PATH} is not listed in {CONF} {REPAIR}",
         "FAIL images: podman does not find ..."),
        f"ln -sfn {MOUNT} {PATH}; find /mnt -mindepth 1 -delete",
    ),
    "not listed": Case(
        lists(),
        (f"FAIL podman: {PATH} is not listed in {CONF} {REPAIR}",
         "FAIL images: podman does not find ..."),
        lists(str(PATH)),
    ),
    "listed in a comment": Case(
        f"sed -i 's|^additional|# &|' {CONF}",
        (f"FAIL podman: {PATH} is not listed in {CONF} {REPAIR}",
         "FAIL images: podman does not find ..."),
        f"sed -i 's|^# additional|additional|' {CONF}",
    ),
    "listed by another name": Case(lists(f"{MOUNT}/"), (), lists(str(PATH))),
    "listed twice": Case(
        lists(str(PATH), "/usr/share/containers", f"{PATH}/"),
        (f"WARN podman: {TWICE} {CONF})",
         "WARN images: podman lists twice: ..."),
        f"{lists(str(PATH))}; rm -rf /usr/share/containers/overlay*",
    ),
    "a listed store is missing": Case(
        lists(str(PATH), "/no/such/store"),
        ("FAIL podman: it lists the store /no/such/store, which is not there, and does not start "
         + GONE_FROM,
         "FAIL images: podman does not find ..."),
        lists(str(PATH)),
    ),
    "a listed store is missing, CRI-O": Case(
        f"{CRIO_IS_HERE}; {lists(str(PATH), '/no/such/store')}; {NO_PODMAN}",
        ("FAIL cri-o: it lists the store /no/such/store, which is not there, and does not start "
         + GONE_FROM,),
        f"{NO_CRIO}; {lists(str(PATH))}; {PODMAN_BACK}",
    ),
    "edited, on ostree": Case(
        file("/usr/etc/containers/storage.conf", "[storage]"),
        (f"WARN podman: {CONF} was edited: ostree keeps it, with {PATH}, after an uninstall "
         "(take that line out before)",),
        "rm -r /usr/etc/containers",
    ),
    "podman 6, by its drop-in": Case(
        f"{PODMAN_6}; {lists()}; {DROP_IN_IS_HERE}",
        (ROOTLESS + MOVE, "FAIL images: podman does not find ..."),  # it is 4.3 in truth
        f"rm {DROP_IN} /usr/sbin/podman; {lists(str(PATH))}",
    ),
    "podman 6, twice": Case(
        f"{PODMAN_6}; {DROP_IN_IS_HERE}",
        (ROOTLESS + REPAIR, f"WARN podman: {TWICE.partition(' (')[0]} {REPAIR}"),
        f"rm {DROP_IN} /usr/sbin/podman",
    ),
    "podman 6, its vendor's list replaces": Case(
        f"rm -f {DROP_IN}; {PODMAN_6}; "
        + file(f"{DROP_INS}/00-vendor.conf",
               "[storage.options]\nadditionalimagestores = ['/mnt']"),
        (ROOTLESS + REPAIR, f"FAIL podman: {PATH} is not listed in {DROP_IN} {REPAIR}"),
        f"rm {DROP_INS}/00-vendor.conf /usr/sbin/podman",
    ),
    "podman 6, appended to its vendor's list": Case(
        f"{PODMAN_6}; {DROP_IN_IS_HERE}; "
        + file(f"{DROP_INS}/00-vendor.conf",
               "[storage.options]\nadditionalimagestores = ['/mnt']")
        + "; " + file("/etc/containers/storage.conf.d/99-more.conf",
                      "storage.options.additionalimagestores = ['/opt']"),
        (ROOTLESS + REPAIR,),
        f"rm -r {DROP_INS}/* /etc/containers/storage.conf.d /usr/sbin/podman",
    ),
    "podman 6, masked": Case(
        f"{PODMAN_6}; {lists()}; {DROP_IN_IS_HERE}; "
        + file(MASK, ""),
        (ROOTLESS + MOVE, f"FAIL podman: {PATH} is not listed in {DROP_IN} (rm {MASK})",
         "FAIL images: podman does not find ..."),
        f"rm -r {DROP_IN} /etc/containers/storage.rootful.conf.d /usr/sbin/podman; "
        + lists(str(PATH)),
    ),
    "CRI-O": Case(CRIO_IS_HERE, (), NO_CRIO),
    "CRI-O, also by storage.conf alone": Case(
        f"{CRIO_IS_HERE}; echo >{CRIO}", (WIPES,), NO_CRIO
    ),
    "CRI-O, not listed": Case(
        f"{CRIO_IS_HERE}; rm {CRIO}; {lists()}; {NO_PODMAN}",
        (f"FAIL cri-o: {PATH} is not listed in /etc/crio/crio.conf.d {TAKE}", WIPES),
        f"{NO_CRIO}; {lists(str(PATH))}; {PODMAN_BACK}",
    ),
    "CRI-O, twice": Case(
        f"{CRIO_IS_HERE}; " + file("/etc/crio/crio.conf.d/50-x.conf.rpmsave",
                                   f'[crio]\nstorage_option = ["imagestore={PATH}"]'),
        (f"WARN cri-o: {TWICE} /etc/crio/crio.conf.d)",),
        NO_CRIO,
    ),
    "CRI-O, the same option in two files": Case(
        f"{CRIO_IS_HERE}; cp {CRIO} /etc/crio/crio.conf", (), NO_CRIO
    ),
    "CRI-O, a later file": Case(
        f"{CRIO_IS_HERE}; " + file("/etc/crio/crio.conf.d/99-x", "crio.internal_repair = true"),
        (WIPES.replace("(cp", "(sed -i '/internal_repair/d' /etc/crio/crio.conf.d/99-x; cp"),),
        NO_CRIO,
    ),
    "CRI-O answers": Case(CRICTL, (), NO_CRICTL),
    "CRI-O does not answer": Case(
        f"{CRICTL}; : >/run/dead",
        ("WARN images: cri-o runs, but does not answer crictl (systemctl status crio)",),
        NO_CRICTL,
    ),
    "CRI-O lacks images": Case(
        f"{CRICTL}; tail -n 2 {SHARED}/images >/run/unknown",
        ("FAIL images: cri-o does not find ...",),
        NO_CRICTL,
    ),
    "CRI-O lists images twice": Case(
        f"{CRICTL}; head -n 1 /run/ids >>/run/ids",
        ("WARN images: cri-o lists twice: ...",),
        NO_CRICTL,
    ),
    "CRI-O lists an image twice that was pulled": Case(
        f"{NO_PODMAN}; {CRICTL}; head -n 1 /run/ids >>/run/ids; {READ_WRITE}; "
        "mkdir -p $images; mv $images/images.json /run/; "
        "printf '[{\"id\":\"%s\"}]' $(head -n 1 /run/ids) >$images/images.json",
        (),
        f"{NO_CRICTL}; {PODMAN_BACK}; {READ_WRITE}; rm $images/images.json; "
        "mv /run/images.json $images/",
    ),
    "images that are not there": Case(
        f"cp {SHARED}/images /run/; printf 'a.b/c:%s\\n' 1 2 3 >>{SHARED}/images",
        ("FAIL images: podman does not find a.b/c:1 a.b/c:2 a.b/c:3 "
         "(podman image inspect says why)",),
        f"cp /run/images {SHARED}/images",
    ),
    "many images that are not there, no podman": Case(
        f"{NO_PODMAN}; cp {SHARED}/images /run/; printf 'a.b/c:%s\\n' 1 2 3 4 >>{SHARED}/images",
        ("FAIL images: the store does not find a.b/c:1 a.b/c:2 a.b/c:3 and more "
         f"{RESTART[:-1]}, or {REINSTALL[1:]}",),
        f"{PODMAN_BACK}; cp /run/images {SHARED}/images",
    ),
    "no list of images": Case(
        f"mv {SHARED}/images /run/",
        (f"FAIL images: {SHARED}/images, the list of references, is missing {REINSTALL}",),
        f"mv /run/images {SHARED}/",
    ),
    "a module that is there": Case(
        f"{FILESYSTEMS}; " + forbids("echo insmod /lib/modules/1/squashfs.ko"), (), FILESYSTEMS_BACK
    ),
    "a module that is forbidden": Case(
        f"{FILESYSTEMS}; " + forbids("echo 'install /bin/false '"),
        (f"FAIL kernel: modprobe forbids it to mount squashfs {MODPROBE}",),
        FILESYSTEMS_BACK,
    ),
    "a module that was forbidden too late": Case(
        forbids("echo install /usr/bin/true"),
        ("WARN kernel: it can mount squashfs, but modprobe forbids that after a boot " + MODPROBE,),
        "rm /usr/sbin/modprobe",
    ),
    "a module that is not there": Case(
        f"{FILESYSTEMS}; " + forbids("{ echo 'modprobe: FATAL: Module not found' >&2; exit 1; }"),
        (f"FAIL kernel: it cannot mount squashfs, or modprobe forbids it {MODPROBE}",),
        FILESYSTEMS_BACK,
    ),
    "a kernel without modules": Case(
        FILESYSTEMS,
        (f"FAIL kernel: it cannot mount squashfs, or modprobe forbids it {MODPROBE}",),
        FILESYSTEMS_BACK,
    ),
    # The /dev of a test host is the machine's own: nothing in it may be removed.
    "no loop devices": Case(
        f"umount {MOUNT}; mkdir /run/dev; mknod /run/dev/null c 1 3; mount --bind /run/dev /dev",
        ("FAIL kernel: there are no loop devices (modprobe loop)",
         f"FAIL store: {STORE} is not mounted on {MOUNT} {RESTART}",
         "FAIL images: podman does not find ..."),
        f"umount --lazy /dev; {REMOUNT}",
    ),
}  # fmt: skip
