"""The real mock, where it is installed (Fedora, RHEL): both arches, as an ordinary user.

PAACK_MOCK_TARGETS names the targets (default: CentOS Stream 9; its mirrors must be in reach, and
qemu-user-static there for the foreign arch), PAACK_MOCK_CONFIGDIR where their files are.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.farm import payload, query, write_app
from tests.support.product import Paack

_DEFAULT = "centos-stream-9-x86_64 centos-stream-9-aarch64"


@pytest.mark.mock
@pytest.mark.timeout(3600)
def test_equals_rpmbuild(tmp_path: Path) -> None:
    if shutil.which("mock") is None:
        pytest.skip("mock is not installed")
    if os.geteuid() == 0:
        pytest.skip("mock needs an ordinary user in group mock")
    paack = Paack(tmp_path)
    definition = write_app(tmp_path)
    plain = paack.build(definition)
    expected = {query(rpm, "%{ARCH}"): payload(rpm) for rpm in plain}
    targets = os.environ.get("PAACK_MOCK_TARGETS", _DEFAULT).split()
    configdir = os.environ.get("PAACK_MOCK_CONFIGDIR")
    words = [word for target in targets for word in ("--target", target)]
    words += ["--configdir", configdir] if configdir else []
    output = tmp_path / "mock"
    done = paack.call("build", "--def", str(definition), "--output", str(output), *words)
    made = [Path(line) for line in done.stdout.splitlines()]
    assert {query(rpm, "%{ARCH}"): payload(rpm) for rpm in made} == expected
    for rpm in made:
        assert rpm.parent == output / "rpms" / query(rpm, "%{ARCH}")
        assert query(rpm, "%{BUILDTIME}") == query(plain[0], "%{BUILDTIME}")
    for target in targets:
        assert (output / "mock" / target / "build.log").read_text()
