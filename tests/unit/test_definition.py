"""Definitions: the first paack's and ours, good and bad, for the loader and for editors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.definition.definition import (
    Definition,
    Package,
    load_definition,
)
from paack.helpers.definition.schema import definition_schema
from paack.helpers.definition.yaml_format import (
    ArchDocument,
    ChartDocument,
    DefinitionDocument,
    IgnoredImage,
    ImageDocument,
    ImagePathDocument,
    PackageDocument,
)
from paack.helpers.errors import DefinitionError, DefinitionErrors
from paack.helpers.schema import json_schema
from tests.support.product import REPOSITORY

SCHEMA = REPOSITORY / "schema" / "definition.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(definition_schema())
DIGEST = "sha256:" + "a" * 64


class EditorLoader(yaml.SafeLoader):
    """YAML as editors read it (1.2): a date is a text, and so are yes and no."""


EditorLoader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if not tag.endswith((":timestamp", ":merge"))
        and (not tag.endswith(":bool") or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "manifests").mkdir()
    for name in ("a.yaml", "a.txt", "kustomization.yaml"):
        (tmp_path / "manifests" / name).write_text("a: b\n")
    return tmp_path / "app.yaml"


def load(file: Path, text: str) -> Definition:
    file.write_text(text, "utf-8")
    return load_definition(file)


def editor_accepts(text: str) -> bool:
    document = yaml.load(text, EditorLoader)
    return bool(VALIDATOR.is_valid(document))


GOOD = {
    "ours": """\
packages:
- name: app
  version: 1.0
  arches: [x86_64, aarch64]
  images:
  - quay.io/a/b:1
  - {source: 'oci:./layout', name: localhost/x:1, provides: ['app = 1']}
""",
    "the first paack's": """\
packages:
  - name: app
    version: 4.9.0
    release: 2
    license: Apache License 2.0
    summary: Application specific containers
    description: |
      Some lines.

      More lines.
    url: https://example.com/my#app
    path: /usr/lib/app/containers
    manifestPath: /usr/lib/microshift/manifests.d/app
    arch:
      - name: x86_64
        image_arch: amd64
        images: [docker.io/library/nginx:1.21.6]
        manifests: ./manifests
      - name: aarch64
        image_arch: arm64
        images: [docker.io/library/nginx:1.21.6]
        manifests: ./manifests
