"""What `paack microshift.import` and a set's own files are refused for: exit code, message, hint."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.microshift.release_info import CORE_INFO, info_rpm
from tests.microshift.stand_in import VERSION, fake_release, write_files
from tests.support.product import Paack


@dataclass
class Situation:
    """Where a case of wrong input happens."""

    paack: Paack
    home: Path
    options: list[str] = field(default_factory=lambda: ["--from", "files", "--version", VERSION])

    def write(self, change: Callable[[Any], object] = lambda release: None) -> None:
        """Write release files after a change."""
        release = fake_release("olm")
        change(release)
        write_files(self.home / "files", release)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change the text of a file."""
        path = self.home / "files" / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def changed(change: Callable[[Any], object]) -> Callable[[Situation], None]:
    return lambda s: s.write(change)


def edited(name: str, old: str, new: str) -> Callable[[Situation], None]:
    def arrange(s: Situation) -> None:
        s.write()
        s.edit(name, old, new)

    return arrange


def with_options(*given: str) -> Callable[[Situation], None]:
    def arrange(s: Situation) -> None:
        s.write()
        s.options = list(given)

    return arrange


def set_image(component: str, arch: str, name: str, reference: object) -> Callable[[Any], object]:
    return lambda release: release[component][arch].update({name: reference})


def damaged_rpm(s: Situation) -> None:
    s.write()
    rpm = info_rpm(s.home, s.home / "files", CORE_INFO, "release-x86_64.json")
    content = rpm.read_bytes()
    (s.home / "bad.rpm").write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    s.options = ["--from", "bad.rpm"]


def rpm_without_files(s: Situation) -> None:
    s.write()
    shutil.copy(info_rpm(s.home, s.home / "files", CORE_INFO), s.home / "none.rpm")
    s.options = ["--from", "none.rpm"]


def two_versions(s: Situation) -> None:
    s.write()
    for version in ("4.99.1", "4.99.2"):
        rpm = info_rpm(s.home, s.home / "files", CORE_INFO, "release-x86_64.json", version=version)
        shutil.copy(rpm, s.home / "files")
    s.options = ["--from", "files"]


def another_content(s: Situation) -> None:
    s.write()
    s.paack.call("microshift.import", *s.options)
    s.edit("release-x86_64.json", "nightly", "weekly")


def another_version(s: Situation) -> None:
    s.write()
    s.paack.call("microshift.import", *s.options)
    s.options[-1:] = ["4.99.2", "--name", VERSION]


DIGEST = f"sha256:{'0' * 64}"
CASES: dict[str, tuple[int, str, Callable[[Situation], None]]] = {
    "no source": (2, "nothing to import is named", with_options()),
    "no such file": (3, "nowhere: cannot be read: No such file", with_options("--from", "nowhere")),
    "no version": (2, "do not say of which MicroShift.*--version", with_options("--from", "files")),
    "bad name": (2, "'y' is no name for a set", with_options("--from", "files", "--version", "1", "--name", "y")),
    "nothing there": (3, "holds no release files", lambda s: (s.home / "files").mkdir()),
    "other file": (3, r"set\.yaml: is not called as a release file", lambda s: with_file(s, "set.yaml", "a: 1")),
    "damaged RPM": (3, r"bad\.rpm: is damaged", damaged_rpm),
    "RPM without files": (3, r"none\.rpm: holds no release files", rpm_without_files),
    "two versions": (2, "several versions of MicroShift: 4.99.1, 4.99.2", two_versions),
    "not JSON": (3, r"release-x86_64\.json:6: is not JSON", edited("release-x86_64.json", '"cli":', '"cli"')),
    "not UTF-8": (3, r"is not JSON: .*utf-8", lambda s: with_file(s, "release-x86_64.json", b"\xff")),
    "no mapping": (3, "has no mapping 'images'", edited("release-x86_64.json", '"images"', '"image"')),
    "no image": (3, "names no image", changed(lambda release: release["olm"]["x86_64"].clear())),
    "twice": (3, r"release-x86_64\.json:\d: 'pod' comes twice", edited("release-x86_64.json", '"cli"', '"pod"')),
    "bad name of an image": (3, "'c li' is no name of an image", edited("release-x86_64.json", '"cli"', '"c li"')),
    "injection": (3, "no name of an image", edited("release-x86_64.json", '"cli"', '"%(touch x)"')),
    "no reference": (3, r"release-x86_64\.json:6: cli: not a full image name", changed(set_image("core", "x86_64", "cli", None))),
    "other transport": (3, "cli: not a name in a registry", changed(set_image("core", "x86_64", "cli", "oci:layout:localhost/a:1"))),
    "no digest": (3, r"release-aarch64\.json:6: 1 of 2 images have no digest.*cli \(quay.io/okd/cli:4\)", changed(set_image("core", "aarch64", "cli", "quay.io/okd/cli:4"))),
    "unknown registry": (3, r"release-olm-x86_64\.json:6: a: unknown registry: quay.io/evil.*--registry", changed(set_image("olm", "x86_64", "a", f"quay.io/evil/a@{DIGEST}"))),
    "one arch of the core": (3, r"release-aarch64\.json is not there", changed(lambda release: release["core"].pop("aarch64"))),
    "no core": (3, r"release-x86_64\.json is not there", changed(lambda release: release.pop("core"))),
    "no pause image": (3, r"release-aarch64\.json: the pause image 'pod' is not in the core", changed(lambda release: [arch.pop("pod") for arch in release["core"].values()])),
    "names differ": (3, "olm: x86_64 and aarch64 do not name the same images: x86_64 has no c; aarch64 has no b", changed(lambda release: release["olm"]["aarch64"].update(c=release["olm"]["aarch64"].pop("b")))),
    "builds differ": (3, r"core: .* of different builds, one of OpenShift: cli \(quay.io/okd/scos-content, quay.io/openshift", changed(set_image("core", "x86_64", "cli", f"quay.io/okd/scos-content@{DIGEST}"))),
    "versions differ": (3, "olm: .* of different versions: 4.99.1-0.*, 4.98.1-0", edited("release-olm-aarch64.json", '"base": "4.99', '"base": "4.98')),
    "another content": (3, r"files/release-x86_64\.json: is another release-x86_64.json than that of .*4\.99\.1", another_content),
    "another version": (2, r"4\.99\.1\.yaml is of MicroShift 4\.99\.1, not 4\.99\.2.*--name", another_version),
    "nothing to exclude": (2, "no component 'oml' to leave out.*olm", with_options("--from", "files", "--version", "1", "--exclude", "oml")),
}  # fmt: skip


