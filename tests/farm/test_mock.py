"""mock: exact command lines, every exit status, and what is told before a build."""

from __future__ import annotations

import json
import platform
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from tests.support import fake_mock
from tests.support.commands import MINIMAL_ENVIRONMENT
from tests.support.farm import (
    ARCHES,
    MOCK_GROUP,
    USER,
    as_user,
    first_on_path,
    give_to_user,
    interrupt_at,
    machine,
    payload,
    query,
    write_app,
)
from tests.support.host import Host
from tests.support.product import Paack, definition_text
from tests.support.thorough import THOROUGH
from tests.support.workloads import MB, Layer, layer_tar

STREAM = "centos-stream-9"
TARGETS = tuple(f"{STREAM}-{arch}" for arch in ARCHES)
#: As mock-core-configs writes them, with a template of options that are not literal.
CONFIG = """\
include('templates/{template}.tpl')

config_opts['root'] = '{name}'
config_opts['target_arch'] = '{arch}'
config_opts['legal_host_arches'] = {hosts}
"""
TEMPLATE = """\
config_opts['chroot_setup_cmd'] = 'install tar gcc-c++ rpm-build'
config_opts['dist'] = 'el9'  # only useful for --resultdir variable subst
config_opts['extra_chroot_dirs'] = [ '/run/lock', ]
config_opts['bootstrap_image_ready'] = True
config_opts['macros']['%dist'] = '.' + config_opts['dist']
config_opts['dnf.conf'] = \"\"\"
[main]
{% if releasever %}a=b{% endif %}
\"\"\"
"""
BOTH = ("x86_64", "aarch64")

#: mock's status -> ours, and the log whose end is shown (None: mock's own words).
STATUSES: dict[int, tuple[int, str | None]] = {
    1: (10, "root"),
    2: (5, None),
    3: (2, None),
    4: (10, "build"),
    5: (5, None),
    6: (5, None),
    7: (130, None),
    10: (10, "build"),
    11: (11, "build"),
    20: (10, "root"),
    25: (10, "root"),
    30: (10, "root"),
    31: (10, "root"),
    40: (10, "build"),
    50: (10, "root"),
    60: (10, None),
    65: (10, None),
    70: (10, None),
    80: (5, None),
    90: (10, "root"),
    110: (10, "state"),
    120: (10, "root"),
    129: (10, "build"),
    141: (10, "build"),
    143: (10, "build"),
    99: (10, "build"),
}


