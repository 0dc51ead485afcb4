"""The RPMs that are installed in the tests of this directory, built once, and devices for them."""

from collections.abc import Iterator

import pytest

from tests.device.device import Device
from tests.device.layer_packages import Rpms, build_rpms
from tests.device.packages import Packages
from tests.support.podman import KINDS, Kind


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packages]:
    with Packages.built(tmp_path_factory.mktemp("packages")) as built:
        yield built


@pytest.fixture(scope="session")
def rpms(packages: Packages) -> Rpms:
    """RPMs with shared layers."""
    return build_rpms(packages)


@pytest.fixture(params=KINDS)
def device(request: pytest.FixtureRequest, packages: Packages) -> Iterator[Device]:
    kind: Kind = request.param
    with Device(kind, packages) as device:
        yield device


@pytest.fixture
def debian12(packages: Packages) -> Iterator[Device]:
    with Device("debian12", packages) as device:
        yield device


@pytest.fixture
def debian13(packages: Packages) -> Iterator[Device]:
    with Device("debian13", packages) as device:
        yield device
