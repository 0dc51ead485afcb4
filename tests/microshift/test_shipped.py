"""The sets in microshift-images/: as MicroShift published them, complete, and usable offline."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from paack.helpers.definition.definition import Definition, Package, load_definition
from paack.helpers.definition.dump import dump_definitions
from paack.helpers.microshift.image_set import ImageSet, find_set, load_set, set_files
from paack.helpers.microshift.microshift import PATH, all_definitions, definitions
from paack.helpers.microshift.needs_of_set import missing_needs
from paack.helpers.microshift.release_images import ARCHES, CORE, PAUSES
from paack.helpers.microshift.set_document import dump_set
from paack.helpers.oci.locked import LockedImage
from paack.helpers.oci.reference import Source
from paack.helpers.registry.pull_secret import wants_pull_secret
from paack.helpers.rpm.spec import Contents, render_spec
from tests.support.commands import run
from tests.support.product import REPOSITORY, Paack
from tests.support.rights import OFFLINE

PLACE = REPOSITORY / "microshift-images"
OKD = "4.8.0-okd-2022-04-20"
CANDIDATE = "5.0.0-ec.6"
SETS = [OKD, "4.18.42", "4.19.7", "4.19.43", "4.20.26", "4.21.29", "4.22.7", CANDIDATE]
#: Where they are: the project's own table of what MicroShift published, beside the repository.
FACTS = [above / "shared/microshift/facts.json" for above in REPOSITORY.parents]
#: name: 4.22.7-202607240848.p0, of OCP
OCP_TAG = r"{}-20\d{{10}}\.p0"
ORIGIN = r"https://github\.com/openshift/microshift/blob/[0-9a-f]{40}/.+"
WHERE = ("--sets", str(PLACE))
CORE_NAMES = {
    "cli", "coredns", "csi-snapshot-controller", "haproxy-router", "kube-rbac-proxy",
    "lvms_operator", "ovn-kubernetes-microshift", "pod", "service-ca-operator",
}  # fmt: skip


@cache
def loaded(name: str) -> ImageSet:
    return load_set(PLACE / f"{name}.yaml")


@pytest.fixture(params=SETS)
def images(request: pytest.FixtureRequest) -> ImageSet:
    return loaded(request.param)


def test_all_are_known() -> None:
    assert list(set_files(PLACE)) == SETS


def test_the_newest_release_is_the_default() -> None:
    """Not the candidate, which is newer, and not OKD's."""
    assert find_set(PLACE, None).name == "4.22.7"
    assert find_set(PLACE, "5.0.0~ec.6").name == find_set(PLACE, CANDIDATE).name == CANDIDATE


def test_as_published(images: ImageSet) -> None:
    """Every name and reference is that of the table, where that is; and nothing else is there."""
    document = images.document
    for name, component in document.components.items():
        for arch, origin in component.origin.items():
            assert re.fullmatch(
                r"https://github\.com/openshift/microshift/blob/[0-9a-f]{40}/.+", origin
            )
            assert images.name == OKD or f"{name}-{arch}" in origin or name == CORE
    facts = next((json.loads(file.read_text()) for file in FACTS if file.exists()), None)
    if facts is None:  # then its own rules: a tag of Red Hat's, the core's nine names, all pinned
        if images.name != OKD:
            assert re.fullmatch(OCP_TAG.format(re.escape(images.name)), document.name)
            assert {each.name for each in images.components[CORE]["x86_64"].images} == CORE_NAMES
            assert not images.by_tag(CORE)
        return
    fact = facts[images.name]
    assert document.name == fact["origin"]["ref"]
    assert {
        name: {arch: dict(named) for arch, named in component.images.items()}
        for name, component in document.components.items()
    } == fact["components"]
    assert added(images) == fact.get("unlisted", {})
    for name, component in document.components.items():
        assert dict(component.base) == fact["origin"]["base"][name]
        for arch, origin in component.origin.items():
            path = f"{fact['origin']['commit']}/{fact['origin']['paths'][name][arch]}"
            assert origin.endswith(f"/blob/{path}")


def added(images: ImageSet) -> dict[str, Any]:
    return {
        name: {
            arch: {image: str(each.images[arch]) for image, each in component.add.items()}
            for arch in component.images
        }
        for name, component in images.document.components.items()
        if component.add
    }


def test_it_is_as_an_import_writes_it(images: ImageSet) -> None:
    text = images.file.read_text()
    ours = dump_set(images.document)
    assert text.split("\nname: ", 1)[1] == ours.split("\nname: ", 1)[1]


def test_pods_lack_nothing_that_is_known(images: ImageSet) -> None:
    assert list(missing_needs(images, list(images.components))) == []
    if images.name == CANDIDATE:
        for component, pod in (
            ("kube-state-metrics", "Deployment/kube-state-metrics"),
            ("node-exporter", "DaemonSet/node-exporter"),
        ):
            assert images.document.components[component].needs["kube-rbac-proxy"] == pod


