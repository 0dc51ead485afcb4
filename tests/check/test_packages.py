"""Packages inside images, as report, diff and sbom show them, and verify proves them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from paack.helpers.diff.packages import package_changes
from paack.helpers.oci.layout import ImageSpec, Packing, write_image
from paack.helpers.rpm.sbom_reader import ListedPackage, read_bill
from tests.support.oddities import LayerTar
from tests.support.product import Paack, definition_text

STATUS = "var/lib/dpkg/status"


def layer(**versions: str) -> bytes:
    tar = LayerTar()
    form = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n"
    text = "\n".join(form.format(name, version) for name, version in versions.items())
    tar.add(STATUS, text.encode())
    tar.add("etc/os-release", b"ID=debian\nVERSION_ID=12\n")
    return tar.close()


@dataclass
class Update:
    """The RPMs and definitions of two versions."""

    paack: Paack
    rpms: list[Path]
    definitions: list[Path]

    def say(self, *words: str) -> str:
        return self.paack.call(*words, "--output", str(self.paack.output)).stdout


@pytest.fixture(scope="module")
def update(tmp_path_factory: pytest.TempPathFactory) -> Update:
    home = tmp_path_factory.mktemp("packages")
    paack = Paack(home)
    old = layer(libc6="1", curl="7.1", gone="1")
    layers = {"1": [old], "2": [old, layer(libc6="1", curl="7.2", new="3")]}
    rpms, definitions = [], []
    for number, content in layers.items():
        images = [ImageSpec("x86_64", content, packing=Packing.GZIP)]
        write_image(home / "layout", f"localhost/app:{number}", images)
        source = f"oci:./layout:localhost/app:{number}"
        more = {"sbom": "[spdx, cyclonedx]"} if number == "2" else {}
        text = definition_text("app", [source], version=f"'{number}'", **more)
        definitions.append(paack.define(text, f"app{number}.yaml"))
        rpms += paack.build(definitions[-1])
        paack.call("lock", "--def", str(definitions[-1]))
    return Update(paack, rpms, definitions)


def test_the_line_that_is_wanted_first(update: Update) -> None:
    title = "~ localhost/app:1 -> localhost/app:2 (x86_64): 1 layer new, 0 gone"
    lines = ["~ deb curl 7.1 -> 7.2", "- deb gone 1", "+ deb new 3"]
    for sides in (update.rpms, update.definitions):
        old, new = map(str, sides)
        said = update.say("diff", old, new)
        shown = [f"{title}; packages: 1 changed, 1 added, 1 removed", *(f"    {x}" for x in lines)]
        assert said.splitlines()[:4] == shown
        markdown = update.say("diff", old, new, "--markdown")
        assert "| 1 changed, 1 added, 1 removed |" in markdown
        assert "\n".join(lines) in markdown
        (change,) = json.loads(update.say("diff", old, new, "--json"))["changes"]
        assert [each["name"] for each in change["packages"]] == ["curl", "gone", "new"]


def test_a_cache_without_records_knows_no_packages(update: Update) -> None:
    cache = update.paack.cache / "packages"
    cache.rename(cache.with_name("elsewhere"))
    said = update.say("diff", *map(str, update.definitions))
    cache.with_name("elsewhere").rename(cache)
    assert "packages" not in said


def test_the_report(update: Update) -> None:
    rpm = str(update.rpms[1])
    said = update.say("report", "--rpm", rpm)
    assert "  packages  of image #  which\n         3           1  3 deb\n" in said
    (report,) = json.loads(update.say("report", "--rpm", rpm, "--json"))
    (image,) = report["rpms"][0]["images"]
    assert [each["name"] for each in image["packages"]] == ["curl", "libc6", "new"]
    page = Path(report["page"]).read_text()
    assert "3 packages for x86_64" in page
    assert "<li>deb <bdi>curl</bdi> 7.2</li>" in page


@pytest.mark.parametrize("kind", ["spdx", "cyclonedx"])
def test_the_bill_by_itself(update: Update, kind: str) -> None:
    said = update.say("sbom", "--rpm", str(update.rpms[1]), "--format", kind)
    assert update.say("sbom", "--def", str(update.definitions[1]), "--format", kind) == said
    assert "pkg:deb/debian/curl@7.2?arch=amd64&distro=debian-12" in said


def test_the_bill_of_images_alone(update: Update, tmp_path: Path) -> None:
    """It is valid, describes the images, and has what the RPM's bill has of them."""
    sources = [f"oci:{update.paack.home}/layout:localhost/app:{each}" for each in "12"]
    words = [word for source in sources for word in ("--image", source)]
    said = update.say("sbom", *words, "--arch", "x86_64")
    (tmp_path / "bill.json").write_text(said)
    document = parse_file(str(tmp_path / "bill.json"))
    assert not validate_full_spdx_document(document, "SPDX-2.3")
    bill = json.loads(said)
    described = [
        each["relatedSpdxElement"]
        for each in bill["relationships"]
        if each["relationshipType"] == "DESCRIBES"
    ]
    of_rpm = json.loads(update.say("sbom", "--rpm", str(update.rpms[1])))["packages"]
    (image,) = (each for each in of_rpm if each["SPDXID"].startswith("SPDXRef-Image-"))
    assert len(described) == len(sources)
    assert image["SPDXID"] in described
    assert [each for each in of_rpm if each not in bill["packages"]] == of_rpm[:1]
    text = update.say("sbom", *words, "--arch", "x86_64", "--format", "cyclonedx")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert "component" not in json.loads(text)["metadata"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "xml"), "--format xml: unknown"),
        (("--image", "nginx"), "--image nginx: not a full image name"),
        (("--image", "oci:a:b"), "hint: REGISTRY/REPOSITORY:TAG, lower case; or oci:DIRECTORY"),
        (("--image", "localhost/app:1", "--name", "app"), "--name is that of a package"),
        (("--rpm", "RPM", "--arch", "x86_64"), "--arch: an RPM has one"),
        (("--image", "localhost/app:1", "--arch", "amd64"), "--arch amd64: unknown"),
        (("--image", "localhost/app:1", "--rpm", "RPM"), "one RPM or definition is needed"),
        ((), "one RPM or definition is needed"),
        (("--rpm", "RPM", "--def", "DEF"), "one RPM or definition is needed"),
        (("--rpm", "RPM", "--format", "cyclonedx"), "has no bill of materials as cyclonedx"),
        (("--rpm", "none.rpm"), "none.rpm"),
        (("--def", "DEF", "--arch", "aarch64"), "no package of"),
        (("--def", "DEF", "--name", "other"), "no such package with images"),
    ],
)
def test_what_is_no_bill(update: Update, words: tuple[str, ...], said: str) -> None:
    there = {"RPM": str(update.rpms[0]), "DEF": str(update.definitions[0])}
    done = update.paack.call("sbom", *(there.get(each, each) for each in words), check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"packages": 1}',
        '{"packages": [{"SPDXID": 1, "sourceInfo": 1}]}',
        "[" * 9999,
    ],
)
def test_a_bill_that_is_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bill"
    file.write_text(text)
    with pytest.raises(ValueError):
        read_bill(file)


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("a=1", "a=1", []),
        ("a=1", "a=2", ["~ npm a 1 -> 2"]),
        ("a=1 a=2", "a=2 a=3", ["~ npm a 1 -> 3"]),
        ("a=1 a=2", "a=2", ["- npm a 1"]),
        ("", "a=1 a=2", ["+ npm a 1, 2"]),
        ("a=\x1b[31m", "", ["- npm a \\x1b[31m"]),
    ],
)
def test_versions(old: str, new: str, lines: list[str]) -> None:
    def packages(text: str) -> list[ListedPackage]:
        pairs = [each.split("=") for each in text.split()]
        return [ListedPackage("npm", name, version, "") for name, version in pairs]

    found = [str(each) for each in package_changes(packages(old), packages(new))]
    assert [line.isprintable() for line in found] == [True] * len(lines)
    assert len(found) == len(lines)
    if "\x1b" not in old:
        assert found == lines
