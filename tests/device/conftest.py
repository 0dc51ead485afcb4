"""The RPMs that are installed in the tests of this directory, built once."""

from collections.abc import Iterator

import pytest

from tests.device.layer_packages import Rpms, build_rpms
from tests.device.packages import Packages


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packages]:
    with Packages.built(tmp_path_factory.mktemp("packages")) as built:
        yield built


@pytest.fixture(scope="session")
def rpms(packages: Packages) -> Rpms:
    """RPMs with shared layers."""
    return build_rpms(packages)
