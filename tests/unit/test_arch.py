"""Architectures, compared with rpm's own list and with Go's names for them."""

from __future__ import annotations

import pytest

from paack.helpers.arch import OCI_ARCH, oci_arch, rpm_arch
from tests.support.commands import run

# https://go.dev/doc/install/source#environment; uname(1) and rpm call the machines otherwise
GOARCH = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}


def test_names_are_those_of_go() -> None:
    assert {rpm: oci_arch(rpm) for rpm in OCI_ARCH} == GOARCH
    assert {go: rpm_arch(go) for go in GOARCH.values()} == {go: rpm for rpm, go in GOARCH.items()}
    assert rpm_arch("arm") is None


@pytest.mark.parametrize("arch", GOARCH)
def test_rpm_knows_them(arch: str) -> None:
    assert run(["rpm", "--target", arch, "--eval", "%{_target_cpu}"]).stdout == f"{arch}\n"


def test_the_plain_variant_comes_first() -> None:
    assert all(variants[0] == "" for _, variants in OCI_ARCH.values())