def test_tags_are_on_request_only(images: ImageSet) -> None:
    by_tag = {name: len(images.by_tag(name)) for name in images.components if images.by_tag(name)}
    many = images.name not in (OKD, "4.18.42", "4.19.7")
    assert by_tag == ({CORE: 9} if images.name == OKD else {"ai-model-serving": 16} if many else {})
    made = {package.name for each in definitions(images) for package in each.packages}
    assert ("microshift-containers-ai-model-serving" in made) == (images.name == "4.19.7")
    assert len(definitions(images, ("all",))) == len(images.components)


def test_okd_says_what_is_not_pinned() -> None:
    core = loaded(OKD).components[CORE]
    pinned = {
        arch: sorted(each.name for each in core[arch].images if each.source.reference.digest)
        for arch in ARCHES
    }
    five = ["cli", "coredns", "haproxy_router", "kube_rbac_proxy", "service_ca_operator"]
    assert pinned == {"x86_64": five, "aarch64": []}


def test_secrets(images: ImageSet) -> None:
    wanted = {each for each in images.document.registries if wants_pull_secret(f"{each}/x")}
    assert set(images.document.pull_secret) == wanted
    assert bool(wanted) == (images.name != OKD)


def test_pause_image_is_in_the_core(images: ImageSet) -> None:
    for arch in ARCHES:
        names = [image.name for image in images.components[CORE][arch].images]
        assert (len(names), len({*names} & {*PAUSES})) == (9, 1)


def test_printed_without_network(images: ImageSet, tmp_path: Path) -> None:
    """What --print shows is a definition that loads, and that is the one that is built."""
    command, env = Paack(tmp_path).command("microshift", images.name, "--print", *WHERE)
    printed = run([*OFFLINE, *command], env=env).stdout
    generated = definitions(images)
    assert printed == dump_definitions(generated)
    file = tmp_path / "all.yaml"
    file.write_text(printed)
    packages = [package for each in generated for package in each.packages]
    assert [without_lines(p) for p in load_definition(file).packages] == [
        without_lines(package) for package in packages
    ]


def test_listed_without_network(tmp_path: Path) -> None:
    command, env = Paack(tmp_path).command("microshift", "--list", *WHERE)
    lines = run([*OFFLINE, *command], env=env).stdout.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert [line.partition(":")[0].partition(" ")[0] for line in heads] == SETS
    newest = lines.index(next(line for line in lines if line.startswith("4.22.7: ")))
    assert re.fullmatch(r"4\.22\.7: 2026-07-24, -?\d+ days? old, pull secret", lines[newest])
    assert lines[newest + 1 : newest + 3] == [
        "  core 9, cert-manager 6, gateway-api 7, multus 2, olm 3, sriov 10",
        "  on request: ai-model-serving 20 (x86_64): by tag only 16 for x86_64",
    ]
    assert "  core 9: by tag only 4 for x86_64, 9 for aarch64" in lines


def without_lines(package: Package) -> object:
    """Return a package as plain values, without the lines of the file it was loaded from."""

    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key != "line"}
        return [strip(each) for each in value] if isinstance(value, list | tuple) else value

    return strip(asdict(package))


def locked(source: Source, arch: str) -> LockedImage:
    """Return what locking an image of one arch would give, without its layers."""
    digest = source.reference.digest or f"sha256:{'0' * 64}"
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


def as_rpm_sees_it(spec: Path, arch: str) -> set[str]:
    """Return name, version and relations of a spec for one arch, in rpm's words."""
    relations = "".join(
        f"[{word}: %{{{word.upper().rstrip('S')}NEVRS}}\n]"
        for word in ("Requires", "Conflicts", "Provides")
    )
    form = "%{NAME} %{VERSION} %{RELEASE} %{ARCH}\n" + relations
    asked = ["rpmspec", "--query", f"--target={arch}", f"--queryformat={form}", str(spec)]
    return {line for line in run(asked).stdout.splitlines() if line}


@pytest.mark.parametrize("name", [OKD, "4.22.7", CANDIDATE])
def test_specs(name: str, tmp_path: Path) -> None:
    """rpm parses every spec, for both arches, and sees the tie and every image."""
    images = loaded(name)
    version = images.version
    for definition in all_definitions(images):
        (package,) = definition.packages
        component = package.path.removeprefix(f"{PATH}/")
        spec = tmp_path / f"{package.name}.spec"
        spec.write_text(spec_of(definition))
        for arch, file in images.components[component].items():
            seen = as_rpm_sees_it(spec, arch)
            assert f"{package.name} {version} 1 {arch}" in seen
            conflicts = {f"Conflicts: microshift {sign} {version}" for sign in "<>"}
            assert {line for line in seen if line.startswith("Conflicts")} == conflicts
            needs = f"Requires: microshift-containers = {version}"
            assert (needs in seen) == (component != CORE)
            prefix = "" if component == CORE else f"{component}/"
            for image in file.images:
                provided = f"Provides: microshift-image({prefix}{image.name}) = {version}"
                assert {provided, f"Provides: container-image({image.source.text})"} <= seen