""",
    "one package, no list": "name: app\nversion: 1\narches: [x86_64]\nimages: [quay.io/a/b:1]\n",
    "only manifests": "name: app\nversion: 1\narches: [s390x]\nmanifests: manifests\n",
    "manifests of one arch": (
        "name: app\nversion: 1\narch:\n- {name: x86_64, manifests: manifests}\n"
        "- {name: aarch64, images: [quay.io/a/b:1]}\n"
    ),
    "nothing where nothing need be": (
        "name: app\nversion: 1\nrelease:\nlicense: ~\nsummary: null\nurl:\npath:\narch:\n"
        "filesystem:\nmanifestPath:\ndescription:\narches: [x86_64]\nimages: [quay.io/a/b:1]\n"
    ),
    "numbers and other words": (
        "name: 7\nversion: 1e3\nrelease: 0x10\nlicense: true\nsummary: 2024-05-06\n"
        "description: no\narches: [x86_64]\nimages: [quay.io/a/b:1]\n"
    ),
    "anchors": (
        "packages:\n- &one\n  name: a\n  version: 1\n  arches: &arches [x86_64]\n"
        "  images: &images [quay.io/a/b:1]\n- name: b\n  version: 1\n  arches: *arches\n"
        "  images: *images\n"
    ),
    "erofs, dependencies": (
        "name: app\nversion: 1~rc1\nfilesystem: erofs\nrequires: [microshift = 4.20.26]\n"
        "conflicts: [other < 2]\nobsoletes: [old < 1, older <= 2:1-1]\n"
        "arches: [x86_64]\nimages: [quay.io/a/b:1]\n"
    ),
    "layers in packages of their own": (
        "name: app\nversion: 1\nlayers: shared\narches: [x86_64]\nimages: [quay.io/a/b:1]\n"
    ),
    "contents in packs": (
        "name: app\nversion: 1\nlayers: packed\narches: [x86_64]\nimages: [quay.io/a/b:1]\n"
    ),
    "odd texts": (
        "name: app\nversion: 1\nlicense: 'a (b) % # c'\nsummary: '#1 100%% %(x) \"ü\"'\n"
        'description: "a\\n\\n  b %{b} \\\\ # c\\n\\n"\narches: [x86_64]\nimages: [quay.io/a/b:1]\n'
    ),
    "the same image by tag and by another digest": (
        f"name: app\nversion: 1\narches: [x86_64]\nimages: [quay.io/a/b:1, quay.io/a/b@{DIGEST}]\n"
    ),
}
HEAD = "name: app\nversion: 1\n"
TAIL = "arches: [x86_64]\nimages: [quay.io/a/b:1]\n"
#: What the schema refuses, too: (document, problems that we tell).
MALFORMED = {
    "unknown key": (HEAD + "summery: x\n" + TAIL, ["3: packages[0].summery: unknown key"]),
    "unknown key of an arch": (
        HEAD + "arch:\n- name: x86_64\n  image: [quay.io/a/b:1]\n",
        ["4: packages[0].arch[0]: neither", "5: packages[0].arch[0].image: unknown key"],
    ),
    "unknown key of an image": (
        HEAD + "arches: [x86_64]\nimages:\n- {source: 'oci:x', nom: localhost/x}\n",
        [
            "5: packages[0].images[0].nom: unknown key",
            "5: packages[0].images[0]: 'name' is missing",
        ],
    ),
    "no name": (
        "packages:\n- version: 1\n  " + TAIL.replace("\n", "\n  "),
        ["2: packages[0]: 'name'"],
    ),
    "no version": ("name: app\n" + TAIL, ["1: packages[0]: 'version' is missing"]),
    "no packages": ("{}\n", ["1: the document: 'packages' is missing"]),
    "packages is a mapping": ("packages: {name: x}\n", ["1: packages must be a list"]),
    "a list": ("- " + HEAD.replace("\n", "\n  "), ["1: the document must be a mapping"]),
    "bad name": ("name: a b\nversion: 1\n" + TAIL, ["1: packages[0].name: 'a b' is not valid"]),
    "dots in a name": ("name: a..b\nversion: 1\n" + TAIL, ["1: packages[0].name: 'a..b'"]),
    "the name of a package of layers": (
        "name: container-layers-x\nversion: 1\n" + TAIL,
        ["1: packages[0].name: 'container-layers-x' is not valid"],
    ),
    "the name of a package of a pack": (
        "name: container-pack-x\nversion: 1\n" + TAIL,
        ["1: packages[0].name: 'container-pack-x' is not valid"],
    ),
    "the name of the package of the program": (
        "name: container-device-x\nversion: 1\n" + TAIL,
        ["1: packages[0].name: 'container-device-x' is not valid"],
    ),
    "long name": (f"name: {'a' * 101}\nversion: 1\n" + TAIL, ["1: packages[0].name: "]),
    "dash in version": ("name: a\nversion: 1-2\n" + TAIL, ["2: packages[0].version: '1-2'"]),
    "dots in version": ("name: a\nversion: 1..2\n" + TAIL, ["2: packages[0].version: '1..2'"]),
    "macro in release": (HEAD + "release: 1%{?dist}\n" + TAIL, ["3: packages[0].release: "]),
    "relative path": (HEAD + "path: usr/lib/x\n" + TAIL, ["3: packages[0].path: 'usr/lib/x'"]),
    "path elsewhere": (HEAD + "path: /var/lib/x\n" + TAIL, ["3: packages[0].path: '/var/lib/x'"]),
    "path is too short": (HEAD + "path: /usr/\n" + TAIL, ["3: packages[0].path: '/usr/'"]),
    "unknown filesystem": (
        HEAD + "filesystem: ext4\n" + TAIL,
        ["3: packages[0].filesystem: 'ext4'"],
    ),
    "obsoletes a file": (
        HEAD + "obsoletes: [/usr/bin/x]\n" + TAIL,
        ["3: packages[0].obsoletes[0]: '/usr/bin/x' is not valid"],
    ),
    "obsoletes what is provided": (
        HEAD + "obsoletes: [container-image(quay.io/a/b:1)]\n" + TAIL,
        ["3: packages[0].obsoletes[0]: "],
    ),
    "obsoletes with two dots": (
        HEAD + "obsoletes: [old..containers < 2]\n" + TAIL,
        ["3: packages[0].obsoletes[0]: 'old..containers < 2' is not valid"],
    ),
    "obsoletes with a range": (
        HEAD + "obsoletes: ['old >= 1 < 2']\n" + TAIL,
        ["3: packages[0].obsoletes[0]: 'old >= 1 < 2'"],
    ),
    "obsoletes a bad version": (
        HEAD + "obsoletes: [old < 1-2-3]\n" + TAIL,
        ["3: packages[0].obsoletes[0]: "],
    ),
    "obsoletes all versions": (
        HEAD + "obsoletes: [old]\n" + TAIL,
        ["3: packages[0].obsoletes[0]: 'old' is not valid"],
    ),
    "obsoletes what is newer": (
        HEAD + "obsoletes: ['old > 1']\n" + TAIL,
        ["3: packages[0].obsoletes[0]: 'old > 1' is not valid"],
    ),
    "unknown layers": (HEAD + "layers: share\n" + TAIL, ["3: packages[0].layers: 'share'"]),
    "layers of the package": (HEAD + "layers: group\n" + TAIL, ["3: packages[0].layers: 'group'"]),
    "unknown arch": (
        HEAD + "arches: [amd64]\nimages: [quay.io/a/b:1]\n",
        ["3: packages[0].arches[0]: 'amd64' is not known"],
    ),
    "url": (HEAD + "url: example.com\n" + TAIL, ["3: packages[0].url: 'example.com'"]),
    "url with a blank": (HEAD + "url: http://a/ b\n" + TAIL, ["3: packages[0].url: "]),
    "empty license": (HEAD + "license: ''\n" + TAIL, ["3: packages[0].license is empty"]),
    "empty summary": (HEAD + "summary: ''\n" + TAIL, ["3: packages[0].summary is empty"]),
    "blank summary": (HEAD + "summary: ' '\n" + TAIL, ["3: packages[0].summary begins or ends"]),
    "blank before": (HEAD + "summary: ' a'\n" + TAIL, ["3: packages[0].summary begins or ends"]),
    "blank after": (HEAD + "license: 'a '\n" + TAIL, ["3: packages[0].license begins or ends"]),
    "empty description": (
        HEAD + 'description: "\\n"\n' + TAIL,
        ["3: packages[0].description is empty"],
    ),
    "section": (
        HEAD + "description: |\n  a\n  %prep\n" + TAIL,
        ["3: packages[0].description has a line that begins with '%' or '#'"],
    ),
    "comment": (
        HEAD + 'description: "a\\n #b"\n' + TAIL,
        ["3: packages[0].description has a line that begins with '%' or '#'"],
    ),
    "blank at the end of a line": (
        HEAD + 'description: "a \\nb"\n' + TAIL,
        ["3: packages[0].description has a line that ends with a blank"],
    ),
    "blank at the end": (
        HEAD + 'description: "a\\t\\n"\n' + TAIL,
        ["3: packages[0].description has a line that ends with a blank"],
    ),
    "blank at the beginning": (
        HEAD + 'description: "\\n  a\\n"\n' + TAIL,
        ["3: packages[0].description begins with a blank"],
    ),
    "backslash before a macro": (
        HEAD + "summary: 'a\\%{'\n" + TAIL,
        ["3: packages[0].summary has a backslash before a '%'"],
    ),
    "bad dependency": (HEAD + "requires: ['a >> 1']\n" + TAIL, ["3: packages[0].requires[0]: "]),
    "image is a list": (
        HEAD + "arches: [x86_64]\nimages: [quay.io/a/b:1, [quay.io/a/c:1]]\n",
        ["4: packages[0].images[1] must be a text or a mapping"],
    ),
}
#: What no schema can tell.
WRONG = {
    "packs in EROFS": (
        HEAD + "layers: packed\nfilesystem: erofs\n" + TAIL,
        ["1: packages[0].filesystem: erofs: not with layers: packed"],
    ),
    "packs in whatever filesystem": (
        HEAD + "layers: packed\nfilesystem: auto\n" + TAIL,
        ["1: packages[0].filesystem: auto: not with layers: packed"],
    ),
    "packs that are verified": (
        HEAD + "layers: packed\nverity: true\n" + TAIL,
        ["1: packages[0].verity: not with layers: packed"],
    ),
    "two lines in a summary": (
        HEAD + 'summary: "a\\nb"\n' + TAIL,
        ["3: packages[0].summary must be one"],
    ),
    "no such manifests": (
        HEAD + "manifests: nowhere\n" + TAIL,
        ["3: packages[0].manifests: 'nowhere' is no directory"],
    ),
    "manifests is a file of another kind": (
        HEAD + "manifests: manifests/a.txt\n" + TAIL,
        ["3: packages[0].manifests: 'manifests/a.txt' is no .yaml, .yml or .json file"],
    ),
    "manifests is a kustomization": (
        HEAD + "manifests: manifests/kustomization.yaml\n" + TAIL,
        ["3: packages[0].manifests: 'manifests/kustomization.yaml' is a kustomization"],
    ),
    "no such manifests, two arches": (
        HEAD + "arches: [x86_64, aarch64]\nimages: [nginx]\nmanifests: nowhere\n",
        ["4: packages[0].images[0]: not a full", "5: packages[0].manifests: 'nowhere' is no"],
    ),
    "no such manifests of an arch": (
        HEAD + "arch:\n- name: x86_64\n  images: [quay.io/a/b:1]\n"
        "- name: aarch64\n  manifests: nowhere\n",
        ["7: packages[0].arch[1].manifests: 'nowhere' is no directory"],
    ),
    "nothing inside two arches": (
        HEAD + "arches: [x86_64, aarch64]\n",
        ["1: packages[0]: neither images nor manifests nor units"],
    ),
    "short arch twice": (
        HEAD + "arches: [x86_64, x86_64]\nimages: [quay.io/a/b:1]\n",
        ["1: packages[0]: arch x86_64 comes twice"],
    ),
    "short name of an image": (
        HEAD + "arches: [x86_64]\nimages:\n- quay.io/a/b:1\n- nginx\n",
        ["6: packages[0].images[1]: not a full image name: 'nginx'"],
    ),
    "image twice": (
        HEAD + "arches: [x86_64]\nimages:\n- quay.io/a/b:1\n- docker://quay.io/a/b:1\n",
        ["6: packages[0].images[1]: quay.io/a/b:1 is listed twice (line 5)"],
    ),
    "image twice, once pinned": (
        HEAD + f"arches: [x86_64]\nimages:\n- quay.io/a/b:1\n- quay.io/a/b:1@{DIGEST}\n",
        ["6: packages[0].images[1]: quay.io/a/b:1 is listed twice (line 5)"],
    ),
    "source with two names": (
        HEAD + "arches: [x86_64, aarch64]\nimages:\n- quay.io/a/b:1\n"
        "- {source: quay.io/a/b:1, name: localhost/b:1}\n",
        ["6: quay.io/a/b:1 is localhost/b:1 here, and quay.io/a/b:1 in line 5"],
    ),
    "image that looks like an option": (
        HEAD + "arches: [x86_64]\nimages: ['oci:-x:localhost/a:1']\n",
        ["4: packages[0].images[0]: a path may not begin with '-'"],
    ),
    "arch twice": (
        HEAD + "arch:\n- {name: x86_64, images: [quay.io/a/b:1]}\n"
        "- {name: x86_64, images: [quay.io/a/c:1]}\n",
        ["5: packages[0]: arch x86_64 comes twice"],
    ),
    "both ways": (
        HEAD + "arch:\n- {name: x86_64, images: [quay.io/a/b:1]}\nimages: [quay.io/a/b:1]\n",
        ["1: packages[0]: both 'arch' and 'arches', 'images', 'manifests' or 'units'"],
    ),
    "no arch": (HEAD + "images: [quay.io/a/b:1]\n", ["1: packages[0]: no architecture"]),
    "nothing inside": (
        HEAD + "arch:\n- name: x86_64\n- {name: aarch64, images: [quay.io/a/b:1]}\n",
        ["4: packages[0].arch[0]: neither images nor manifests nor units"],
    ),
    "other word for the arch": (
        HEAD + "arch:\n- {name: aarch64, image_arch: amd64, images: [quay.io/a/b:1]}\n",
        ["4: packages[0].arch[0].image_arch: 'amd64' does not go with aarch64"],
    ),
    "path with dots": (
        HEAD + "path: /usr/lib/../../etc\n" + TAIL,
        ["1: packages[0]: '/usr/lib/../../etc'"],
    ),
    "path of ostree's /etc": (
        HEAD + "path: /usr//etc/x\n" + TAIL,
        ["1: packages[0]: '/usr//etc/x' is where ostree keeps /etc"],
    ),
    "no package": ("packages: []\n", ["1: no package"]),
    "package twice": (
        "packages:\n"
        + "- name: a\n  version: 1\n  arches: [x86_64]\n  images: [quay.io/a/b:1]\n" * 2,
        ["6: package 'a' is defined twice (line 2)"],
    ),
    "key twice": (HEAD + "version: 2\n" + TAIL, ["3: 'version' comes twice"]),
}


@pytest.mark.parametrize("case", GOOD)
def test_good_documents_are_good_for_loader_and_editor(file: Path, case: str) -> None:
    definition = load(file, GOOD[case])
    assert definition.packages
    assert editor_accepts(GOOD[case])


@pytest.mark.parametrize("case", [*MALFORMED, *WRONG])
def test_bad_documents_have_their_problems_told(file: Path, case: str) -> None:
    text, expected = (MALFORMED | WRONG)[case]
    with pytest.raises(DefinitionError) as caught:
        load(file, text)
    assert caught.value.exit_code == 3
    found = getattr(caught.value, "problems", [caught.value])
    said = [str(each).removeprefix(f"{file}:") for each in found]
    assert len(said) == len(expected), said
    for each, start in zip(said, expected, strict=True):
        assert each.startswith(start)
    assert editor_accepts(text) is (case in WRONG)


def test_all_problems_of_all_packages_come_at_once(file: Path) -> None:
    text = """\