def with_file(s: Situation, name: str, content: str | bytes) -> None:
    s.write()
    path = s.home / "files" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if path.suffix != ".json":
        s.options[1] = f"files/{name}"


@pytest.mark.parametrize(("status", "said", "arrange"), CASES.values(), ids=CASES)
def test_refused(
    status: int, said: str, arrange: Callable[[Situation], None], tmp_path: Path
) -> None:
    s = Situation(Paack(tmp_path), tmp_path)
    arrange(s)
    sets = tmp_path / "microshift-images"
    before = contents_below(sets)
    done = s.paack.call("microshift.import", *s.options, check=False)
    assert done.returncode == status, done.stderr
    assert re.search(said, done.stderr, re.DOTALL), done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert contents_below(sets) == before


def contents_below(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_all_problems_at_once(tmp_path: Path) -> None:
    s = Situation(Paack(tmp_path), tmp_path)

    def spoil(release: Any) -> None:
        release["core"]["x86_64"]["cli"] = "quay.io/evil/a:1"
        release["olm"]["aarch64"]["a"] = "x"

    s.write(spoil)
    said = s.paack.call("microshift.import", *s.options, check=False).stderr
    assert re.findall(r"files/(\S+): ", said) == [
        "release-olm-aarch64.json:6",
        "release-x86_64.json:6",
        "release-x86_64.json:6",
    ]


def test_unknown_registries_can_be_allowed(tmp_path: Path) -> None:
    s = Situation(Paack(tmp_path), tmp_path)

    def from_acme(release: Any) -> None:
        for images in release["olm"].values():
            images["a"] = f"quay.io/acme/a@{DIGEST}"

    s.write(from_acme)
    s.paack.call("microshift.import", *s.options, "--registry", "quay.io/acme")
    set_file = tmp_path / "microshift-images" / f"{VERSION}.yaml"
    document = yaml.safe_load(set_file.read_text())
    assert document["registries"] == ["quay.io/acme", "quay.io/openshift-release-dev"]
    assert document["pull_secret"] == ["quay.io/openshift-release-dev"]


EDITS: dict[str, tuple[str, str, str]] = {
    "version": ("version: 4.99.1", "version: 4-99", r"4\.99\.1\.yaml:3: version: '4-99' is not valid"),
    "date": ("license:", "date: 2026-1-1\nlicense:", "date: '2026-1-1' is not valid"),
    "unknown key": ("license:", "licence:", "licence: unknown key.*did you mean 'license'"),
    "no component": ("components:", "components: {}\nurl2:", "url2: unknown key"),
    "name of a component": ("  olm:", "  OLM:", "'OLM' is no name of a component"),
    "arch": ("      aarch64:\n        a:", "      arm64:\n        a:", "olm: images: 'arm64': MicroShift is not for it"),
    "registry": ("registries:\n- quay.io/openshift-release-dev", "registries:\n- quay.io/okd",
                 r"yaml:\d+: cli: unknown registry: quay.io/openshift-release-dev"),
    "reference": ("        pod: quay.io", "        pod: '%(touch x)quay.io", "is not YAML"),
    "tag": ("        a: quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:", "        a: quay.io/okd/a:1 # ",
            "1 of 2 images have no digest.*'tags: on-request'"),
    "omit pod": ("    images:", "    omit: {pod: {reason: x}}\n    images:", "pod cannot be left out"),
    "omit": ("    images:", "    omit: {ci: {reason: x}}\n    images:", "core: omit: no image 'ci'.*'cli'"),
    "omit without a reason": ("    images:", "    omit: {cli: {}}\n    images:", "'reason' is missing"),
    "add for one arch": ("    images:", f"    add: {{x: {{reason: x, images: {{x86_64: quay.io/openshift-release-dev/x@{DIGEST}}}}}}}\n    images:",
                         "x must have the arches of its component: x86_64, aarch64"),
    "add what is there": ("    images:", f"    add: {{cli: {{reason: x, images: {{x86_64: quay.io/openshift-release-dev/x@{DIGEST}}}}}}}\n    images:",
                          "core: add: cli: the release names it already"),
    "needs": ("    images:", "    needs: {proxy: Deployment/app}\n    images:",
              "core: Deployment/app needs proxy, which the set does not have"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), EDITS.values(), ids=EDITS)
def test_a_wrong_set_file(old: str, new: str, said: str, tmp_path: Path) -> None:
    s = Situation(Paack(tmp_path), tmp_path)
    s.write()
    s.paack.call("microshift.import", *s.options)
    set_file = tmp_path / "microshift-images" / f"{VERSION}.yaml"
    text = set_file.read_text()
    assert old in text
    set_file.write_text(text.replace(old, new, 1))
    done = s.paack.call("microshift", "--version", VERSION, "--print", check=False)
    assert done.returncode == 3
    assert re.search(said, done.stderr, re.DOTALL), done.stderr
