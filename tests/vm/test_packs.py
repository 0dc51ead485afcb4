"""Stores over packs, joined by device-mapper in a virtual machine: a life, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.debian import busybox_rootfs, push_multiarch
from tests.support.packed import Packed, files
from tests.support.registry import Registry
from tests.unit.images import layer_of
from tests.vm.machine import boot

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("PAACK_TEST_VM" not in os.environ, reason="make test-vm runs it"),
]
PACKS = "/usr/lib/container-packs"
INDEX = "/usr/lib/container-images/app.index"
OTHER = "/usr/lib/container-images/other.squashfs"
INSTALL = "rpm -U --nosignature --nodeps"
RUN = "podman run --rm --network=none --cgroups=disabled"
#: What is mapped, what lies behind it, and what is left on the device.
STATE = f"""\
while systemctl list-jobs --no-legend | grep -q paack; do sleep 0.2; done
udevadm settle 2>/dev/null
dmsetup info --columns --noheadings --options name
losetup --list --noheadings --output BACK-FILE
stat -c %n /run/paack-packs-* {PACKS}/* 2>/dev/null
"""
LIFE = f"""\
echo == booted
systemctl is-active run-paack-app.mount paack-packs-app.service
/usr/libexec/paack/app/doctor --all --deep; echo "doctor: $?"
podman images --format '{{{{.Repository}}}} {{{{.ReadOnly}}}}'
echo == reads
{RUN} IMAGE sh -c 'sha256sum /which /data/*'
echo == in a user namespace
{RUN} --uidmap 0:100000:65536 IMAGE sh -c \\
    'stat -c "%u %g" /which; cat /proc/self/uid_map; grep lowerdir= /proc/self/mounts'
echo == saved
podman save --quiet --output /var/tmp/saved.tar IMAGE
tar -xOf /var/tmp/saved.tar manifest.json; echo
for layer in $(tar -tf /var/tmp/saved.tar | grep '^[0-9a-f]*.tar$'); do
    echo "$(tar -xOf /var/tmp/saved.tar "$layer" | sha256sum) $layer"
done
echo == pushed
podman push --quiet --tls-verify=false IMAGE dir:/var/tmp/pushed
cat /var/tmp/pushed/manifest.json
echo == upgraded
podman run --detach --name old --network=none --cgroups=disabled IMAGE \\
    sh -c 'while sleep 1; do [ ! -e /go ] || exec sha256sum /which /data/*; done' >/dev/null
for _ in $(seq 60); do ! podman exec old true || break; sleep 1; done
exec 8</run/paack/app/overlay-images/images.json
{INSTALL} /root/*.rpm; echo "rpm: $?"
{RUN} IMAGE sha256sum /which
/usr/libexec/paack/app/doctor; echo "doctor: $?"
echo == old and new
{STATE}
echo == goes on
echo 3 >/proc/sys/vm/drop_caches
head -c 1 <&8; echo
exec 8<&-
podman exec old touch /go
podman wait old
podman logs old
podman rm old
echo == new alone
{STATE}
echo == refused
rpm -e $(rpm -qa 'container-pack-*' | head -n 1) 2>&1 && echo erased
echo == erased
rpm -e app && rpm -e $(rpm -qa 'container-pack-*'); echo "rpm: $?"
{STATE}
echo == left
podman images --format '{{{{.Repository}}}}'
ls -1 /run/paack /usr/lib/container-images
systemctl --failed --no-legend
"""
DAMAGE = f"""\
echo == booted
systemctl is-active run-paack-app.mount run-paack-more.mount run-paack-other.mount
podman images --format '{{{{.Repository}}}}'
echo == state
{STATE}
echo == said
journalctl -b -u paack-packs-app -u paack-packs-more -o cat | grep ' of container-pack-'
echo == doctor
/usr/libexec/paack/app/doctor --all; echo "doctor: $?"
echo == deep
/usr/libexec/paack/app/doctor --all --deep | grep FAIL
echo == cured
rpm -U --nodeps --nosignature --replacepkgs /root/container-pack-*.rpm
systemctl restart run-paack-app.mount run-paack-more.mount
/usr/libexec/paack/app/doctor --all --deep; echo "doctor: $?"
echo == pieces of before
{INSTALL} --replacepkgs /root/container-pack-*.rpm
/usr/libexec/paack/app/doctor | grep FAIL
echo == no index
rm {INDEX}
systemctl restart run-paack-app.mount 2>&1
journalctl -b -u paack-packs-app -o cat | grep app.index
/usr/libexec/paack/app/doctor | grep FAIL
echo == stopped
systemctl stop run-paack-more.mount
{STATE}
echo == unmounted
systemctl start run-paack-more.mount
umount /run/paack/more
{STATE}
echo == packs erased first
systemctl start run-paack-more.mount
rpm -e --nodeps $(rpm -qa 'container-pack-*')
ls /run/paack/more/overlay-images/images.json
rpm -e more app 2>/dev/null; echo "rpm: $?"
{STATE}
"""


@dataclass(frozen=True)
class Built:
    """Version 1 and 2 of the package app, a package more with a pack of its own, and a package
    other that has none.

    The paths of packs are in the order in which they came; that of ``more`` is the last.
    """

    image: str
    layers: list[str]
    first: list[Path]
    second: list[Path]
    more: list[Path]
    other: Path
    packs: list[str]
    old: Mapping[str, bytes]
    new: Mapping[str, bytes]

    def script(self, text: str) -> str:
        return text.replace("IMAGE", self.image)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    home = tmp_path_factory.mktemp("packs")
    base = busybox_rootfs("amd64")
    old = files("data/", 20, 100_000) | {"which": b"old"}
    new = old | files("data/3", 1, 200_000) | {"which": b"new"}
    with Registry(home) as registry, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_REGISTRIES_CONF", str(registry.registries_conf))
        layer = home / "layer.tar"
        packed = Packed(home / "app")
        rpms = []
        for version, content in (("1", old), ("2", new)):
            layer.write_bytes(layer_of(dict(content)))
            push_multiarch(registry, "app", "1", {"amd64": [base, layer]})
            packed.version = version
            packed.define(app=[f"{registry.host}/app:1"])
            packed.lock(update=True)
            rpms.append(packed.build())
            if version == "1":
                layers = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (base, layer)]
        layer.write_bytes(layer_of(files("more/", 9, 30_000)))
        push_multiarch(registry, "more", "1", {"amd64": [layer]})
        of_more = Packed(home / "more")
        of_more.define(more=[f"{registry.host}/more:1"])
        of_more.lock()
        more = of_more.build()
        push_multiarch(registry, "other", "1", {"amd64": [base]})
        bundled = Packed(home / "other", layers="bundled")
        bundled.define(other=[f"{registry.host}/other:1"])
        bundled.lock()
        (other,) = bundled.build()
        locked = packed.locked.packs + of_more.locked.packs
        packs = [f"{PACKS}/{each.digest.removeprefix('sha256:')}" for each in locked]
    assert (len(rpms[0]), len(rpms[1]), len(packs)) == (3, 4, 3)
    second = [rpm for rpm in rpms[1] if rpm not in rpms[0]]
    yield Built(f"{registry.host}/app:1", layers, rpms[0], second, more, other, packs, old, new)


def parts(said: str) -> dict[str, list[str]]:
    """Return the lines that were said in each part of a script, but for those of the kernel."""
    found: dict[str, list[str]] = {}
    for part in said.split("== ")[1:]:
        name, *lines = part.splitlines()
        found[name] = [line for line in lines if not re.match(r"\[ *\d+\.\d+\]", line)]
    return found


def sums(content: Mapping[str, bytes]) -> list[str]:
    """Return what sha256sum says of files in a container."""
    names = sorted(content, key=lambda name: (name != "which", name))
    return [f"{hashlib.sha256(content[name]).hexdigest()}  /{name}" for name in names]


def with_udev(root: Path) -> None:
    """Leave the root as it is."""


def without_udev(root: Path) -> None:
    """And with a setting with which options come before words."""
    environment = root / "etc/systemd/system/paack-packs-app.service.d/environment.conf"
    environment.parent.mkdir()
    environment.write_text("[Service]\nEnvironment=POSIXLY_CORRECT=1\n")
    for unit in ("d.service", "d-control.socket", "d-kernel.socket", "-trigger.service"):
        (root / f"etc/systemd/system/systemd-udev{unit}").symlink_to("/dev/null")


@pytest.mark.parametrize("change", [with_udev, without_udev])
def test_the_life_of_a_package(
    built: Built, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """It boots, runs, saves, is upgraded below a container and an open file, and is erased."""
    script = built.script(LIFE)
    rpms = [*built.first, built.other]
    said = boot(rpms, script, tmp_path, change, later=built.second)
    print(said)
    found = parts(said)
    repository = built.image.removesuffix(":1")
    others = repository.replace("/app", "/other")

    assert found["booted"][:2] == ["active", "active"]
    assert found["booted"][-3:] == ["doctor: 0", f"{repository} true", f"{others} true"]
    assert "ok    packs: all 1 packs are there, and what packages brought" in found["booted"]
    assert found["reads"] == sums(built.old)
    owners, uids, overlay = found["in a user namespace"]
    assert (owners, uids.split()) == ("0 0", ["0", "100000", "65536"])
    assert "/mapped/" in overlay
    manifest, *layers = found["saved"]
    assert json.loads(manifest)[0]["Layers"] == [f"{each}.tar" for each in built.layers]
    assert layers == [f"{each}  - {each}.tar" for each in sorted(built.layers)]
    pushed = json.loads("".join(found["pushed"]))["layers"]
    assert [layer["digest"] for layer in pushed] == [f"sha256:{each}" for each in built.layers]

    assert found["upgraded"][0] == "rpm: 0"
    assert found["upgraded"][1] == sums(built.new)[0]
    assert found["upgraded"][-1] == "doctor: 0"
    one, two, _ = built.packs
    there = ["/run/paack-packs-app", one, two]
    mapped = ["paack-app-1", "paack-app-2", OTHER, f"{INDEX} (deleted)", INDEX, one, one, two]
    assert sorted(found["old and new"]) == sorted([*mapped, *there])
    assert found["goes on"] == ["[", "0", *sums(built.old), "old"]
    assert sorted(found["new alone"]) == sorted(["paack-app-2", OTHER, INDEX, one, two, *there])

    assert "is needed by (installed) app-2-1" in found["refused"][-1]
    assert found["erased"] == ["rpm: 0", "No devices found", OTHER]
    assert found["left"] == [
        others, "/run/paack:", "other", "", "/usr/lib/container-images:", "other", "other.squashfs"
    ]  # fmt: skip


def test_pieces_that_are_missing_or_damaged(built: Built, tmp_path: Path) -> None:
    """The boot goes on, the other stores are there, and the doctor says what to do."""
    one, two, three = built.packs

    def change(root: Path) -> None:
        (root / two.lstrip("/")).unlink()
        for pack, place in ((one, 5_000), (three, -1_000)):
            path = root / pack.lstrip("/")
            content = bytearray(path.read_bytes())
            content[place:] = bytes([content[place] ^ 1]) + content[place:][1:]
            path.write_bytes(content if place > 0 else content[:place] + bytes(-place))

    every = [*built.first[:-1], *built.second, *built.more, built.other]
    rpms = list({rpm.name: rpm for rpm in every}.values())  # the program's is the same
    packs = [rpm for rpm in rpms if rpm.name.startswith("container-pack-")]
    assert len(packs) == 3
    said = boot(rpms, DAMAGE, tmp_path, change, later=packs)
    print(said)
    found = parts(said)
    one, two, three = (
        f"{each} of container-pack-{each[len(PACKS) + 1 :][:24]}" for each in built.packs
    )
    others = built.image.replace("/app:1", "/other")
    faults = {each: f"packs: {each} is damaged" for each in (one, three)}
    faults[two] = f"packs: {two} is missing"

    assert found["booted"] == ["inactive", "inactive", "active", others]
    assert found["state"] == ["No devices found", OTHER, *sorted([built.packs[0], built.packs[2]])]
    cure = {each: f"dnf reinstall {each.rpartition(' ')[2]}" for each in (one, two, three)}
    assert sorted(found["said"]) == sorted(
        [f"{two} is missing: {cure[two]}", f"{three} is damaged: {cure[three]}"]
    )
    for part, bad in (("doctor", (two, three)), ("deep", (one, two, three))):
        restart = {three: "run-paack-more.mount"}
        wanted = [
            f"FAIL  {faults[each]} ({cure[each]}; "
            f"systemctl restart '{restart.get(each, 'run-paack-app.mount')}')"
            for each in bad
        ]
        assert [line for line in found[part] if line.startswith("FAIL  packs:")] == wanted
    assert found["doctor"][-1] == "doctor: 1"
    assert f"ok    store: {OTHER} is mounted" in found["doctor"]
    assert found["cured"][-1] == "doctor: 0"
    (moved, also) = found["pieces of before"]
    assert moved.startswith(
        f"FAIL  packs: {built.packs[0]} is not what is mounted on /run/paack/app"
    )
    assert also.startswith(
        f"FAIL  packs: {built.packs[1]} is not what is mounted on /run/paack/app"
    )
    assert f"{INDEX} of app is missing: dnf reinstall app" in found["no index"]
    assert f"FAIL  store: {INDEX} is missing (dnf reinstall app)" in found["no index"]
    there = ["No devices found", OTHER, *sorted(built.packs)]
    assert (found["stopped"], found["unmounted"]) == (there, there)
    listed = "/run/paack/more/overlay-images/images.json"
    assert found["packs erased first"] == [listed, "rpm: 0", "No devices found", OTHER]
