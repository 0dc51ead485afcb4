"""verify --run: the services that podman's real generators make of the units in an RPM."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from paack.helpers.blobs import Cache
from paack.helpers.oci import LockedImage
from paack.helpers.quadlet import read_units
from paack.helpers.run import Result
from paack.helpers.verify import unit_trial
from tests.check.generators import Generator
from tests.support.product import Paack

_WEB = "[Container]\nImage=quay.io/me/web:1\n"
UNITS = {
    "web.container": _WEB,
    "more/db.container": f"{_WEB}Pod=shop.pod\n",
    "shop.pod": "[Pod]\n",
    "newer.container": f"{_WEB}AppArmor=unconfined\n",
    "web.container.d/name.conf": "[Container]\nContainerName=web\n",
}


def rpm_of(home: Path, path: str = "/usr/share/containers/systemd") -> Path:
    """Build a package that has units alone."""
    for name, text in UNITS.items():
        (home / "units" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "units" / name).write_text(text)
    paack = Paack(home)
    requires = "requires: [container-image(quay.io/me/web:1), podman >= 5.8]"
    text = (
        f"name: app\nversion: '1'\narches: [x86_64]\n{requires}\nunits: [units]\nunitPath: {path}\n"
    )
    (rpm,) = paack.build(paack.define(text))
    return rpm


def test_services_are_made(
    real: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(directory: Path) -> Result:
        said = real.call(directory)
        return Result((), said.returncode, said.stdout.encode(), said.stderr)

    (tmp_path / "work").mkdir()
    units = unit_trial.unpack_units(rpm_of(tmp_path), tmp_path / "work")
    assert units is not None
    monkeypatch.setattr(unit_trial, "_generate", generate)
    outcomes = unit_trial.try_generator(units)
    knows = real.version >= (5, 8)
    assert [(each.name, each.good) for each in outcomes] == [
        ("newer.container", knows),
        ("shop.pod", True),
        ("web.container", True),
        ("db.container", True),
    ]
    said = outcomes[0].what
    assert ("AppArmor" in said) is not knows
    assert said.startswith(f"podman makes {'' if knows else 'no '}newer.service")


def test_a_generator_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """timeout(1) ends it, and it is no proof."""
    (tmp_path / "work").mkdir()
    units = unit_trial.unpack_units(rpm_of(tmp_path, "/usr/lib/units"), tmp_path / "work")
    assert units is not None
    generator = tmp_path / "quadlet"
    generator.write_text("#!/bin/sh\nexec sleep 600\n")
    generator.chmod(0o755)
    monkeypatch.setattr(unit_trial, "_GENERATORS", ("/no/such", str(generator)))
    monkeypatch.setattr(unit_trial, "_SECONDS", 1)
    (outcome,) = unit_trial.try_generator(units)
    assert (outcome.good, outcome.what) == (False, "podman's generator has not ended in 1 s")


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("Volume=./conf:/conf:ro", ["--volume=HOME/conf:/conf:ro"]),
        ("Volume=/anonymous", ["--volume=/anonymous"]),
        ("Volume=data.volume:/data", ["--volume=/data"]),
        ("EnvironmentFile=conf/env", ["--env-file=HOME/conf/env"]),
        ("Environment=A=1 HOME", ["--env=A=1"]),
        ("User=1\nGroup=2", ["--user=1:2"]),
        ("ReadOnly=true\nEntrypoint=/a", ["--entrypoint=/a", "--read-only"]),
        # Nothing of this machine
        ("EnvironmentFile=../secret", []),
        ("EnvironmentFile=/etc/passwd", []),
        ("PodmanArgs=--privileged\nAddDevice=/dev/sda\nAddCapability=all", []),
        ("Volume=./../secret:/a", None),
        ("Volume=./none:/a", None),
        ("Volume=/etc:/a", None),
        ("Volume=%h:/a", None),
        ("Volume=~:/a", None),
        ("Mount=type=bind,source=/etc,destination=/a", None),
    ],
)
def test_what_a_container_gets(line: str, options: list[str] | None, tmp_path: Path) -> None:
    home = tmp_path / "units"
    (home / "conf").mkdir(parents=True)
    (home / "conf/env").write_text("HOME\n*\nA=1\n")
    (tmp_path / "secret").write_text("")
    (home / "web.container").write_text(f"{_WEB}{line}\n")
    tree = read_units([home], "/usr/lib/units")
    units = unit_trial.UnpackedUnits(home, tree)
    cache = Cache(tmp_path / "cache")
    config = cache.put(b'{"config": {"Cmd": ["sh"]}}')
    name, here = "quay.io/me/web:1", platform.machine()
    image = LockedImage(name, here, (name,), None, config, config, "2026-01-01T00:00:00Z", ())
    (candidate,) = unit_trial.unit_candidates(units, [image], cache)
    assert bool(candidate.not_run) == (options is None)
    if options is not None:
        assert candidate.options == tuple(each.replace("HOME", str(home)) for each in options)
        taken = any(each.startswith("--env-file=") for each in options)
        assert (home / "conf/env").read_text() == ("A=1" if taken else "HOME\n*\nA=1\n")


def test_without_units(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/web.container").write_text(_WEB)
    paack = Paack(tmp_path)
    head = "name: app\nversion: '1'\narches: [x86_64]\n"
    (rpm,) = paack.build(paack.define(f"{head}manifests: manifests\n"))
    assert unit_trial.unpack_units(rpm, tmp_path) is None
