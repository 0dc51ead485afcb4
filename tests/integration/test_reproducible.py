"""The same lock gives the same bytes, whoever builds, where and when; and nobody needs root."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard

from tests.support import oddities
from tests.support.cache import cache_dir
from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.debian import ARCHES, busybox_rootfs, push_multiarch
from tests.support.host import Host
from tests.support.product import REPOSITORY, Paack, definition_text, newer_erofs_utils
from tests.support.registry import Registry

FILESYSTEMS = ("squashfs", "erofs")
RPM_ARCHES = ("x86_64", "aarch64")
CREATED = 1_767_323_045  # of the newest image: 2026-01-02T03:04:05Z
USER = 4242
NAME = "evelyn-builder"
HOSTNAME = "elsewhere-4242"
#: Each would break a build, or show in its bytes.
RPMMACROS = f"""\
%_topdir /nonexistent
%_builddir /nonexistent
%_sourcedir /nonexistent
%buildroot /nonexistent
%_buildhost {HOSTNAME}
%packager {NAME}
%vendor {NAME}
%distribution {NAME}
%optflags -O{NAME}
%_binary_payload w1.gzdio
%_source_payload w1.gzdio
%_build_name_fmt %%{{NAME}}.rpm
%__spec_install_pre exit 1
"""
#: Another locale, time zone and clock than any machine's.
ENVIRONMENT = {
    "USER": NAME,
    "LOGNAME": NAME,
    "TZ": "Pacific/Kiritimati",
    "LANG": "tr_TR.UTF-8",
    "LANGUAGE": "tr",
    "LC_ALL": "C",
    "COLUMNS": "40",
    # A file's time is the kernel's, and no other clock changes it.
    "NO_FAKE_STAT": "1",
    "FAKE_UTIME": "0",
}
CLOCK = "2031-05-06 07:08:09"


@dataclass(frozen=True)
class Built:
    """Everything that was made of one definition, by name below the output directory."""

    paack: Paack
    definition: Path

    def make(self, *names: str, output: Path | None = None) -> None:
        """Call tasks of paack on the definition."""
        for name in names:
            target = str(output or self.paack.output)
            self.paack.call(name, "--def", str(self.definition), "--output", target)

    def file(self, name: str) -> Path:
        """Return one of the products."""
        return self.paack.output / name


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("reproducible")
    directory.chmod(0o755)
    return directory


@pytest.fixture(scope="module")
def registry(base: Path) -> Iterator[Registry]:
    with Registry(base) as running:
        running.home.chmod(0o755)
        layers = [base / f"{name}.tar" for name in ("files", "lower", "upper")]
        for layer in layers:
            layer.write_bytes(oddities.ALL[layer.stem]())
        push_multiarch(running, "app", "1", {arch: [busybox_rootfs(arch)] for arch in ARCHES})
        push_multiarch(running, "odd", "1", dict.fromkeys(ARCHES, layers))
        yield running


@pytest.fixture(scope="module")
def host(base: Path) -> Iterator[Host]:
    """The machine again, where another user may read this program's files."""
    shared = [base, REPOSITORY, Path(sys.base_prefix).resolve(), cache_dir()]
    with Host(Path("/"), shared=shared) as running:
        above = {str(parent) for directory in shared for parent in directory.parents}
        running.run(["chmod", "a+x", *above])
        yield running