@dataclass
class Farm:
    """A user's home with the definition, and a machine where the fake mock is first on PATH."""

    host: Host
    paack: Paack
    definition: Path
    configdir: Path
    fake: Path

    def call(
        self,
        *arguments: str,
        groups: str = str(MOCK_GROUP),
        wrapper: Sequence[str] = (),
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        """Build as the ordinary user; the record of calls starts empty."""
        (self.fake / "calls").unlink(missing_ok=True)
        words = [*arguments, "--output", str(self.paack.output)]
        settings = {"FAKE_MOCK": str(self.fake), **env}
        return as_user(self.host, self.paack, *words, env=settings, groups=groups, wrapper=wrapper)

    def build(
        self,
        *options: str,
        groups: str = str(MOCK_GROUP),
        wrapper: Sequence[str] = (),
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        """``paack build`` with the test's configurations."""
        words = ["--def", str(self.definition), "--configdir", str(self.configdir), *options]
        return self.call("build", *words, groups=groups, wrapper=wrapper, **env)

    @property
    def calls(self) -> list[list[str]]:
        """How mock was called, without the directory that each result went to first."""
        file = self.fake / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def config(self, name: str, arch: str, hosts: tuple[str, ...], *more: str) -> None:
        """Write a configuration."""
        text = CONFIG.format(name=name, arch=arch, hosts=repr(hosts), template="stream")
        path = self.configdir / f"{name}.cfg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([text, *more, ""]))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Path]]:
    base = tmp_path_factory.mktemp("mock")
    base.chmod(0o755)
    with machine(base) as running:
        yield running, base


@pytest.fixture(scope="module")
def farm(host: tuple[Host, Path]) -> Farm:
    running, base = host
    home = base / "home"
    (home / "bin").mkdir(parents=True)
    program = home / "bin" / "mock"
    shutil.copy(fake_mock.__file__, program)
    program.chmod(0o755)
    made = Farm(
        running,
        Paack(home, environment=first_on_path(home / "bin")),
        write_app(home),
        home / "configs",
        home / "fake",
    )
    made.fake.mkdir()
    for name, arch in zip(TARGETS, ARCHES, strict=True):
        made.config(name, arch, BOTH)
    for name in ("alma+epel-9-x86_64", "rocky+epel-9-x86_64", "eol/fedora-30-x86_64"):
        made.config(name, "x86_64", ("x86_64",))
    made.config("fedora-44-riscv64", "riscv64", BOTH)
    (made.configdir / "site-defaults.cfg").write_text("# nothing\n")
    (made.configdir / "templates").mkdir()
    (made.configdir / "templates" / "stream.tpl").write_text(TEMPLATE)
    give_to_user(home)
    return made


@pytest.fixture(scope="module")
def built(farm: Farm) -> list[Path]:
    """The RPMs of two targets."""
    done = farm.build("--target", TARGETS[0], "--target", TARGETS[1])
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


def test_command_lines(farm: Farm) -> None:
    done = farm.build(*(f"--target={TARGETS[i]}" for i in (0, 1, 0)), "--timeout", "7200")
    assert done.returncode == 0, done.stderr
    results = [Path(call[call.index("--resultdir") + 1]) for call in farm.calls]
    assert farm.calls == [
        [
            *("-r", target),
            *("--configdir", str(farm.configdir)),
            *("--rpmbuild_timeout", "7200"),
            *("--resultdir", str(result)),
            *("--rebuild", str(farm.paack.output / "srpms/app-1.0-1.src.rpm")),
        ]
        for target, result in zip(TARGETS, results, strict=True)
    ]
    assert all(result.is_relative_to(farm.paack.output / "work") for result in results)
    assert len(set(results)) == len(results)
    assert not (farm.paack.output / "work").exists()
    assert f"$ mock -r {TARGETS[0]}" in done.stderr
    assert "  | INFO: mock.py version" in done.stderr


@pytest.mark.parametrize(("kind", "part"), [("shared", "layers"), ("packed", "pack")])
def test_packages_of_layers_are_built_once(farm: Farm, kind: str, part: str) -> None:
    home = farm.paack.home
    layers = [layer_tar(home, Layer(name, MB)).read_bytes() for name in ("base", "top")]
    images = [ImageSpec(arch, layers) for arch in ARCHES]
    write_image(home / "layers", "localhost/app:1", images)
    source = "oci:layers:localhost/app:1"
    text = definition_text(kind, [source], arches=ARCHES, layers=kind)
    definition = farm.paack.define(text, f"{kind}.yaml")
    give_to_user(home)
    words = ["build", "--def", str(definition), "--configdir", str(farm.configdir)]
    # The program is there after the first kind.
    there = [*farm.paack.output.glob("rpms/noarch/container-device-*.rpm")]
    for calls in (2 + 1 - len(there) + 2, 2):
        done = farm.call(*words, *(f"--target={target}" for target in TARGETS))
        assert done.returncode == 0, done.stderr
        names = [Path(line).name for line in done.stdout.splitlines()]
        starts = [f"container-{part}-"] * 2 + ["container-device-"] + [f"{kind}-1.0-1."] * 2
        assert [name.startswith(start) for name, start in zip(names, starts, strict=True)] == [
            True
        ] * 5
        # The second time, only the package itself
        assert len(farm.calls) == calls
    # Without mock, neither
    kinds = (f"container-{part}-", "container-device-")
    built = [rpm for each in kinds for rpm in farm.paack.output.glob(f"rpms/*/{each}*.rpm")]
    before = [path.read_bytes() for path in built]
    done = farm.call("build", "--def", str(definition))
    assert done.returncode == 0, done.stderr
    assert len(built) == 3
    assert all(f"same    {path}" in done.stderr for path in built)
    assert [path.read_bytes() for path in built] == before


def test_first_paacks_words(farm: Farm) -> None:
    """``paack rpm F TARGET``, with the configurations of the user and of /etc/mock."""
    own = farm.paack.home / ".config/mock"
    own.mkdir(parents=True)
    shutil.copy(farm.configdir / f"{TARGETS[1]}.cfg", own)
    farm.host.run(["mkdir", "--parents", "/etc/mock"])
    farm.host.run(["cp", str(farm.configdir / f"{TARGETS[0]}.cfg"), "/etc/mock"])
    for target in TARGETS:
        done = farm.call("rpm", str(farm.definition), target)
        assert done.returncode == 0, done.stderr
        (call,) = farm.calls
        assert (call[:3], call[4]) == (["-r", target, "--resultdir"], "--rebuild")
    shutil.rmtree(own)


def test_path_of_a_configuration(farm: Farm) -> None:
    config = f"{farm.configdir}/{TARGETS[0]}.cfg"
    done = farm.build("--target", config)
    assert done.returncode == 0, done.stderr
    assert farm.calls[0][:2] == ["-r", config]


def test_results(farm: Farm, built: list[Path]) -> None:
    """The RPMs are those of rpmbuild, and only they and the logs are kept."""
    out = farm.paack.output
    assert built == [out / f"rpms/{arch}/app-1.0-1.{arch}.rpm" for arch in ARCHES]
    plain = out.with_name("plain")
    farm.paack.call("build", "--def", str(farm.definition), "--output", str(plain))
    for rpm, target, arch in zip(built, TARGETS, ARCHES, strict=True):
        assert payload(rpm) == payload(plain / rpm.relative_to(out))
        assert query(rpm, "%{ARCH} %{BUILDTIME}") == query(
            plain / rpm.relative_to(out), "%{ARCH} %{BUILDTIME}"
        )
        assert query(rpm, "%{ARCH}") == arch
        assert sorted(path.name for path in (out / "mock" / target).iterdir()) == [
            "build.log",
            "root.log",
            "state.log",
        ]
        info = json.loads(rpm.with_name(f"{rpm.name}.buildinfo.json").read_text())
        assert info["inputs"]["mock"] == target
        assert rpm.stat().st_uid == USER


def test_rpmbuild_after_mock(farm: Farm, built: list[Path]) -> None:
    """A record of mock's never passes for one of rpmbuild's."""
    again = farm.call("build", "--def", str(farm.definition), "--arch", "x86_64")
    assert f"made    {built[0]}" in again.stderr
    third = farm.call("build", "--def", str(farm.definition), "--arch", "x86_64")
    assert f"same    {built[0]}" in third.stderr


@pytest.mark.parametrize("status", STATUSES if THOROUGH else [*STATUSES][::4])
def test_exit_status(farm: Farm, status: int) -> None:
    ours, log = STATUSES[status]
    before = _state(farm.paack.output / "rpms")
    done = farm.build("--target", TARGETS[0], FAKE_MOCK_STATUS=str(status), FAKE_MOCK_LEAVES="1")
    assert done.returncode == ours, done.stderr
    assert _state(farm.paack.output / "rpms") == before  # though mock left an RPM
    assert not (farm.paack.output / "work").exists()
    if ours == 130:
        return
    assert f"exit status {status})" in done.stderr
    if log is None:
        assert "  | ERROR: the last words" in done.stderr.rpartition("error: ")[2]
        return
    path = farm.paack.output / "mock" / TARGETS[0] / f"{log}.log"
    assert f"log: {path}" in done.stderr
    assert f"  | {log} log of {TARGETS[0]}, line 99" in done.stderr
    assert f"{log} log of {TARGETS[0]}, line 50" not in done.stderr
    assert "line 50" in path.read_text()


def test_killed(farm: Farm) -> None:
    env = {"FAKE_MOCK_STATUS": str(128 + signal.SIGKILL), "FAKE_MOCK_KILL": "1"}
    done = farm.build("--target", TARGETS[0], **env)
    assert done.returncode == 10
    assert "build.log" in done.stderr


def test_disk_full_in_the_chroot(farm: Farm) -> None:
    env = {"FAKE_MOCK_STATUS": "10", "FAKE_MOCK_LAST": "cp: write: No space left on device"}
    done = farm.build("--target", TARGETS[0], **env)
    assert done.returncode == 10
    assert "the disk is full" in done.stderr
    assert "hint: make room" in done.stderr


def test_no_rpm(farm: Farm) -> None:
    done = farm.build("--target", TARGETS[0], FAKE_MOCK_EMPTY="1")
    assert done.returncode == 10
    assert "mock made no RPM" in done.stderr


def test_second_target_fails(farm: Farm) -> None:
    """What is complete stays."""
    shutil.rmtree(farm.paack.output / "rpms", ignore_errors=True)
    env = {"FAKE_MOCK_STATUS": f"{TARGETS[1]}=20"}
    done = farm.build("--target", TARGETS[0], "--target", TARGETS[1], **env)
    assert done.returncode == 10
    assert [path.name for path in (farm.paack.output / "rpms").rglob("*.rpm")] == [
        "app-1.0-1.x86_64.rpm"
    ]
    assert f"error: {TARGETS[1]}: the chroot could not be set up" in done.stderr


def test_interrupted(farm: Farm) -> None:
    """Ctrl-C: mock is asked to end, and is waited for."""
    done = farm.build("--target", TARGETS[0], wrapper=interrupt_at("waiting"), FAKE_MOCK_WAIT="1")
    assert done.returncode == 130, done.stderr
    assert (farm.fake / "terminated").exists()
    assert not (farm.paack.output / "work").exists()


def test_root(farm: Farm) -> None:
    farm.paack.environment["FAKE_MOCK"] = str(farm.fake)
    words = ["--configdir", str(farm.configdir), "--target", TARGETS[0]]
    done = farm.paack.call("build", "--def", str(farm.definition), *words, check=False)
    assert done.returncode == 5
    assert "mock does not run as root" in done.stderr
    assert "ordinary user in group mock" in done.stderr


def test_not_in_the_group(farm: Farm) -> None:
    done = farm.build("--target", TARGETS[0], groups="")
    assert done.returncode == 5
    assert "not in group mock" in done.stderr
    assert "usermod -a -G mock" in done.stderr
    assert farm.calls == []


def test_not_installed(farm: Farm) -> None:
    done = farm.build("--target", TARGETS[0], PATH=MINIMAL_ENVIRONMENT["PATH"])
    assert done.returncode == 5
    assert "mock is not installed" in done.stderr


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("centos-stream-9-aarch46", f"did you mean: {TARGETS[1]}"),
        ("epel-9-x86_64", "did you mean: alma+epel-9-x86_64, rocky+epel-9-x86_64"),
        ("fedora-30-x86_64", "--target eol/fedora-30-x86_64"),
        ("windows-11", "mock --list-chroots"),
        ("site-defaults", "mock --list-chroots"),
        ("./missing.cfg", "mock --list-chroots"),
        ("-rf.cfg", "mock --list-chroots"),
    ],
)
def test_unknown_target(farm: Farm, target: str, hint: str) -> None:
    done = farm.build(f"--target={target}")
    assert done.returncode == 2
    assert f"mock has no target '{target}'" in done.stderr
    assert hint in done.stderr
    assert farm.calls == []


