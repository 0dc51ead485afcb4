"""Units of which older versions of podman make something else, or nothing.

The versions are those from which podman's generators, in a directory that PAACK_TEST_QUADLETS names
(`quadlet-4.9.5`, built from podman's tags with `go build ./cmd/quadlet`), make what is said here;
4.4.4, 4.5.1, 4.6.2, 4.7.2, 4.8.3, 4.9.5, 5.0.3, 5.1.2, 5.2.5, 5.3.2, 5.4.2, 5.5.2, 5.6.2, 5.7.1 and
5.8.2 were. CI compares with those of Debian. What keeps an older one from its end is not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from paack.helpers.quadlet.generator import refusal
from paack.helpers.quadlet.kinds import (
    DIRECTORIES_SINCE,
    DROP_INS_SINCE,
    KINDS,
    Version,
    keys_of,
)
from paack.helpers.quadlet.needed_podman import needed_version
from paack.helpers.quadlet.unit import Unit
from paack.helpers.quadlet.unit_tree import UnitTree, read_units
from tests.check import test_generator
from tests.check.generators import BuiltGenerator, Generator, Said, built_generators

IMAGE = "quay.io/me/web:1"
_WEB = f"[Container]\nImage={IMAGE}\n"
_BUILT = built_generators()


@dataclass(frozen=True)
class Older:
    """A unit, the first podman that makes of it a service with ``part``, what needs it and where.

    ``part`` is of the service's text, with blanks for = in options; with a ! in front it is what
    must not be there.
    """

    text: str
    version: Version
    part: str
    what: str
    line: int


UNITS = {
    # Syntax
    "semicolon.container": Older(
        f"{_WEB}; a comment\n", (5, 4), IMAGE, "a comment that begins with ;", 3
    ),
    "semicolon-inside.container": Older(
        f"{_WEB}Exec=a \\\n;b\nc\n", (5, 4), f"{IMAGE} a c", "a comment or an empty line", 4
    ),
    "commented.container": Older(
        "[Container]\nImage=quay.io/\\\n# a comment\nme/web:1\n",
        (5, 4),
        IMAGE,
        "a comment or an empty line in a continued one",
        3,
    ),
    "no-key.container": Older(
        f"{_WEB}PodmanArgs\\\n=--tty\n", (5, 4), "--tty", "a backslash at the end", 3
    ),
    "last.container": Older(f"{_WEB}User=1\\", (5, 4), f" 1 {IMAGE}", "a backslash at the end", 3),
    "group.container": Older(f"{_WEB}[X-A]\\\n", (5, 4), IMAGE, "a backslash at the end", 3),
    "backslash.container": Older(
        f"{_WEB}# a=b \\\nUser=1\n",
        (5, 0),
        f" 1 {IMAGE}",
        "a comment that ends with a backslash",
        3,
    ),
    "blanks.container": Older(
        f"[Container]\n Image={IMAGE}\n", (4, 6), IMAGE, "blanks at the beginning", 2
    ),
    "blank-line.container": Older(
        f"[Container]\n \nImage={IMAGE}\n", (4, 6), IMAGE, "blanks at the beginning", 2
    ),
    "blank-comment.container": Older(f"{_WEB} # a\n", (4, 6), IMAGE, "blanks at the beginning", 3),
    "dos.container": Older(
        _WEB.replace("\n", "\r\n"), (4, 6), IMAGE, "lines that end as in DOS", 1
    ),
    "indented.container": Older(
        f"{_WEB}Exec=a\\\n  b\n", (5, 0), f"{IMAGE} ab", "an indented line", 4
    ),
    "glued.container": Older(
        f"{_WEB}[Service]\nEnvironment=A=1\\\nB=2\n",
        (5, 4),
        "Environment=A=1B=2",
        "a backslash without a blank",
        5,
    ),
    # What all read alike
    "joined.container": Older(f"{_WEB}Exec=a\\\nb\n", (4, 4), f"{IMAGE} ab", ".container", 0),
    "first-empty.container": Older(
        f"{_WEB}Exec=\\\n  b\n[Service]\nEnvironment=\\\nA=1\n",
        (4, 4),
        f"{IMAGE} b",
        ".container",
        0,
    ),
    "plain.container": Older(f"#a\n#b \\\n\n{_WEB}", (4, 4), IMAGE, ".container", 0),
    "goes-on.container": Older(
        f"{_WEB}Exec=a \\\n  b \\\n\tc\nUser=1\n", (4, 4), f" 1 {IMAGE} a b c", ".container", 0
    ),
    "trailing.container": Older(
        f"[Container] \nImage\t=\t{IMAGE} \n", (4, 4), IMAGE, ".container", 0
    ),
    "words.container": Older(
        f'{_WEB}Environment="A=1" B=2\nExec="a"\n', (4, 4), f"{IMAGE} a", ".container", 0
    ),
    "environment.container": Older(f"{_WEB}EnvironmentFile=./a\n", (4, 4), "HOME/a ", ".", 0),
    "manifest.kube": Older("[Kube]\nYaml=pod.yaml\n", (4, 4), " HOME/pod.yaml", ".kube", 0),
    "data.volume": Older("[Volume]\n", (4, 4), "volume create", ".volume", 0),
    "by-volume.container": Older(
        f"{_WEB}Volume=data.volume:/a\n", (4, 4), "-v systemd-data:/a", ".container", 0
    ),
    # Values
    "quoted.container": Older(
        f'[Container]\nImage="{IMAGE}"\n', (5, 0), f" {IMAGE}", f'Image="{IMAGE}"', 2
    ),
    "quoted-yaml.kube": Older('[Kube]\nYaml="pod.yaml"\n', (5, 0), " HOME/pod.yaml", "Yaml=", 2),
    "quoted-truth.container": Older(
        f'{_WEB}ReadOnly="true"\n', (5, 0), "!--read-only false", "ReadOnly=", 3
    ),
    "mount.container": Older(
        f"{_WEB}Mount=type=image,source=pulled.image,destination=/a\n",
        (5, 3),
        "source=quay.io/me/pulled:1",
        "Mount=type=image,source=pulled.image",
        3,
    ),
    "network.container": Older(
        f"{_WEB}Network=plain.container\n",
        (5, 4),
        "--network container:systemd-plain",
        "Network=plain.container",
        3,
    ),
    "relative.container": Older(
        f"{_WEB}Volume=./files:/files\n", (4, 5), "-v HOME/files:/files", "Volume=./files", 3
    ),
    "device.container": Older(
        f"{_WEB}AddDevice=-/dev/null\n", (4, 5), "--device /dev/null ", "AddDevice=-/dev", 3
    ),
    "healthy.container": Older(
        f"{_WEB}Notify=healthy\n", (5, 0), "--sdnotify healthy", "Notify=healthy", 3
    ),
    "user.container": Older(f"{_WEB}User=1\nUser=\n", (4, 8), "!--user", "User=", 4),
    "host.container": Older(f"{_WEB}HostName=\n", (5, 3), "!--hostname", "HostName=", 3),
    "memory.container": Older(f"{_WEB}ShmSize=\n", (5, 3), "!--shm-size", "ShmSize=", 3),
    "after.container": Older(
        f"[Unit]\nAfter=data.volume\n{_WEB}",
        (5, 5),
        "\nAfter=data-volume.service",
        "After=data.volume",
        2,
    ),
    "many.kube": Older(
        "[Kube]\nYaml=pod.yaml two.yaml\n", (5, 7), "HOME/two.yaml", "a second Yaml=", 2
    ),
    # Keys and kinds
    "pull.container": Older(f"{_WEB}Pull=never\n", (4, 6), "--pull never", "Pull=", 3),
    "named.volume": Older(
        "[Volume]\nVolumeName=a\n", (4, 7), "create --ignore a", "VolumeName=", 2
    ),
    "pulled.image": Older(
        "[Image]\nImage=quay.io/me/pulled:1\n", (4, 8), "image pull", ".image", 0
    ),
    "policy.image": Older(
        "[Image]\nImage=quay.io/me/pulled:1\nPolicy=missing\n", (5, 6), "missing", "Policy=", 3
    ),
    "shop.pod": Older("[Pod]\n", (5, 0), "pod create", ".pod", 0),
    "made.build": Older("[Build]\nImageTag=a\nFile=/a\n", (5, 2), "podman build", ".build", 0),
    "renamed.container": Older(f"{_WEB}ServiceName=other\n", (5, 3), IMAGE, "ServiceName=", 3),
    "data@.volume": Older("[Volume]\n", (5, 7), "volume create", "the template data@.volume", 0),
    "web@.container": Older(f"{_WEB}ContainerName=%p-%i\n", (4, 4), "%p-%i", ".container", 0),
    "named@.volume": Older(
        "[Volume]\nServiceName=other@\n", (5, 3), "volume create", "ServiceName=", 2
    ),
    "a.artifact": Older("[Artifact]\nArtifact=a\n", (5, 7), "artifact pull", ".artifact", 0),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> UnitTree:
    """Each unit in a directory of its own: what cannot be read may take others with it."""
    home = tmp_path_factory.mktemp("older")
    for name, each in UNITS.items():
        (home / name).mkdir()
        (home / name / name).write_text(each.text, "utf-8", newline="")
    # Of the files that they name, none is there.
    return read_units([home / name for name in UNITS], "/units")


def unit_of(tree: UnitTree, name: str) -> Unit:
    return next(unit for unit in tree.units if unit.name == name)


@pytest.mark.parametrize("name", UNITS)
def test_told(name: str, tree: UnitTree) -> None:
    needed, expected = needed_version(unit_of(tree, name)), UNITS[name]
    assert needed.version == expected.version
    assert expected.what in needed.what
    assert (needed.place.line or 0) == expected.line


def test_made_from_that_version_on(real: Generator, tree: UnitTree) -> None:
    assert made(real, tree) == {name for name in UNITS if UNITS[name].version <= real.version}


@pytest.mark.skipif(not _BUILT, reason="PAACK_TEST_QUADLETS names no directory of generators")
@pytest.mark.parametrize("built", _BUILT, ids=lambda each: ".".join(map(str, each.version)))
class TestBuilt:
    def test_made_from_that_version_on(self, built: BuiltGenerator, tree: UnitTree) -> None:
        # podman 5.3 knows the other container only when it happens to come first
        unsure = {"network.container"} if built.version == (5, 3) else set()
        right = {name for name in UNITS if UNITS[name].version <= built.version}
        assert made(built, tree) - unsure == right - unsure

    def test_what_check_accepts_is_made(self, built: BuiltGenerator, tmp_path: Path) -> None:
        """Of the table that newer generators are compared with."""
        for name, text in test_generator.UNITS.items():
            path = tmp_path / ("drop-ins" if ".d/" in name else name.replace("/", "-")) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="")
        homes = [each for each in tmp_path.iterdir() if each.name != "a-syntax.container"]
        units = {unit.name: unit for unit in read_units(homes, "/units").units}
        with_drop_ins = {"two-drop.container", "instance@1.container"}
        accepted = {
            unit.service
            for name, unit in units.items()
            if not refusal(unit, units)
            and needed_version(unit).version <= built.version
            and (built.version >= DROP_INS_SINCE or name not in with_drop_ins)
            and (built.version >= DIRECTORIES_SINCE or "/" not in unit.path)
        }
        assert accepted <= built.run(*homes).services.keys()
        assert len(accepted) > 20

    def test_keys(self, built: BuiltGenerator, tmp_path: Path) -> None:
        assert known_keys(built, tmp_path) == expected_keys(built.version)


def test_keys(real: Generator, tmp_path: Path) -> None:
    assert known_keys(real, tmp_path) == expected_keys(real.version)


def made(generator: Generator | BuiltGenerator, tree: UnitTree) -> set[str]:
    """Return the units of which a generator makes what is said here."""
    said = generator.run(*(tree.files[name].parent for name in UNITS))
    return {name for name in UNITS if _is_right(said, unit_of(tree, name))}


def _is_right(said: Said, unit: Unit) -> bool:
    text = said.services.get(unit.service)
    if text is None:
        return False
    lines = [
        re.sub("(?<= )(--[a-z-]+)=", r"\1 ", line) if line.startswith("Exec") else line
        for line in text.split("\n")
    ]
    part = UNITS[unit.name].part.replace("HOME", str(unit.file.place.file.parent))
    whole = "\n".join(lines)
    return part[1:] not in whole if part.startswith("!") else part in whole


def expected_keys(version: Version) -> set[tuple[str, str]]:
    return {
        (kind.group, key)
        for kind in KINDS.values()
        for key, since in keys_of(kind.group).items()
        if kind.since <= version and since <= version
    }


def known_keys(generator: Generator | BuiltGenerator, home: Path) -> set[tuple[str, str]]:
    """Return the groups and keys that a generator knows of those that paack does, and one more."""
    asked: list[tuple[str, str]] = []
    for suffix, kind in KINDS.items():
        if generator.version >= kind.since:
            for key in (*keys_of(kind.group), "Nothing"):
                asked.append((kind.group, key))
                text = f"[{kind.group}]\n{_NEEDED.get(kind.group, '')}{key}=\n"
                (home / f"{kind.group}-{key}{suffix}").write_text(text)
    complaints = generator.run(home).complaints
    return {
        each
        for each in asked
        if "unsupported key '{1}' in group '{0}'".format(*each) not in complaints
    }


#: What units of these groups have to say.
_NEEDED = {
    "Container": "Image=a\n",
    "Kube": "Yaml=a.yaml\n",
    "Image": "Image=a\n",
    "Build": "ImageTag=a\nFile=/a\n",
    "Artifact": "Artifact=a\n",
}