@pytest.fixture(scope="module", params=FILESYSTEMS)
def filesystem(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def tools(base: Path, filesystem: str) -> dict[str, str]:
    """Environment in which the image maker is new enough."""
    return dict(newer_erofs_utils(base / "bin")) if filesystem == "erofs" else {}


@pytest.fixture(scope="module")
def reference(base: Path, registry: Registry, filesystem: str, tools: Mapping[str, str]) -> Built:
    """As root, the plain way."""
    built = prepare(base / filesystem, registry, filesystem, tools)
    built.make("build", "srpm")
    return built


@pytest.fixture(scope="module")
def ordinary(
    base: Path, registry: Registry, filesystem: str, tools: Mapping[str, str], host: Host
) -> Built:
    """By a user without any privilege, in a directory whose name is a challenge."""
    place = base / "other %{name} place"
    built = prepare(place / f"{filesystem} $HOME's", registry, filesystem, tools)
    home = built.paack.home
    (home / ".rpmmacros").write_text(RPMMACROS)
    (home / ".rpmrc").write_text(f"optflags: x86_64 -O{NAME}\n")
    (home / "tmp").mkdir()
    run(["chown", "--recursive", f"{USER}:{USER}", str(home)])
    for name in ("build", "srpm"):
        command, env = built.paack.command(
            name, "--def", str(built.definition), "--output", str(built.paack.output)
        )
        host.run([*unprivileged(), *command], env={**only_needed(env), **ENVIRONMENT, **at(home)})
    return built


def prepare(home: Path, registry: Registry, filesystem: str, tools: Mapping[str, str]) -> Built:
    """Write a definition with images and manifests below ``home``, which is made."""
    home.mkdir(parents=True)
    paack = Paack(home, registry.registries_conf, dict(tools))
    (home / "manifests").mkdir()
    (home / "manifests" / "pod.yaml").write_text("kind: Pod\n")
    text = definition_text(
        "app",
        [f"{registry.host}/app:1", f"{registry.host}/odd:1"],
        arches=RPM_ARCHES,
        filesystem=filesystem,
        manifests="./manifests",
        manifestPath="/usr/lib/microshift/manifests.d/app",
    )
    return Built(paack, paack.define(text))


def unprivileged() -> list[str]:
    """Return the prefix of a command: another user, host, kernel name, clock, umask, one CPU."""
    identity = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    privileges = ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    script = f'hostname {HOSTNAME}; umask 077; exec "$@"'
    cpu = str(min(os.sched_getaffinity(0)))
    return [
        *("unshare", "--uts", "--", "sh", "-c", script, "sh"),
        *("setpriv", *identity, *privileges, "--"),
        *("taskset", "--cpu-list", cpu, "setarch", "linux32", "--", "faketime", CLOCK),
    ]


def only_needed(env: Mapping[str, str]) -> dict[str, str]:
    """Return what points to the program and its files; nothing else of this environment."""
    names = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME")
    found = {name: env[name] for name in (*names, "CONTAINERS_REGISTRIES_CONF")}
    if env["PATH"] != os.environ["PATH"]:
        found["PATH"] = f"{env['PATH'].partition(':')[0]}:{MINIMAL_ENVIRONMENT['PATH']}"
    return found


def at(home: Path) -> dict[str, str]:
    """Return the environment of who lives at ``home``."""
    return {"HOME": str(home), "TMPDIR": str(home / "tmp"), "PWD": str(home)}


def products(filesystem: str) -> list[str]:
    """Return the names of all that a build makes."""
    rpms = [f"rpms/{arch}/app-1.0-1.{arch}.rpm" for arch in RPM_ARCHES]
    stores = [f"stores/app-{arch}.{filesystem}" for arch in RPM_ARCHES]
    return ["srpms/app-1.0-1.src.rpm", *rpms, *stores]


def equal(one: Path, other: Path) -> bool:
    """Compare two files byte for byte."""
    return filecmp.cmp(one, other, shallow=False)


def test_the_ordinary_user_is_elsewhere(host: Host) -> None:
    script = "id -u; id -G; hostname; uname -m; umask; date +%Y; nproc; cat /proc/self/status"
    said = host.run([*unprivileged(), "sh", "-c", script]).stdout.splitlines()
    assert said[:4] == [str(USER), str(USER), HOSTNAME, "i686"]
    assert said[4:7] == ["0077", CLOCK[:4], "1"]
    status = dict(line.split(":\t", 1) for line in said[7:] if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}


def test_same_bytes(reference: Built, ordinary: Built, filesystem: str) -> None:
    names = products(filesystem)
    assert [name for name in names if not equal(reference.file(name), ordinary.file(name))] == []
    lock = "app.lock.yaml"
    assert (reference.paack.home / lock).read_text() == (ordinary.paack.home / lock).read_text()


def test_same_bytes_at_the_second_time(reference: Built, filesystem: str) -> None:
    again = reference.paack.home / "again"
    reference.make("build", "srpm", output=again)
    for name in products(filesystem):
        assert equal(reference.file(name), again / name), name


def test_nothing_left_by_the_ordinary_user(ordinary: Built) -> None:
    assert list((ordinary.paack.home / "tmp").iterdir()) == []
    assert not list(ordinary.paack.output.glob("work/*"))
    assert not list(ordinary.paack.cache.glob("scratch/*"))


def test_nothing_of_the_builder_inside(reference: Built, base: Path, filesystem: str) -> None:
    """The store's own bytes are looked at uncompressed, in EROFS."""
    builders = (NAME, HOSTNAME, str(base), str(REPOSITORY), str(Path.home()) + "/", "/work-")
    for name in products(filesystem):
        content = reference.file(name).read_bytes()
        if name.endswith(".rpm"):
            content += run(["rpm", "-qp", "--xml", str(reference.file(name))]).stdout.encode()
        assert [word for word in builders if word.encode() in content] == [], name


def test_header_of_the_rpms(reference: Built, filesystem: str) -> None:
    form = "%{BUILDHOST} %{BUILDTIME} %{VENDOR} %{PACKAGER} [%{FILEMTIMES} ][%{FILEUSERNAME} ]"
    for name in products(filesystem)[:3]:
        file = str(reference.file(name))
        words = run(["rpm", "-qp", "--qf", form, file]).stdout.split()
        assert words[:4] == ["reproducible", str(CREATED), "(none)", "(none)"]
        assert set(words[4:]) - {"0"} == {str(CREATED), "root"}
    signature = run(["rpm", "-K", "--nosignature", str(reference.file(products(filesystem)[0]))])
    assert "digests OK" in signature.stdout


def test_source_date_epoch(reference: Built, filesystem: str) -> None:
    """It dates the packages, and never the store; the lock's own time is its default."""
    names = products(filesystem)
    for given in (CREATED, CREATED + 1000):
        output = reference.paack.home / f"at-{given}"
        reference.paack.environment["SOURCE_DATE_EPOCH"] = str(given)
        try:
            reference.make("build", "srpm", output=output)
        finally:
            del reference.paack.environment["SOURCE_DATE_EPOCH"]
        times = {
            run(["rpm", "-qp", "--qf", "%{BUILDTIME}", str(output / name)]).stdout
            for name in names[:3]
        }
        assert times == {str(given)}
        same = [name for name in names if equal(reference.file(name), output / name)]
        assert same == (names if given == CREATED else names[3:])


def test_versions_are_recorded(reference: Built, filesystem: str, tools: Mapping[str, str]) -> None:
    """As the tools and Debian's package manager tell them."""
    rpm = run(["rpm", "--version"]).stdout.split()[-1]
    libzstd = run(["dpkg-query", "--show", "--showformat=${Version}", "libzstd1"]).stdout
    libzstd = libzstd.partition("+")[0].partition("-")[0]
    maker = f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}"
    if filesystem == "erofs":
        said = run(["mkfs.erofs", "-V"], env={**os.environ, **tools})
        maker = "mkfs.erofs " + said.stdout.splitlines()[0].split()[-1]
    for name in products(filesystem):
        info = json.loads(reference.file(f"{name}.buildinfo.json").read_text())
        assert info["sha256"] == run(["sha256sum", str(reference.file(name))]).stdout.split()[0]
        inputs = info["inputs"]
        recipes = inputs.get("recipes") or [inputs["recipe"]]
        assert all(maker in recipe for recipe in recipes), name
        if name.endswith(".rpm"):
            assert (inputs["rpm"], inputs["libzstd"]) == (rpm, libzstd)


def test_no_emulator(reference: Built, ordinary: Built, host: Host, base: Path) -> None:
    """The aarch64 RPM was made where no aarch64 program can start."""
    program = base / "busybox-arm64"
    with tarfile.open(busybox_rootfs("arm64")) as tar:
        content = tar.extractfile("bin/busybox")
        assert content is not None
        with program.open("wb") as file:
            shutil.copyfileobj(content, file)
    program.chmod(0o755)
    start = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    command = [*unprivileged(), sys.executable, "-c", start, str(program), "true"]
    started = host.run(command, check=False)
    if started.returncode == 0:
        pytest.skip("this machine starts aarch64 programs (natively or with binfmt_misc)")
    assert "Exec format error" in started.stderr
    name = "rpms/aarch64/app-1.0-1.aarch64.rpm"
    assert run(["rpm", "-qp", "--qf", "%{ARCH}", str(reference.file(name))]).stdout == "aarch64"
    assert equal(reference.file(name), ordinary.file(name))
