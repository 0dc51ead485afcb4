"""The sets in microshift-images/: they load, and give right definitions and specs, offline."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from helpers.definition.definition import Definition, Package, load_definition
from helpers.definition.dump import dump_definitions
from helpers.definition.reference import Source
from helpers.lock.lock import LockedImage
from helpers.microshift.image_set import ImageSet, find_set, load_set
from helpers.microshift.microshift import PATH, definitions
from helpers.microshift.pull_secret import wants_pull_secret
from helpers.microshift.release import ARCHES, CORE, PAUSE, file_name
from helpers.rpm.spec import Contents, render_spec
from tests.support.commands import run
from tests.support.product import REPOSITORY, Paack

# Facts from MicroShift's repositories are kept beside this one, in shared/, or are imported.
PLACES = (REPOSITORY / "microshift-images", REPOSITORY.parent / "shared" / "microshift-images")
PLACE = next((place for place in PLACES if any(place.glob("*/set.yaml"))), PLACES[0])
SETS = sorted(path.parent for path in PLACE.glob("*/set.yaml"))
NAMES = [directory.name for directory in SETS]
if not SETS:
    pytest.skip(
        "no set in microshift-images/: import some with `paack microshift.import --from RPM`",
        allow_module_level=True,
    )
OKD = "4.21.0-okd-scos.ec.15"
GOLDEN = PLACE / "golden"
GOLDENS = {"okd-core": (OKD, CORE), "4.20.26-gateway-api": ("4.20.26", "gateway-api")}
RELATIONS = {
    "Requires": "[%{REQUIRENEVRS}\n]",
    "Conflicts": "[%{CONFLICTNEVRS}\n]",
    "Provides": "[%{PROVIDENEVRS}\n]",
}


@pytest.fixture(scope="module", params=SETS, ids=NAMES)
def images(request: pytest.FixtureRequest) -> ImageSet:
    return load_set(request.param)


def locked(source: Source, arch: str) -> LockedImage:
    """Return what locking an image of one arch would give, without its layers."""
    digest = source.reference.digest
    assert digest
    name = str(source.reference)
    created = "2026-01-01T00:00:00Z"
    return LockedImage(source.text, arch, (name,), None, digest, digest, created, ())


def spec_of(definition: Definition) -> str:
    (package,) = definition.packages
    contents = [
        Contents(
            arch.name,
            tuple(locked(image.source, arch.name) for image in arch.images),
            None,
            tuple(provided for image in arch.images for provided in image.provides),
        )
        for arch in package.arches
    ]
    return render_spec(package, contents, epoch=0).text


def as_rpm_sees_it(spec: Path, arch: str) -> str:
    """Return name, version and relations of a spec for one arch, in rpm's words."""

    def query(form: str) -> list[str]:
        asked = ["rpmspec", "--query", f"--target={arch}", f"--queryformat={form}", str(spec)]
        return sorted(set(run(asked).stdout.splitlines()))

    lines = query("%{NAME} %{VERSION} %{RELEASE} %{ARCH}\n")
    for relation, form in RELATIONS.items():
        found = [line for line in query(form) if line and not line.startswith("rpmlib(")]
        lines += [f"{relation}: {line}" for line in found]
    return "\n".join(lines) + "\n"


def test_there_are_enough() -> None:
    okd = [name for name in NAMES if "okd" in name]
    assert len(NAMES) - len(okd) >= 2
    assert okd == [OKD]


def test_as_the_program_sees_it_without_network(images: ImageSet, tmp_path: Path) -> None:
    """What --print shows is a definition that loads, and that is the one that is built."""
    version = images.directory.name
    sets = str(images.directory.parent)
    command, env = Paack(tmp_path).command("microshift", version, "--print", "--sets", sets)
    printed = run(["unshare", "--net", *command], env=env).stdout
    generated = definitions(images)
    assert printed == dump_definitions(generated)
    file = tmp_path / "all.yaml"
    file.write_text(printed)
    packages = [package for each in generated for package in each.packages]
    assert [without_lines(p) for p in load_definition(file).packages] == [
        without_lines(package) for package in packages
    ]


