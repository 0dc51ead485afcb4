"""The package of the program of devices: who needs it, what is in it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from paack.helpers.definition.definition import Image, Package
from paack.helpers.oci.reference import parse_source
from paack.helpers.plan.program_package import needed_program, program_packages
from paack.helpers.rpm.device_program import device_program
from paack.helpers.rpm.part_name import is_part_file
from tests.unit.test_spec import package_of, query

IMAGE = Image(parse_source("quay.io/a/b:1", None), 1)


def package(home: Path, layers: str, *arches: str) -> Package:
    """Return a package that has an image for ``arches``, and none for others."""
    loaded = package_of(home)
    held = [replace(e, images=(IMAGE,) if e.name in arches else ()) for e in loaded.arches]
    return replace(loaded, layers=layers, arches=tuple(held))


@pytest.mark.parametrize(
    ("packages", "arches"),
    [
        ([("shared", "x86_64")], ["x86_64"]),
        ([("packed", "aarch64"), ("bundled", "x86_64")], ["aarch64"]),
        ([("shared", "x86_64"), ("packed", "x86_64", "aarch64")], ["aarch64", "x86_64"]),
        ([("bundled", "x86_64")], []),
        ([("shared",)], []),
    ],
    ids=str,
)
def test_for_packages_that_do_not_bring_it(
    tmp_path: Path, packages: list[tuple[str, ...]], arches: list[str]
) -> None:
    specs = program_packages([package(tmp_path, *each) for each in packages])
    assert [[each.arch for each in spec.contents] for spec in specs] == ([arches] if arches else [])


def test_it_is_the_same_whoever_builds_it(tmp_path: Path) -> None:
    some = [("x86_64",), ("aarch64",), ("x86_64", "aarch64")]
    made = [program_packages([package(tmp_path, "shared", *each)])[0] for each in some]
    assert len({(spec.text, spec.sources) for spec in made}) == 1
    file = f"container-device-{device_program().name}-1-1.noarch.rpm"
    assert {spec.file(arch) for spec in made for arch in ("x86_64", "aarch64")} == {file}
    assert is_part_file(file)
    assert needed_program() == f"container-device-{device_program().name} = 1-1"


def test_it_has_the_program_and_no_scriptlet(tmp_path: Path) -> None:
    (spec,) = program_packages([package(tmp_path, "packed", "x86_64")])
    files = [each for each in device_program().files if not each.target]
    assert [each.path for each in spec.sources] == [each.path for each in files]
    assert {each.kind for each in spec.sources} == {"shared"}
    scriptlets = ("PREIN", "POSTIN", "PREUN", "POSTUN", "PRETRANS", "POSTTRANS", "TRIGGERNAME")
    form = "".join(f"%|{tag}?{{{tag} }}|" for tag in scriptlets) + "%{ARCH} [%{REQUIRENAME} ]"
    said = query(tmp_path, [spec.text], form, "--builtrpms")
    assert [line for line in said[0].split() if not line.startswith("rpmlib")] == ["noarch"]
