"""The generators of podman that units are read by."""

from collections.abc import Iterator

import pytest

from tests.check.generators import VERSIONS, Generator, generator
from tests.support.podman import Kind


@pytest.fixture(scope="module", params=VERSIONS)
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Generator]:
    """The generator of one podman."""
    kind: Kind = request.param
    with generator(kind, tmp_path_factory.getbasetemp()) as found:
        yield found
