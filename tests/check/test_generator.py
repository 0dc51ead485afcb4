"""Units as podman's own generators read them: which are refused, what the others would pull."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from paack.helpers.check.check import check
from paack.helpers.quadlet.generator import refusal
from paack.helpers.quadlet.images import UnitImage, unit_images
from paack.helpers.quadlet.unit_tree import UnitTree, read_units
from paack.helpers.quadlet.words import escaped_words
from tests.check.generators import Generator
from tests.support.product import REPOSITORY

_IMAGE = "Image=quay.io/me/web:1\n"
_WEB = f"[Container]\n{_IMAGE}"
#: Units of one directory. A comment in front, `# refused: 5.4`, says who refuses it; the names of
#: others are in each other's texts.
UNITS = {
    # What may stand there
    "plain.container": _WEB,
    "digest.container": f"[Container]\nImage=quay.io/me/web@sha256:{'a' * 64}\n",
    "short.container": "[Container]\nImage=web\n",
    "quoted.container": '[Container]\nImage="quay.io/me/web:1"\n',
    "blanks.container": "[Container]\n  Image  =  quay.io/me/web:1  \n",
    "twice.container": f"[Container]\nImage=a\nImage=b\n[Unit]\n[Container]\n{_IMAGE}",
    "reset.container": f"[Container]\n{_IMAGE}Pull=always\nPull=\nVolume=gone.volume:/a\nVolume=\n",
    "goes-on.container": "[Container]\nImage=quay.io/\\\n# a comment\n\n  me/web:1\n",
    "goes-on-twice.container": "[Container]\nImage=quay.io/\\\nme/\\\nweb:1\n\nUser=1\n",
    "last-line.container": "[Container]\nImage=quay.io/me/web:1\\",
    "dos.container": "[Container]\r\nImage=quay.io/me/web:1\r\nPull=never\r\n",
    "semicolon.container": f"; a comment\n{_WEB}; Pull=always\n#Pull=always\n",
    "specifier.container": "[Container]\nImage=quay.io/me/%N:1\n",
    "template@.container": f"{_WEB}ContainerName=%p-%i\n",
    "rootfs.container": "[Container]\nRootfs=/var/lib/root\n",
    "named.container": f"{_WEB}ServiceName=other\n",
    "never.container": f"{_WEB}Pull=never\n",
    "missing.container": f"{_WEB}Pull=missing\n",
    "always.container": f"{_WEB}Pull=always\n",
    "newer.container": f"{_WEB}Pull=never\nPull=newer\n",
    "arguments.container": f"{_WEB}Pull=never\nPodmanArgs=--pull=always\n",
    "two-arguments.container": f'{_WEB}PodmanArgs=--label "a b" --pull newer\n',
    "escapes.container": f"{_WEB}PodmanArgs=--label=\\x41\\u00e9 '--pull'=\"alw\\x61ys\"\n",
    "bad-escape.container": f"{_WEB}PodmanArgs=--pull=always \\q\n",
    "open-quote.container": f"{_WEB}PodmanArgs='--pull=always\n",
    "update.container": f"{_WEB}AutoUpdate=registry\n",
    "offline.container": f"{_WEB}[Quadlet]\nDefaultDependencies=false\n",
    "unknown-group.container": f"{_WEB}[Other]\nKey=value\n",
    "service.container": f"{_WEB}[Service]\nType=oneshot\nKillMode=control-group\n",
    "ports.container": f"{_WEB}ExposeHostPort=80-90/tcp\nExposeHostPort=53/udp\n",
    "user.container": f"{_WEB}User=1\nGroup=2\n",
    "userns.container": f"{_WEB}UserNS=auto\nUIDMap=0:1:2\n",
    "remap.container": f"{_WEB}RemapUsers=auto\nRemapUid=0:1:2\n",
    "mounts.container": f"{_WEB}Mount=type=image,source=quay.io/me/data:1,destination=/a\n"
    "Mount=type=tmpfs,destination=/b\nMount=type=volume,source=data.volume,destination=/c\n",
    "mount-unit.container": f"{_WEB}Mount=type=image,source=pulled.image,destination=/a\n",
    "pod.container": f"{_WEB}Pod=shop.pod\n",
    "network.container": f"{_WEB}Network=net.network:ip=10.0.0.2\nNetwork=plain.container\n",
    "by-image.container": "[Container]\nImage=pulled.image\n",
    "by-tagged.container": "[Container]\nImage=tagged.image\n",
    "by-build.container": "[Container]\nImage=made.build\n",
    "numbered.image": "[Image]\nImage=quay.io/me/%N:1\n",
    "by-numbered.container": "[Container]\nImage=numbered.image\n",
    "paths.container": f"{_WEB}Volume=./%N:/a\nVolume=%h/b:/b\nEnvironmentFile=./%%c\n",
    "volumes.container": f"{_WEB}Volume=data.volume:/a:ro\nVolume=/b\nVolume=./c:/c\nVolume=d:/d\n",
    "two-drop.container": "[Container]\nImage=a\n",
    "two-drop.container.d/1.conf": f"[Container]\n{_IMAGE}Pull=always\n",
    "two-drop.container.d/2.conf": "[Container]\nPull=never\n",
    "two-.container.d/2.conf": "[Container]\nPull=always\n",
    "two-.container.d/1.txt": "[Container]\nPull=always\n",
    "instance@1.container": "[Container]\n",
    "instance@.container.d/1.conf": f"[Container]\n{_IMAGE}",
    "shop.pod": "[Pod]\nPodName=shop\nVolume=data.volume:/a\n",
    "infra.pod": "[Pod]\nPodmanArgs=--infra-image=quay.io/me/pause:1\n",
    "kube.kube": "[Kube]\nYaml=pod.yaml\n",
    "data.volume": "[Volume]\n",
    "image.volume": "[Volume]\nDriver=image\nImage=quay.io/me/data:1\n",
    "by-image.volume": "[Volume]\nDriver=image\nImage=tagged.image\n",
    "device.volume": "[Volume]\nDevice=/dev/sdb\nType=ext4\nOptions=ro\n",
    "net.network": "[Network]\nSubnet=10.0.0.0/24\nGateway=10.0.0.1\n",
    "pulled.image": "[Image]\nImage=quay.io/me/pulled:1\n",
    "tagged.image": "[Image]\nImage=oci-archive:/a.tar\nImageTag=localhost/tagged:1\n",
    "options.image": "[Image]\nImage=quay.io/me/pulled:1\nPodmanArgs=--policy=missing\n",
    "made.build": "[Build]\nImageTag=localhost/made:1\nFile=/srv/Containerfile\n",
    "relative.build": "[Build]\nImageTag=localhost/made:2\nFile=Containerfile\n"
    "SetWorkingDirectory=unit\n",
    # What an older one does not know
    "policy.image": "# refused: 5.4\n[Image]\nImage=quay.io/me/pulled:1\nPolicy=missing\n",
    "memory.container": f"# refused: 5.4\n{_WEB}Memory=1g\n",
    "apparmor.container": f"# refused: 5.4\n{_WEB}AppArmor=unconfined\n",
    "label.pod": "# refused: 5.4\n[Pod]\nLabel=a=b\n",
    "argument.build": "# refused: 5.4\n[Build]\nImageTag=a\nFile=/a\nBuildArg=a=b\n",
    "more.artifact": "# not for 5.4\n[Artifact]\nArtifact=quay.io/me/artifact:1\n",
    "needs.container": f"# refused: 5.8\n[Unit]\nAfter=nothing.container\n{_WEB}",
    "reload.container": f"# refused: both\n{_WEB}ReloadCmd=true\nReloadSignal=HUP\n",
    # What all refuse
    "empty.container": "# refused: both\n[Container]\n",
    "no-group.container": "# refused: both\n",
    "both.container": f"# refused: both\n{_WEB}Rootfs=/a\n",
    "emptied.container": f"# refused: both\n{_WEB}Image=\n",
    "unknown.container": f"# refused: both\n{_WEB}ImagePullPolicy=Never\n",
    "case.container": "# refused: both\n[Container]\nimage=quay.io/me/web:1\n",
    "quadlet.container": f"# refused: both\n{_WEB}[Quadlet]\nOther=1\n",
    "by-none.container": "# refused: both\n[Container]\nImage=none.image\n",
    "kill.container": f"# refused: both\n{_WEB}[Service]\nKillMode=process\n",
    "type.container": f"# refused: both\n{_WEB}[Service]\nType=simple\n",
    "group.container": f"# refused: both\n{_WEB}Group=1\n",
    "old-map.container": f"# refused: both\n{_WEB}RemapUid=0:1:2\n",
    "both-maps.container": f"# refused: both\n{_WEB}RemapUsers=auto\nUserNS=auto\n",
    "odd-map.container": f"# refused: both\n{_WEB}RemapUsers=odd\n",
    "no-volume.container": f"# refused: both\n{_WEB}Volume=none.volume:/a\n",
    "no-mount.container": f"# refused: both\n{_WEB}Mount=type=volume,src=none.volume,dst=/a\n",
    "no-network.container": f"# refused: both\n{_WEB}Network=none.network\n",
    "bad-network.container": f"# refused: both\n{_WEB}Network=bad.network\n",
    "container-net.container": f"# refused: both\n{_WEB}Network=plain.container:ip=1\n",
    "template-net.container": f"# refused: both\n{_WEB}Network=template@.container\n",
    "no-pod.container": f"# refused: both\n{_WEB}Pod=none.pod\n",
    "other-pod.container": f"# refused: both\n{_WEB}Pod=shop\n",
    "port.container": f"# refused: both\n{_WEB}ExposeHostPort=web\n",
    "a/syntax.container": f"# refused: both\n{_WEB}a line\n",
    "b/before.container": f"# refused: both\nImage=a\n{_WEB}",
    "a/innocent.container": f"# refused: both\n{_WEB}",
    "lost.container": "# refused: both\n[Container]\nImage=quay.io/me/web:1\\\n# the end\n",
    "yaml.kube": "# refused: both\n[Kube]\n",
    "manual.kube": "# refused: both\n[Kube]\nYaml=pod.yaml\nRemapUsers=manual\n",
    "directory.kube": "# refused: both\n[Kube]\nYaml=pod.yaml\nSetWorkingDirectory=/a\n",
    "no-image.volume": "# refused: both\n[Volume]\nDriver=image\n",
    "no-device.volume": "# refused: both\n[Volume]\nType=ext4\n",
    "options.volume": "# refused: both\n[Volume]\nOptions=ro\n",
    "bad.network": "# refused: both\n[Network]\nGateway=10.0.0.1\n",
    "no.image": "# refused: both\n[Image]\nImageTag=a\n",
    "no-tag.build": "# refused: both\n[Build]\nFile=/a\n",
    "no-file.build": "# refused: both\n[Build]\nImageTag=a\n",
    "relative-file.build": "# refused: both\n[Build]\nImageTag=a\nFile=Containerfile\n",
}
_YAML = {
    "pod.yaml": "kind: Pod\nspec: {containers: [{image: quay.io/me/kube:1}]}\n",
    "c": "",
    "paths": "",
    "%c": "",
}


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> UnitTree:
    directory = tmp_path_factory.mktemp("units")
    for name, text in {**UNITS, **_YAML}.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text, "utf-8", newline="")
    return read_units([directory], str(directory))


def test_the_same_are_refused(real: Generator, units: UnitTree) -> None:
    assert len(units.units) > 60
    names = {unit.name: unit for unit in units.units}
    made = {
        unit.service
        for unit in units.units
        if real.version >= unit.kind.since and not refusal(unit, names, real.version)
    }
    said = real.run(_home(units))
    assert made == said.services.keys(), said.complaints
    told = {name for name, text in UNITS.items() if _refused(text, real.version)}
    services = {unit.path: unit.service for unit in units.units}
    assert {services[name] for name in told if name in services} & made == set()
    assert len(made) == len([name for name in UNITS if ".d/" not in name]) - len(told)


def test_the_same_is_pulled(real: Generator, units: UnitTree) -> None:
    said = real.run(_home(units))
    ours: dict[str, UnitImage] = {}
    for each in unit_images(units, str(_home(units))):
        if each.how in ("run", "pull", "volume", "build", "artifact"):
            ours[each.unit.service] = each
    compared = 0
    for service, text in said.services.items():
        command = _commands(text)
        if "run" in command and "--rootfs" not in command:
            expected = ("run", _after(command, "--pull"), command[-1])
        elif command[1:3] in (["image", "pull"], ["artifact", "pull"]):
            how = "pull" if command[1] == "image" else "artifact"
            expected = (how, _after(command, "--policy"), command[-1])
        elif "build" in command:
            expected = ("build", "", _after(command, "--tag"))
        elif image := [word.partition("=")[2] for word in command if word.startswith("image=")]:
            expected = ("volume", "", image[0])
        else:
            assert service not in ours
            continue
        found = ours[service]
        image_name = found.use.image.replace(service.removesuffix(".service"), "%N")
        assert (found.how, found.policy, image_name) == expected, service
        compared += 1
    assert compared > 45


def _home(units: UnitTree) -> Path:
    return units.files["plain.container"].parent


def _refused(text: str, version: tuple[int, int]) -> bool:
    said = re.match(r"# (?:refused|not for): ?(\S+)|# not for (\S+)", text)
    word = said and (said[1] or said[2])
    return word in ("both", ".".join(map(str, version)))


def _commands(service: str) -> list[str]:
    lines = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    return escaped_words(lines[-1].partition("=")[2])


def _after(words: list[str], name: str) -> str:
    """Return the last value of an option."""
    found = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == name:
            found = following
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
    return found


def test_the_example(real: Generator, tmp_path: Path) -> None:
    """Nothing is wrong with it but that it has no lock, and podman makes all services of it."""
    shutil.copytree(REPOSITORY / "images/example-quadlet", tmp_path / "example-quadlet")
    report = check(tmp_path / "example-quadlet/example-quadlet.yaml")
    assert {each.kind for each in report.findings} <= {"lock"}
    images = {image.source.text for _, image in report.definition.images()}
    assert images == {"docker.io/library/nginx:1.21.6", "docker.io/library/busybox:1.36"}
    said = real.run(tmp_path / "example-quadlet/units")
    names = ["page-volume", "report", "shop-pod", "web"]
    assert sorted(said.services) == [f"{name}.service" for name in names], said.complaints
