"""The RPMs that are installed in the tests of this directory, built once, and a device for each."""

from collections.abc import Iterator

import pytest

from tests.crio.crio import CrioDevice, programs
from tests.device.packages import Packages


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packages]:
    if programs() is None:
        pytest.skip("crio, crictl, crun, pinns or conmon is not installed (see PAACK_TEST_CRIO)")
    with Packages.built(tmp_path_factory.mktemp("packages")) as built:
        yield built


@pytest.fixture
def device(packages: Packages) -> Iterator[CrioDevice]:
    found = programs()
    assert found is not None
    with CrioDevice(packages, found) as device:
        yield device
