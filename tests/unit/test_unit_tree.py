"""Which files the units of a package are, and which services podman makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from paack.helpers.quadlet.images import unit_images
from paack.helpers.quadlet.unit_tree import UnitTree, drop_in_directories, read_units
from tests.unit.archives import members_of

DIRECTORY = "/usr/share/containers/systemd"


def tree(home: Path, files: Mapping[str, str], *entries: str) -> UnitTree:
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return read_units([home / each for each in entries], DIRECTORY)


def test_files_keep_their_places(tmp_path: Path) -> None:
    files = {
        "units/web.container": "[Container]\nImage=a\n",
        "units/web.container.d/10.conf": "[Container]\nImage=b\n",
        "units/more/db.container": "[Container]\nImage=c\n",
        "units/README": "any",
        "web.container.d/20.conf": "[Container]\nImage=d\n",
        "x/one.kube": "[Kube]\nYaml=./y/one.yaml two.yaml\nConfigMap=/etc/mine.yaml\n",
        "x/y/one.yaml": "a: 1\n",
        "x/two.yaml": "b: 1\n",
        "x/three.yaml": "not named",
        "x/env.container": "[Container]\nImage=a\nEnvironmentFile=env %h/env\nVolume=./conf:/c\n",
        "x/env": "A=1",
        "x/conf/deep/a.conf": "",
    }
    read = tree(
        tmp_path, files, "units", "web.container.d", "x/one.kube", "x/env.container"
    ).check()
    assert list(read.files) == [
        "README",
        "conf/deep/a.conf",
        "env",
        "env.container",
        "more/db.container",
        "one.kube",
        "two.yaml",
        "web.container",
        "web.container.d/10.conf",
        "web.container.d/20.conf",
        "y/one.yaml",
    ]
    assert [each.name for each in members_of(read.archive)] == list(read.files)
    units = {unit.name: unit.file.text("Container", "Image") for unit in read.units}
    assert units == {
        "web.container": "d",
        "env.container": "a",
        "one.kube": "",
        "db.container": "c",
    }


@pytest.mark.parametrize(
    ("name", "text", "service"),
    [
        ("web.container", "", "web.service"),
        ("web.container", "[Container]\nServiceName=other", "other.service"),
        ("a.b.pod", "", "a.b-pod.service"),
        ("k.kube", "", "k.service"),
        ("v.volume", "", "v-volume.service"),
        ("n.network", "", "n-network.service"),
        ("i.image", "", "i-image.service"),
        ("b.build", "", "b-build.service"),
        ("a.artifact", "", "a-artifact.service"),
        ("t@.container", "", "t@.service"),
        ("t@.volume", "", "t-volume@.service"),
        ("t@1.container", "", "t@1.service"),
    ],
)
def test_services(name: str, text: str, service: str, tmp_path: Path) -> None:
    (unit,) = tree(tmp_path, {name: text}, name).units
    assert unit.service == service
    assert not unit.starts
    install = f"{text}\n[Install]\nWantedBy=a.target\n"
    (unit,) = tree(tmp_path, {name: install}, name).units
    assert unit.starts == ("@." not in name)
    (unit,) = tree(tmp_path, {name: f"{install}DefaultInstance=1\n"}, name).units
    assert unit.starts
    assert unit.started == service.replace("@.", "@1.")


KUBE = "[Kube]\nYaml="
BAD = {
    "specifier": (
        {"a.kube": f"{KUBE}%N.yaml"},
        "a.kube",
        "a.kube:2: a.kube names %N.yaml: what begins so is not looked for beside it",
    ),
    "no unit": ({"units/readme": ""}, "units", "units: holds no unit"),
    "not there": ({"a.kube": f"{KUBE}b.yaml\n"}, "a.kube", "a.kube:2: a.kube names b.yaml, which"),
    "not listed": (
        {"a.kube": f"{KUBE}{DIRECTORY}/b.yaml"},
        "a.kube",
        f"a.kube:2: a.kube names {DIRECTORY}/b.yaml, which is not there",
    ),
    "outside": (
        {"u/a.kube": f"{KUBE}../b.yaml", "b.yaml": ""},
        "u/a.kube",
        "u/a.kube:2: a.kube names ../b.yaml, which would be outside",
    ),
    "the directory above": (
        {"u/a.container": "[Container]\nVolume=..:/c\n", "secret": ""},
        "u/a.container",
        "u/a.container:2: a.container names .., which would be outside",
    ),
    "a name that is too long": (
        {"a.kube": f"{KUBE}{'b' * 256}"},
        "a.kube",
        f"a.kube:2: a.kube names {'b' * 256}, which is not there",
    ),
    "name": ({"units/a b.container": ""}, "units", "units/a b.container: the name 'a b.container'"),
    "line": (
        {"a.container": "[Container]\nImage"},
        "a.container",
        "a.container:2: podman makes nothing of all units of this directory",
    ),
    "drop-in": (
        {"u/a.container": "", "u/a.container.d/x.conf": "A=1"},
        "u",
        "u/a.container.d/x.conf:1: podman makes nothing of this file: 'A=1' stands before",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(case: str, tmp_path: Path) -> None:
    files, entry, message = BAD[case]
    (problem,) = tree(tmp_path, files, entry).problems
    assert str(problem).startswith(f"{tmp_path}/{message}")
    assert problem.hint


def test_links_and_doubles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units/b.container").symlink_to("/etc/passwd")
    (problem,) = tree(tmp_path, {"units/a.container": ""}, "units").problems
    assert str(problem).startswith(f"{tmp_path}/units/b.container: is not a regular file")
    files = {"one/a.container": "", "two/a.container": ""}
    (problem,) = tree(tmp_path, files, "one", "two").problems
    assert "a.container comes twice" in str(problem)


def test_specifiers_in_names_of_files(tmp_path: Path) -> None:
    files = {
        "a.kube": "[Kube]\nYaml=./%N.yaml\nConfigMap=%h/b.yaml ./%p/c.yaml\n",
        "a.yaml": "",
        "a/c.yaml": "",
        "w@.container": "[Container]\nEnvironmentFile=./%i.env %%i\nVolume=./%H:/a\n",
        "i@.container": "[Container]\nEnvironmentFile=./%i.env\n[Install]\nDefaultInstance=one\n",
        "one.env": "",
        "s.kube": "[Kube]\nYaml=%N.yaml\nSetWorkingDirectory=unit\n",
        "s.yaml": "",
    }
    names = [name for name in files if name[0] != "w" and not name.endswith((".yaml", ".env"))]
    read = tree(tmp_path, files, *names).check()
    assert set(read.files) == {"a.kube", "a.yaml", "a/c.yaml", "i@.container", "one.env", "s.kube"}
    (problem,) = tree(tmp_path, files, "w@.container").problems
    assert str(problem).startswith(f"{tmp_path}/w@.container:2: w@.container names %i, which is no")


def test_instances_are_links(tmp_path: Path) -> None:
    home = tmp_path / "units"
    (home / "web@.container.d").mkdir(parents=True)
    (home / "web@.container").write_text("[Container]\nImage=quay.io/me/web:%i\n")
    (home / "web@.container.d/more.conf").write_text("[Install]\nWantedBy=default.target\n")
    (home / "web@1.container").symlink_to("web@.container")
    (home / "web@2.container").symlink_to("./web@.container")
    read = read_units([home], DIRECTORY).check()
    assert [(unit.service, unit.starts) for unit in read.units] == [
        ("web@.service", False),
        ("web@1.service", True),
        ("web@2.service", True),
    ]
    assert read.files["web@1.container"] == home / "web@.container"
    assert [each.use.image for each in unit_images(read, DIRECTORY)] == [
        "quay.io/me/web:1",
        "quay.io/me/web:2",
    ]
    for name, target in (
        ("web@3.container", "web@1.container"),
        ("web@3.container", str(home / "web@.container")),
        ("web@3.container", "../units/web@.container"),
        ("other@3.container", "web@.container"),
        ("web.container", "web@.container"),
        ("web@.pod", "web@.container"),
        ("web@3.pod", "web@.pod"),
        ("web@3.conf", "web@.container"),
        ("web@3.container", "."),
        ("web@3.container", "/"),
    ):
        (home / name).symlink_to(target)
        (problem,) = read_units([home], DIRECTORY).problems
        assert str(problem).startswith(f"{home}/{name}: is not a regular file")
        (home / name).unlink()


def test_many_values_of_a_key(tmp_path: Path) -> None:
    """Their time grows with their number, not with its square."""
    lines = "Label=a=b\nLabel=\n" + "Label=a=b\n" * 100_000
    (unit,) = tree(tmp_path, {"a.container": f"[Container]\n{lines}"}, "a.container").units
    assert len(unit.file.of("Container", "Label")) == 100_000


def test_drop_in_directories() -> None:
    assert drop_in_directories("a-b-c.pod") == [
        "a-b-c.pod.d",
        "a-b-.pod.d",
        "a-.pod.d",
        "pod.d",
    ]
    assert drop_in_directories("a-b@c.container") == [
        "a-b@c.container.d",
        "a-b@.container.d",
        "a-@.container.d",
        "a-.container.d",
        "container.d",
    ]


def test_bound_images(tmp_path: Path) -> None:
    """bootc's links, in the tree of an OS image, and what is refused of them."""
    bound = tmp_path / "root/usr/lib/bootc/bound-images.d"
    bound.mkdir(parents=True)
    units = tmp_path / "root/usr/share/containers/systemd"
    units.mkdir(parents=True)
    for name in ("a.container", "b.container"):
        (units / name).write_text(f"[Container]\nImage=quay.io/me/{name}\nEnvironmentFile=env\n")
    (units / "env").write_text("A=1\n")
    (bound / "a.container").symlink_to("/usr/share/containers/systemd/a.container")
    (bound / "b.container").symlink_to("../../../share/containers/systemd/b.container")
    read = read_units([bound], DIRECTORY).check()
    assert list(read.files) == ["a.container", "b.container", "env"]
    assert read.files["a.container"] == units / "a.container"
    (tmp_path / "secret.container").write_text("[Container]\n")
    for target in ("../../../../../secret.container", "/../secret.container", "/etc/passwd"):
        (bound / "c.container").symlink_to(target)
        (problem,) = read_units([bound], DIRECTORY).problems
        assert str(problem).startswith(f"{bound}/c.container: is not a regular file")
        (bound / "c.container").unlink()