def test_no_configurations(farm: Farm) -> None:
    words = ["--configdir", str(farm.paack.home / "none"), "--target", TARGETS[0]]
    done = farm.call("build", "--def", str(farm.definition), *words)
    assert done.returncode == 2
    assert "dnf install mock-core-configs" in done.stderr


def test_arch_that_the_definition_lacks(farm: Farm) -> None:
    done = farm.build("--target", "fedora-44-riscv64")
    assert done.returncode == 2
    assert "is for riscv64, and no package of" in done.stderr


def test_arch_and_target(farm: Farm) -> None:
    assert farm.build("--target", TARGETS[0], "--arch", "x86_64").returncode == 2


def test_no_architecture(farm: Farm) -> None:
    (farm.configdir / "custom.cfg").write_text("config_opts['root'] = 'custom'\n")
    done = farm.build("--target", "custom")
    assert done.returncode == 2
    assert "does not say for which architecture" in done.stderr


def test_emulation(farm: Farm) -> None:
    """Told before anything is fetched or built."""
    foreign = next(arch for arch in ARCHES if arch != platform.machine())
    farm.config("foreign", foreign, (foreign,))
    emulator = f"/usr/bin/qemu-{foreign}-static"
    farm.host.run(["rm", "--force", emulator])
    missing = farm.build("--target", "foreign")
    assert missing.returncode == 5
    assert emulator in missing.stderr
    assert "qemu-user-static" in missing.stderr
    assert farm.calls == []
    farm.host.run(["touch", emulator])
    there = farm.build("--target", "foreign", FAKE_MOCK_STATUS="10")
    farm.host.run(["rm", emulator])
    assert "foreign: emulated, which is slow" in there.stderr
    assert len(farm.calls) == 1


def test_room_for_the_chroot(farm: Farm) -> None:
    """A chroot's disk that is too small for about six times the source RPM."""
    small = "/mnt/small"
    farm.host.run(["mkdir", "--parents", small])
    size = (farm.paack.output / "srpms/app-1.0-1.src.rpm").stat().st_size
    farm.config("small-x86_64", "x86_64", BOTH, f"config_opts['basedir'] = '{small}/mock'")
    for times, status in ((3, 10), (12, 0)):
        farm.host.run(["mount", "-t", "tmpfs", "-o", f"size={size * times}", "none", small])
        done = farm.build("--target", "small-x86_64")
        farm.host.umount(Path(small))
        assert done.returncode == status, done.stderr
        assert len(farm.calls) == (status == 0)
        assert (f"in {small}; " in done.stderr) == (status == 10)


def _state(directory: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*")}
