"""Every fault of a Quadlet unit that paack check finds, at its line, with what to write instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from paack.helpers.check.check import check
from paack.helpers.check.findings import Finding
from paack.helpers.check.missing import add_missing
from paack.helpers.check.report import Report
from paack.helpers.errors import DefinitionError
from paack.helpers.quadlet.complete import load_definition

WEB = "quay.io/me/web:1"
_IMAGE = f"[Container]\nImage={WEB}\n"
_QUIET = "[Quadlet]\nDefaultDependencies=false\n"


@dataclass(frozen=True)
class Case:
    """Files of units, the one finding that they have: its kind, place, and parts of its text."""

    files: Mapping[str, str]
    kind: str
    place: str
    message: str
    hint: str
    warning: bool = False
    more: Sequence[str] = field(default_factory=list)


def container(line: str, kind: str, message: str, hint: str, *, warning: bool = False) -> Case:
    """Return a fault on line 3 of a unit that is fine but for that."""
    text = f"{_IMAGE}{line}\n{_QUIET}"
    return Case({"web.container": text}, kind, "web.container:3", message, hint, warning)


def kube(manifest: str, kind: str, message: str, hint: str, *, warning: bool = False) -> Case:
    files = {"web.kube": f"[Kube]\nYaml=web.yaml\n{_QUIET}", "web.yaml": manifest}
    return Case(files, kind, "web.yaml:2", message, hint, warning)


def other(name: str, text: str, line: int, kind: str, message: str, hint: str) -> Case:
    return Case({name: f"{text}\n{_QUIET}"}, kind, f"{name}:{line}", message, hint)


_POD = "kind: Pod\nspec: {containers: [{name: a, "
CASES = {
    "missing": other(
        "web.container",
        "[Container]\nImage=quay.io/me/other:1",
        2,
        "missing",
        "quay.io/me/other:1 is not packaged for x86_64 (web.container Image)",
        "--add",
    ),
    "another tag": other(
        "web.container",
        "[Container]\nImage=quay.io/me/web:2",
        2,
        "missing",
        "quay.io/me/web:2 is not packaged",
        f"packaged are: {WEB}; or ",
    ),
    "of the device": other(
        "web.container",
        "[Container]\nImage=quay.io/me/web:%H",
        2,
        "name",
        "'quay.io/me/web:%H' is not the name of an image",
        "render templates and variables first",
    ),
    "in a drop-in": Case(
        {
            "web.container": f"{_IMAGE}{_QUIET}",
            "web.container.d/a.conf": "[Container]\nPull=always",
        },
        "pull",
        "web.container.d/a.conf:2",
        f"web.container pulls {WEB} at each start: Pull=always",
        "write Pull=never",
    ),
    "always": container("Pull=always", "pull", f"pulls {WEB} at each start", "write Pull=never"),
    "newer": container("Pull=newer", "pull", "asks a registry", "write Pull=never", warning=True),
    "argument": container("PodmanArgs=--pull=always", "pull", f"pulls {WEB}", "write Pull=never"),
    "mount": container(
        f"Mount=type=image,src={WEB},dst=/a", "mount", f"mounts {WEB} from a store", "Driver=image"
    ),
    "storage": container(
        "GlobalArgs=--storage-opt=additionalimagestore=/a", "storage", "knows no store", "remove it"
    ),
    "update": container(
        "AutoUpdate=registry", "auto-update", "auto-update", "remove", warning=True
    ),
    "label": container(
        "Label=a=b io.containers.autoupdate=local",
        "auto-update",
        "web.container",
        "remove",
        warning=True,
    ),
    "quotes": container(
        'Volume="/a:/b"', "value", "the quotes are a part", "write Volume=/a:/b", warning=True
    ),
    "boolean": container("ReadOnly=y", "value", "that for no", "write true or false", warning=True),
    "key": container(
        "ImagePullPolicy=Never", "unit", "ImagePullPolicy= is no key of", "PodmanArgs="
    ),
    "case": container("pull=never", "unit", "pull= is no key of [Container]", "write Pull="),
    "pod": container(
        "Pod=shop.pod", "unit", "Pod= names shop.pod, and there is no", "add shop.pod"
    ),
    "volume": container("Volume=a.volume:/a", "unit", "Volume= names a.volume", "add a.volume"),
    "sourceless": container("Mount=type=volume,dst=/a", "unit", "has no source", "source=NAME"),
    "line": container(
        "a line", "manifest", "nothing of all units of this directory", "podman-systemd"
    ),
    "file": container(
        "EnvironmentFile=a.env", "manifest", "names a.env, which is not", "add it to"
    ),
    "image": other(
        "a.image", f"[Image]\nImage={WEB}", 2, "pull", "a.image pulls", "Policy=missing"
    ),
    "build": other(
        "a.build",
        "[Build]\nImageTag=localhost/a:1\nFile=/a",
        2,
        "build",
        "a.build builds",
        "build it",
    ),
    "yaml": other(
        "a.kube", "[Kube]\nYaml=none.yaml", 2, "manifest", "which is not there", "add it"
    ),
    "no yaml": Case(
        {"a.kube": f"[Kube]\n{_QUIET}"},
        "unit",
        "a.kube",
        "[Kube] has no Yaml=",
        "add Yaml= to [Kube]",
    ),
    "kube image": kube(
        f"{_POD}image: quay.io/me/b:1}}]}}", "missing", "quay.io/me/b:1 is not", "--add"
    ),
    "kube policy": kube(
        f"{_POD}image: '{WEB}', imagePullPolicy: Always}}]}}", "pull", f"{WEB} would be", "write"
    ),
    "kube update": Case(
        {
            "web.kube": f"[Kube]\nYaml=web.yaml\n{_QUIET}",
            "web.yaml": "kind: Pod\nmetadata:\n  annotations:\n"
            "    io.containers.autoupdate: registry\n",
        },
        "auto-update",
        "web.yaml:4",
        "the annotation io.containers.autoupdate",
        "remove it",
        warning=True,
    ),
    "online": Case(
        {"web.container": _IMAGE},
        "network-online",
        "web.container",
        "web.container: podman has them wait for network-online.target",
        "DefaultDependencies=false",
        warning=True,
    ),
    "short": Case(
        {"web.container": f"[Container]\nImage=web:1\n{_QUIET}"},
        "short-name",
        "web.container:2",
        "web:1 is a short name",
        "write docker.io/library/web:1",
        warning=True,
        more=["docker.io/library/web:1"],
    ),
    "latest": Case(
        {"web.container": f"[Container]\nImage=quay.io/me/web\n{_QUIET}"},
        "latest",
        "web.container:2",
        "quay.io/me/web does not say which version",
        "name a version",
        warning=True,
        more=["quay.io/me/web:latest"],
    ),
}


def checked(home: Path, files: Mapping[str, str], images: Sequence[str], more: str = "") -> Report:
    """Check a definition with units; its lock does not matter."""
    for name, text in files.items():
        path = home / "units" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    definition = home / "app.yaml"
    definition.write_text(
        f"name: app\nversion: '1'\narches: [x86_64]\nimages: [{', '.join(images)}]\n"
        f"units: [units]\nrequires: ['podman >= 5.8'{more}]\n",
        "utf-8",
    )
    return check(definition)


def found(report: Report) -> list[Finding]:
    return [each for each in report.findings if each.kind not in ("lock", "unused")]


@pytest.mark.parametrize("name", CASES)
def test_fault(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    (finding,) = found(checked(tmp_path, case.files, [WEB, *case.more]))
    assert str(finding.error.place) == f"{tmp_path}/units/{case.place}"
    assert (finding.kind, finding.warning) == (case.kind, case.warning)
    assert case.message in finding.error.message
    assert case.hint in str(finding)


def test_nothing_is_wrong(tmp_path: Path) -> None:
    files = {
        "web.container": f"{_IMAGE}Pull=never\nVolume=data.volume:/a\nPod=shop.pod\n{_QUIET}",
        "data.volume": f"[Volume]\nDriver=image\nImage=data.image\n{_QUIET}",
        "data.image": f"[Image]\nImage=quay.io/me/data:1\nPolicy=missing\n{_QUIET}",
        "shop.pod": f"[Pod]\n{_QUIET}",
        "kube.kube": f"[Kube]\nYaml=a/pod.yaml\n{_QUIET}",
        "a/pod.yaml": f"{_POD}image: quay.io/me/kube:1}}]}}",
        "other.container": f"[Container]\nImage=quay.io/me/elsewhere:1\n{_QUIET}",
    }
    images = [WEB, "quay.io/me/data:1", "quay.io/me/kube:1"]
    more = ", container-image(quay.io/me/elsewhere:1)"
    report = checked(tmp_path, files, images, more)
    assert found(report) == []
    assert not [each for each in report.findings if each.kind == "unused"]
    assert report.why("me/data").splitlines() == [
        f"{tmp_path}/units/data.image:2: data.image Image (x86_64): quay.io/me/data:1",
        f"{tmp_path}/units/data.volume:3: data.volume Image=data.image (x86_64): quay.io/me/data:1",
    ]
    assert "kube.kube" not in report.why("me/kube")
    unused = checked(tmp_path, {}, [*images, "quay.io/me/more:1"], more)
    assert ["more" in str(each) for each in unused.findings if each.kind == "unused"] == [True]


@pytest.mark.parametrize(
    ("requires", "files", "message"),
    [
        ("podman >= 5.6", {"a.image": f"[Image]\nImage={WEB}\nPolicy=never\n"}, ""),
        ("podman > 5:5.7.1", {"a.image": f"[Image]\nImage={WEB}\nPolicy=never\n"}, ""),
        ("podman", {"a.image": f"[Image]\nImage={WEB}\nPolicy=never\n"}, "5.6 makes.* Policy="),
        ("podman", {"a.container": f"{_IMAGE}Pull=never"}, "4.6 makes .* with Pull="),
        ("podman >= 4.6", {"a.container": f"{_IMAGE}Pull=never"}, ""),
        ("podman", {"b/a.container": _IMAGE}, "4.7 makes .* with a unit in a directory"),
        (
            "podman",
            {"container.d/a.conf": _IMAGE, "a.container": _IMAGE},
            "5.0 makes .* the drop-in",
        ),
    ],
)
def test_podman_that_is_too_old(
    requires: str, files: Mapping[str, str], message: str, tmp_path: Path
) -> None:
    checked(tmp_path, files, [WEB])
    definition = tmp_path / "app.yaml"
    definition.write_text(definition.read_text().replace("podman >= 5.8", requires))
    texts = [str(each) for each in check(definition).findings if each.kind == "podman"]
    assert len(texts) == bool(message)
    for text in texts:
        parts = message.split(".*")
        assert f"podman before {parts[0].strip()}" in text
        assert parts[-1].strip() in text


def test_two_packages_with_one_unit(tmp_path: Path) -> None:
    for name, text in (("a", _IMAGE), ("b", f"{_IMAGE}User=1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "web.container").write_text(text)
    definition = tmp_path / "app.yaml"
    head = "version: '1', arches: [x86_64]"
    definition.write_text(
        f"packages:\n- {{name: a, {head}, units: [a], images: ['{WEB}']}}\n"
        f"- {{name: b, {head}, units: [b]}}\n"
    )
    (finding,) = [each for each in check(definition).findings if each.kind == "unit"]
    path = "/usr/share/containers/systemd/web.container"
    assert finding.error.message == f"a and b both bring {path}"


def test_add_writes_what_units_need(tmp_path: Path) -> None:
    files = {"web.container": _IMAGE, "db.container": "[Container]\nImage=quay.io/me/db:16\n"}
    checked(tmp_path, files, [WEB])
    assert add_missing(check(tmp_path / "app.yaml")) == ["added quay.io/me/db:16 to app"]
    report = check(tmp_path / "app.yaml")
    assert [each for each in report.findings if each.kind == "missing"] == []


FROM = {
    "web.container": f"{_IMAGE}Volume=data.volume:/a\n",
    "by-build.container": "[Container]\nImage=own.build\n",
    "own.build": "[Build]\nImageTag=localhost/own:1\nFile=/a\n",
    "data.volume": "[Volume]\nDriver=image\nImage=busybox\n",
    "kube.kube": "[Kube]\nYaml=pod.yaml\n",
    "pod.yaml": f"{_POD}image: quay.io/me/kube:1}}]}}",
    "bad.container": "[Container]\nImage=quay.io/me/$TAG\n",
    "elsewhere.container": "[Container]\nImage=quay.io/me/elsewhere:1\n",
}


@pytest.mark.parametrize("images", ["from-units", "[from-units]", f"[{WEB}, from-units]"])
def test_images_from_units(images: str, tmp_path: Path) -> None:
    checked(tmp_path, FROM, [WEB], ", container-image(quay.io/me/elsewhere:1)")
    file = tmp_path / "app.yaml"
    file.write_text(
        file.read_text().replace(f"[{WEB}]", images).replace("x86_64", "x86_64, aarch64")
    )
    found = [
        (arch, image.source.text, image.line) for arch, image in load_definition(file).images()
    ]
    names = [WEB, "docker.io/library/busybox:latest", "quay.io/me/kube:1"]
    assert sorted(found) == sorted(
        (arch, name, 4) for arch in ("x86_64", "aarch64") for name in names
    )
    kinds = {each.kind for each in check(file).findings}
    assert kinds == {"lock", "name", "build", "short-name", "latest", "network-online"}


def test_images_from_manifests(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/pod.yaml").write_text(FROM["pod.yaml"])
    file = tmp_path / "app.yaml"
    head = "name: app\nversion: '1'\narches: [x86_64]\n"
    file.write_text(f"{head}manifests: manifests\nimages: from-manifests\n")
    assert [image.source.text for _, image in load_definition(file).images()] == [
        "quay.io/me/kube:1"
    ]
    (tmp_path / "manifests/bad.yaml").write_text("a: [")
    with pytest.raises(DefinitionError, match=r"bad\.yaml"):
        load_definition(file)
    file.write_text(f"{head}manifests: manifests\nimages: from-units\n")
    with pytest.raises(DefinitionError, match="from-units, and there are no units"):
        load_definition(file)
