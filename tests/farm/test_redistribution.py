"""Which images paack refuses to publish for everybody."""

from __future__ import annotations

import pytest

from paack.helpers.definition.redistribution import why_refused
from paack.helpers.oci.reference import parse_reference

_REFUSED = (
    "registry.redhat.io/ubi9/ubi:1",
    "registry.redhat.io/openshift4/ose-cli@sha256:" + "0" * 64,
    "registry.connect.redhat.com/a/b:1",
    "registry.access.redhat.com/rhel7/rhel:1",
    "registry.access.redhat.com/ubix/a:1",
    "quay.io/openshift-release-dev/ocp-v4.0-art-dev:1",
    "cp.icr.io/cp/a:1",
    "nvcr.io/nvidia/cuda:1",
)
_FREE = (
    "docker.io/library/nginx:1",
    "quay.io/okd/scos-content:1",
    "quay.io/openshift-release-devs/a:1",
    "registry.redhat.io.example.com/a/b:1",
    "registry.access.redhat.com/ubi9/ubi-minimal:1",
    "registry.access.redhat.com/ubi8:1",
    "localhost/registry.redhat.io/a:1",
)


@pytest.mark.parametrize("image", _REFUSED)
def test_refused(image: str) -> None:
    assert why_refused(parse_reference(image))


@pytest.mark.parametrize("image", _FREE)
def test_free(image: str) -> None:
    assert why_refused(parse_reference(image)) is None


@pytest.mark.parametrize(
    ("permitted", "refused"),
    [
        ("registry.redhat.io", False),
        ("registry.redhat.io/", False),
        ("registry.redhat.io/ubi9", False),
        ("registry.redhat.io/ubi9/ubi", False),
        ("registry.redhat.io/ubi", True),
        ("registry.redhat.io/ubi9/ubi-minimal", True),
        ("redhat.io", True),
        ("", True),
    ],
)
def test_permitted(permitted: str, refused: bool) -> None:
    reference = parse_reference("registry.redhat.io/ubi9/ubi:1")
    assert bool(why_refused(reference, [permitted])) == refused