packages:
- name: a b
  version: 1-1
  arches: [x86_64]
  images: [nginx, QUAY.io/A]
- name: c
  summry: x
  version: 2
  arch:
  - name: x86
    images: [quay.io/a/b:1]
    manifests: nowhere
"""
    with pytest.raises(DefinitionErrors) as caught:
        load(file, text)
    lines = [each.place.line for each in caught.value.problems if each.place]
    assert lines == [2, 3, 5, 5, 7, 10, 12]
    assert all(each.hint for each in caught.value.problems)


def test_values(file: Path) -> None:
    definition = load(file, GOOD["the first paack's"])
    (package,) = definition.packages
    assert (package.name, package.version, package.release) == ("app", "4.9.0", "2")
    assert package.license == "Apache License 2.0"
    assert package.description == "Some lines.\n\nMore lines."
    assert package.url == "https://example.com/my#app"
    assert (package.path, package.filesystem) == ("/usr/lib/app/containers", "squashfs")
    assert package.manifest_path == "/usr/lib/microshift/manifests.d/app"
    assert [arch.name for arch in package.arches] == ["x86_64", "aarch64"]
    assert package.has_images
    for arch in package.arches:
        assert [image.source.text for image in arch.images] == ["docker.io/library/nginx:1.21.6"]
        assert arch.manifests == file.parent / "manifests"
    assert [arch for arch, _ in definition.images()] == ["x86_64", "aarch64"]


def test_defaults(file: Path) -> None:
    (package,) = load(file, HEAD + TAIL).packages
    assert package == Package(
        name="app",
        version="1",
        release="1",
        license="Unknown",
        summary="Container images of app",
        description="Container images of app.",
        url=None,
        path="/usr/lib/container-images/app",
        filesystem="squashfs",
        manifest_path="/usr/lib/microshift/manifests",
        arches=package.arches,
        line=1,
    )
    (only_manifests,) = load(file, GOOD["only manifests"]).packages
    assert not only_manifests.has_images
    for summary, description in (("A summary", "A summary"), ("#1", "Container images of app.")):
        (package,) = load(file, HEAD + f"summary: '{summary}'\n" + TAIL).packages
        assert (package.summary, package.description) == (summary, description)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/usr/lib//x/", "/usr/lib/x"),
        ("/usr/x", "/usr/x"),
        ("/usr/a.b/c_d+e-f", "/usr/a.b/c_d+e-f"),
    ],
)
def test_paths_are_plain(file: Path, written: str, path: str) -> None:
    (package,) = load(file, HEAD + f"path: {written}\n" + TAIL).packages
    assert package.path == path


def test_the_schema_in_the_repository_is_that_of_the_loader() -> None:
    assert json.loads(SCHEMA.read_text("utf-8")) == definition_schema(), "make schema"
    jsonschema.Draft202012Validator.check_schema(definition_schema())


def documented() -> dict[str, dict[str, str]]:
    """Return the tables of docs/definition.md: heading, key, default."""
    text = (REPOSITORY / "docs" / "definition.md").read_text("utf-8")
    tables: dict[str, dict[str, str]] = {}
    for section in text.split("\n## ")[1:]:
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE)
        if rows:
            tables[section.splitlines()[0]] = dict(rows)
    return tables


def test_every_key_is_documented() -> None:
    tables = documented()
    documents: dict[str, type] = {
        "The file": DefinitionDocument,
        "A package": PackageDocument,
        "An image": ImageDocument,
        "An entry of arch": ArchDocument,
        "An entry of charts": ChartDocument,
        "An entry of imagePaths": ImagePathDocument,
        "An entry of ignoreImages": IgnoredImage,
    }
    assert tables.keys() == documents.keys()
    for heading, document in documents.items():
        schema = json_schema(document)
        assert tables[heading].keys() == schema["properties"].keys()
        required = {key for key, default in tables[heading].items() if default == "required"}
        assert required - {"arches"} == set(schema["required"])  # or else arch


def test_the_documented_defaults_are_those_of_the_loader(file: Path) -> None:
    (package,) = load(file, "name: NAME\nversion: '1'\n" + TAIL).packages
    table = documented()["A package"]
    found = {
        "release": package.release,
        "license": package.license,
        "summary": package.summary,
        "path": package.path,
        "filesystem": package.filesystem,
        "layers": package.layers,
        "manifestPath": package.manifest_path,
        "unitPath": package.unit_path,
        "startUnits": package.start_units,
        "sbom": f"[{', '.join(package.sbom)}]",
        "verity": str(package.verity).lower(),
    }
    assert {key: f"`{value}`" for key, value in found.items()} == {key: table[key] for key in found}
    others = {default for key, default in table.items() if key not in found}
    assert others == {"required", "none", "the summary"}


DEFINITIONS = sorted(
    path for path in (REPOSITORY / "images").glob("*/*.yaml") if not path.stem.endswith(".lock")
)


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_the_definitions_of_the_repository_are_good(path: Path) -> None:
    text = path.read_text("utf-8")
    jsonschema.validate(yaml.load(text, EditorLoader), definition_schema())
    assert load_definition(path).packages
    assert "yaml-language-server: $schema=../../schema/definition.schema.json" in text


def test_there_are_definitions() -> None:
    assert len(DEFINITIONS) >= 2


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.sampled_from(["x86_64", "a"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value of a document."""
    found = [path] if path else []
    if isinstance(document, dict | list):
        keys = document.keys() if isinstance(document, dict) else range(len(document))
        for key in keys:
            found += places(document[key], (*path, key))
    return found


@given(st.sampled_from(["ours", "the first paack's", "only manifests"]), st.data())
def test_what_the_editor_refuses_the_loader_refuses(
    tmp_path_factory: pytest.TempPathFactory, case: str, data: st.DataObject
) -> None:
    document = yaml.load(GOOD[case], EditorLoader)
    *path, last = data.draw(st.sampled_from(places(document)))
    inner = document
    for key in path:
        inner = inner[key]
    if isinstance(inner, dict) and data.draw(st.booleans()):
        inner[data.draw(st.text(max_size=5))] = inner.pop(last)
    else:
        inner[last] = data.draw(anything)
    file = tmp_path_factory.getbasetemp() / "app.yaml"
    (file.parent / "manifests").mkdir(exist_ok=True)
    text = yaml.safe_dump(document, allow_unicode=True)
    try:
        load(file, text)
    except DefinitionError as error:
        assert str(error).startswith(str(file))
    else:
        assert editor_accepts(text)
