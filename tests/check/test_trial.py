"""verify --run: podman starts every image out of the RPM, with no network, and leaves nothing."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from paack.helpers.run import Result
from paack.helpers.verify import trial
from tests.support.additional_store import AdditionalStore
from tests.support.commands import run
from tests.support.debian import busybox_rootfs, text_layer
from tests.support.host import Host
from tests.support.oddities import LayerTar
from tests.support.podman import Podman, containers_conf
from tests.support.product import REPOSITORY, Paack, definition_text, newer_erofs_utils

PYTHON = REPOSITORY / ".venv"


def script(path: str, first_line: str) -> bytes:
    layer = LayerTar()
    layer.add(path, f"{first_line}\n".encode(), mode=0o755)
    return layer.close()


@dataclass
class Machine:
    """A host whose podman can start containers (this machine's own cannot), and the product."""

    host: Host
    paack: Paack

    def verify(self, rpm: Path, *options: str) -> tuple[int, str, str]:
        """Run paack verify there."""
        command, env = self.paack.command(
            "verify", str(rpm), *options, "--output", str(self.paack.output)
        )
        wanted = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME")
        kept = {key: env[key] for key in wanted} | {"CI_TOKEN": "secret"}
        done = self.host.run(command, check=False, env=kept)
        return done.returncode, done.stdout, done.stderr

    def mounts(self) -> str:
        """Return all mounts there, and all that its own podman keeps."""
        said = self.host.run(["cat", "/proc/self/mountinfo"]).stdout
        kept = ["/run", "/dev/shm", "/var/lib/containers", "/etc/containers"]
        return said + self.host.run(["find", *kept], check=False).stdout

    def loops(self) -> list[str]:
        """Return the loop devices of the machine that have our files."""
        devices = run(["losetup", "--all"]).stdout.splitlines()
        return [each for each in devices if str(self.paack.home) in each]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trial")


@pytest.fixture(scope="module")
def machine(home: Path) -> Iterator[Machine]:
    paack = Paack(home, environment=dict(newer_erofs_utils(home / "bin")))
    with Host(Path("/"), shared=[home, REPOSITORY]) as host:
        host.run(["mkdir", "--parents", "/etc/containers"])
        configuration = host.outside(Path("/etc/containers/containers.conf"))
        configuration.write_text(containers_conf())
        yield Machine(host, paack)


@pytest.fixture(scope="module")
def layout(home: Path) -> Path:
    base = busybox_rootfs("amd64").read_bytes()
    motd = text_layer(home / "motd.tar", {"etc/motd": "hello\n"}, deleted=["etc/group"])
    top = [base, motd.read_bytes()]
    small = [text_layer(home / "data.tar", {"data.txt": "data\n"}).read_bytes()]
    sets: dict[str, tuple[list[bytes], dict[str, Any]]] = {
        "server": (top, {"Entrypoint": ["sleep", "600"]}),
        "short": (top, {"cmd": ["sh", "-c", "test ! -e /etc/group && cat /etc/motd"]}),
        "fails": (top, {"Cmd": ["sh", "-c", "exit 3"]}),
        "loud": (top, {"Cmd": ["cat", "/dev/zero"]}),
        "nobody": (top, {"Cmd": ["sh"], "User": "1234:5678", "Volumes": {"/data": {}}}),
        "data": (small, {}),
        "gone": (top, {"Cmd": ["/no/such/program"]}),
        "interpreter": ([*top, script("start", "#!/no/such/shell")], {"Cmd": ["/start"]}),
        "user": (top, {"Cmd": ["sh"], "User": "nosuchuser"}),
    }
    for name, (layers, config) in sets.items():
        write_image(
            home / "layout",
            f"localhost/{name}:1",
            [ImageSpec(arch, layers, config=config) for arch in ("x86_64", "aarch64")],
        )
    return home / "layout"


def build(machine: Machine, layout: Path, name: str, *images: str, **more: str) -> dict[str, Path]:
    sources = [f"oci:{layout}:localhost/{image}:1" for image in images]
    text = definition_text(name, sources, arches=("x86_64", "aarch64"), **more)
    made = machine.paack.build(machine.paack.define(text, f"{name}.yaml"))
    return {rpm.parent.name: rpm for rpm in made}


GOOD = ("server", "short", "fails", "loud", "nobody", "data")


@pytest.mark.parametrize("filesystem", ["squashfs", "erofs"])
def test_every_image_is_started(machine: Machine, layout: Path, filesystem: str) -> None:
    images = GOOD if filesystem == "squashfs" else GOOD[1:2]
    rpms = build(machine, layout, f"good-{filesystem}", *images, filesystem=filesystem)
    before = machine.mounts()
    status, said, errors = machine.verify(rpms["x86_64"], "--run")
    assert status == 0, errors
    expected = [
        "  localhost/data:1: mounted, not run: it has no command",
        "  localhost/fails:1: started, ended with 3",
        "  localhost/loud:1: started",
        "  localhost/nobody:1: started",
        "  localhost/server:1: started",
        "  localhost/short:1: started",
    ]
    assert said.splitlines()[1:] == expected[-len(images) :]
    assert machine.mounts() == before
    assert machine.loops() == []
    assert not list((machine.paack.output / "work").glob("*"))


def test_images_of_another_arch_are_only_mounted(machine: Machine, layout: Path) -> None:
    rpms = build(machine, layout, "good", *GOOD[:2])
    status, said, errors = machine.verify(rpms["aarch64"], "--run")
    assert status == 0, errors
    why = "mounted, not run: aarch64 image on x86_64"
    names = ("server", "short")
    assert said.splitlines()[1:] == [f"  localhost/{name}:1: {why}" for name in names]


def test_images_that_do_not_start(machine: Machine, layout: Path) -> None:
    rpms = build(machine, layout, "bad", "short", "gone", "interpreter", "user")
    before = machine.mounts()
    status, said, errors = machine.verify(rpms["x86_64"], "--run")
    assert (status, said) == (7, ""), errors
    assert "3 differences:" in errors
    for line in (
        r"  localhost/gone:1: does not start: .*/no/such/program.*",
        r"  localhost/interpreter:1: does not start: exec .*: No such file or directory",
        r"  localhost/user:1: does not start: .*nosuchuser.*",
    ):
        assert re.search(f"^{line}$", errors, re.M), errors
    assert machine.mounts() == before


UNITS = {
    "web.container": "Exec=sleep 600\nUser=1234\nReadOnly=true\nEnvironment=A=1 HOME\n",
    "script.container": "Exec=sh /files/start.sh $$HOME\nVolume=./files:/files:ro\n"
    "Volume=data.volume:/data\nEnvironmentFile=./files/env\n",
    "entry.container": 'Entrypoint=sh\nExec=-c "exit 5"\n',
    "user.container": "User=nosuchuser\n",
    "program.container": "Exec=/no/such/program\n",
    "device.container": "Volume=/srv/data:/data\nExec=/data/program\n",
    "template@.container": "Exec=sleep %i\n",
    "files/start.sh": "test $FROM_FILE$CI_TOKEN = yes && test $1 = '$HOME' && test -d /data && "
    "exit 7\n",
    "files/env": "FROM_FILE=yes\nCI_TOKEN\n",
    "data.volume": "[Volume]\n",
}


def with_units(machine: Machine, layout: Path, name: str, *units: str) -> Path:
    """Build a package of one image and these units, which run it."""
    home = machine.paack.home / name
    for unit in units:
        (home / unit).parent.mkdir(parents=True, exist_ok=True)
        head = "[Container]\nImage=localhost/short:1\n" if unit.endswith(".container") else ""
        (home / unit).write_text(head + UNITS[unit])
    text = definition_text(name, [f"oci:{layout}:localhost/short:1"], units=f"[{name}]")
    (rpm,) = machine.paack.build(machine.paack.define(text, f"{name}.yaml"))
    return rpm


def test_containers_of_units_are_started(machine: Machine, layout: Path) -> None:
    """As their units have it, with the files that the package brings; nothing of the device."""
    names = [each for each in UNITS if not each.startswith(("user", "program"))]
    rpm = with_units(machine, layout, "units", *names)
    before = machine.mounts()
    status, said, errors = machine.verify(rpm, "--run")
    assert status == 0, errors
    image = "(localhost/short:1)"
    assert said.splitlines()[1:] == [
        "  localhost/short:1: started",
        f"  device.container {image}: mounted, not run: Volume=/srv/data:/data is of the device",
        f"  entry.container {image}: started, ended with 5",
        f"  script.container {image}: started, ended with 7",
        f"  template@.container {image}: mounted, not run: it is a template",
        f"  web.container {image}: started",
        "  units: this machine's podman makes no services of them (4.4 and newer do)",
    ]
    assert machine.mounts() == before


def test_containers_of_units_that_do_not_start(machine: Machine, layout: Path) -> None:
    rpm = with_units(machine, layout, "bad-units", "user.container", "program.container")
    status, said, errors = machine.verify(rpm, "--run")
    assert (status, said) == (7, ""), errors
    for line in (
        r"  program.container \(localhost/short:1\): does not start: .*/no/such/program.*",
        r"  user.container \(localhost/short:1\): does not start: .*nosuchuser.*",
    ):
        assert re.search(f"^{line}$", errors, re.M), errors


def test_another_podman_says_the_same(
    machine: Machine, layout: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 13's podman 5, on the stores of the RPMs above."""
    build(machine, layout, "good", *GOOD[:2])
    build(machine, layout, "bad", "short", "gone", "interpreter", "user")
    with Podman("debian13", home, shared=[machine.paack.output]) as podman:

        def there(*words: str) -> Result:
            done = podman.podman("--events-backend=none", *words, check=False)
            return Result(words, done.returncode, done.stdout.encode(), done.stderr)

        monkeypatch.setattr(trial, "_podman", there)
        found = {}
        for store, names in (
            ("bad-x86_64", ("short", "gone", "interpreter", "user")),
            ("good-aarch64", ("server",)),
        ):
            image = machine.paack.output / "stores" / f"{store}.squashfs"
            with AdditionalStore.of(podman, image):
                for name in names:
                    why = "another arch" if store == "good-aarch64" else ""
                    outcome = trial._outcome(trial.Candidate((f"localhost/{name}:1",), why))
                    found[name] = (outcome.good, outcome.what.partition(":")[0])
                podman.podman("rm", "--all", "--force", "--time=0")
    assert found == {
        "short": (True, "started"),
        "gone": (False, "does not start"),
        "interpreter": (False, "does not start"),
        "user": (False, "does not start"),
        "server": (True, "mounted, not run"),
    }


def test_killed_in_the_middle(machine: Machine, layout: Path) -> None:
    """Nothing lives on: no mount, no loop device, no container."""
    rpms = build(machine, layout, "good", *GOOD[:2])
    before = machine.mounts()
    command, env = machine.paack.command(
        "verify", str(rpms["x86_64"]), "--run", "--output", str(machine.paack.output)
    )
    # Ends when the container of `server`, whose command no other process has, is there.
    watch = "until grep -qsz '^600$' /proc/[0-9]*/cmdline; do :; done; kill -9 $!; wait $!"
    kept = {key: env[key] for key in ("PATH", "PYTHONPATH", "XDG_CACHE_HOME")}
    program = ["sh", "-c", f'"$@" & {watch}', "sh", *command]
    done = machine.host.run(program, check=False, env=kept)
    assert done.returncode == 137
    gone = "while grep -qsz '^600$' /proc/[0-9]*/cmdline; do :; done"
    machine.host.run(["sh", "-c", gone])
    assert machine.mounts() == before
    # The kernel lets go of the device after the last process of the namespace is gone.
    while machine.loops():
        os.sched_yield()


def test_without_root(machine: Machine, layout: Path) -> None:
    rpms = build(machine, layout, "good", *GOOD[:2])
    with tempfile.TemporaryDirectory(prefix="nobody-") as name:
        home = Path(name)
        shutil.copytree(machine.paack.home / "cache", home / "cache")
        rpm = Path(shutil.copy(rpms["x86_64"], home))
        for path in (home, *home.rglob("*")):
            os.chown(path, 65534, 65534)
        output = ["--output", str(home / "out")]
        command, env = Paack(home).command("verify", str(rpm), "--run", *output)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        done = run([*nobody, *command], env={**env, "HOME": "/"}, check=False)
    assert done.returncode == 2
    assert "needs root" in done.stderr
    assert "  hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_without_what_it_takes(machine: Machine, layout: Path) -> None:
    """Root without the right to mount, as in most containers."""
    rpms = build(machine, layout, "good", *GOOD[:2])
    output = ["--output", str(machine.paack.output)]
    command, env = machine.paack.command("verify", str(rpms["x86_64"]), "--run", *output)
    weak = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    done = run([*weak, *command], env=env, check=False)
    assert done.returncode == 5, done.stderr
    assert "no image can be started here" in done.stderr
    assert "  hint: " in done.stderr