def without_lines(package: Package) -> object:
    """Return a package as plain values, without the lines of the file it was loaded from."""

    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key != "line"}
        return [strip(each) for each in value] if isinstance(value, list | tuple) else value

    return strip(asdict(package))


def test_files_are_as_published(images: ImageSet) -> None:
    """In MicroShift's layout; where each is from is told by commit and path."""
    for each in images.document.files:
        content = (images.directory / each.name).read_text()
        assert content == json.dumps(json.loads(content), indent=2) + "\n"
        assert re.fullmatch(r"https://github\.com/[^/]+/[^/]+/blob/[0-9a-f]{40}/.+", each.origin)
        assert each.origin.endswith(f"/{each.name}")
    listed = {each.name for each in images.document.files}
    assert listed == {
        file_name(component, arch)
        for component, files in images.components.items()
        for arch in files
    }


def test_secrets(images: ImageSet) -> None:
    wanted = {
        registry for registry in images.document.registries if wants_pull_secret(f"{registry}/x")
    }
    assert set(images.document.pull_secret) == wanted
    assert bool(wanted) == ("okd" not in images.directory.name)


def test_pause_image_is_in_the_core(images: ImageSet) -> None:
    for arch in ARCHES:
        core = images.components[CORE][arch].images
        assert [image.name for image in core].count(PAUSE) == 1
        omitted = [each for each in images.document.omit if arch in (each.arches or ARCHES)]
        assert len(core) == 9 - len(omitted)


def test_specs(images: ImageSet, tmp_path: Path) -> None:
    """rpm parses every spec, for both arches, and sees the tie and every image."""
    version = images.version
    for definition in definitions(images):
        (package,) = definition.packages
        component = package.path.removeprefix(f"{PATH}/")
        spec = tmp_path / f"{package.name}.spec"
        spec.write_text(spec_of(definition))
        for arch in ARCHES:
            seen = as_rpm_sees_it(spec, arch).splitlines()
            assert seen[0] == f"{package.name} {version} 1 {arch}"
            conflicts = [f"Conflicts: microshift {sign} {version}" for sign in "<>"]
            assert [line for line in seen if line.startswith("Conflicts")] == conflicts
            needs = f"Requires: microshift-containers = {version}"
            assert (needs in seen) == (component != CORE)
            prefix = "" if component == CORE else f"{component}/"
            for image in images.components[component][arch].images:
                name = f"microshift-image({prefix}{image.name})"
                assert f"Provides: {name} = {version}" in seen
                assert f"Provides: container-image({image.source.text})" in seen


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str, tmp_path: Path) -> None:
    """UPDATE_GOLDEN=1 writes them anew; then read the change."""
    version, component = GOLDENS[name]
    found = find_set(PLACE, version)
    chosen = (component,) if component != CORE else ("none",)
    (definition,) = definitions(found, chosen, core=component == CORE)
    definition = replace(definition, file=tmp_path / definition.file.name)
    spec = definition.file.with_suffix(".spec")
    spec.write_text(spec_of(definition))
    seen = "\n".join(as_rpm_sees_it(spec, arch) for arch in ARCHES)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(seen)
    assert seen == golden.read_text()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, "4.21.29"),
        ("4.20.26", "4.20.26"),
        (OKD, OKD),
        ("4.21.0_g20c1b77d4_4.21.0_okd_scos.ec.15", OKD),
    ],
)
def test_versions(asked: str | None, found: str) -> None:
    assert find_set(PLACE, asked).directory.name == found


def names(sequence: Sequence[Definition]) -> list[str]:
    return [package.name for each in sequence for package in each.packages]


def test_components() -> None:
    images = find_set(PLACE, "4.20.26")
    core = "microshift-containers"
    assert names(definitions(images, ("multus", "olm"))) == [core, f"{core}-multus", f"{core}-olm"]
    assert names(definitions(images, ("none",))) == [core]
    assert names(definitions(images, ("olm",), core=False)) == [f"{core}-olm"]
    assert len(definitions(images)) == 1 + len(images.document.components)
