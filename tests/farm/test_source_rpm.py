"""Source RPMs rebuild anywhere: with rpmbuild alone, no network, no privilege, another rpm."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

from paack.helpers.oci.layout import ImageSpec, write_image
from tests.support import rpm_root
from tests.support.apt import SUITE
from tests.support.farm import ARCHES, USER, give_to_user, payload, query, write_app
from tests.support.host import Host
from tests.support.product import Paack, definition_text, unpack_rpm
from tests.support.thorough import only_thorough
from tests.support.workloads import MB, Layer, layer_tar

ALONE = (
    *("unshare", "--net", "--"),
    *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
    *("--inh-caps=-all", "--bounding-set=-all", "--"),
)


@dataclass
class Made:
    """The RPMs and source RPMs of one definition."""

    paack: Paack
    definition: Path

    def srpms(self, *options: str, output: Path | None = None) -> list[Path]:
        """Make source RPMs."""
        words = ["--def", str(self.definition), "--output", str(output or self.paack.output)]
        return [Path(line) for line in self.paack.call("srpm", *words, *options).stdout.split()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    home = tmp_path_factory.mktemp("srpm")
    home.chmod(0o755)
    paack = Paack(home)
    definition = write_app(home)
    paack.build(definition)
    return Made(paack, definition)


@pytest.fixture(scope="module", params=[SUITE, pytest.param(rpm_root.OLDEST, marks=only_thorough)])
def bare(made: Made, request: pytest.FixtureRequest) -> Iterator[Host]:
    """A machine with rpm's build tools only."""
    with Host(rpm_root.root(request.param), shared=[made.paack.home]) as host:
        yield host


def place(made: Made) -> Path:
    """Return a new directory that the bare machine sees."""
    path = Path(mkdtemp(dir=made.paack.home))
    path.chmod(0o755)
    return path


def rebuild(bare: Host, srpm: Path, arch: str, topdir: Path) -> Path:
    """Rebuild for ``arch`` as an ordinary user of the bare machine, and return the RPM."""
    give_to_user(topdir)
    words = ["--define", f"_topdir {topdir}", "--target", arch, "--rebuild", str(srpm)]
    bare.run([*ALONE, "rpmbuild", *words], env={"HOME": str(topdir)})
    (rpm,) = topdir.glob("RPMS/*/*.rpm")
    return rpm


def test_the_bare_machine(bare: Host) -> None:
    """No other network than a loopback that is down, no privilege, none of paack's tools."""
    said = bare.run([*ALONE, "cat", "/proc/net/dev"]).stdout
    assert [line.split(":")[0].strip() for line in said.splitlines()[2:]] == ["lo"]
    status = bare.run([*ALONE, "cat", "/proc/self/status"]).stdout
    assert f"Uid:\t{USER}" in status
    assert "CapEff:\t0000000000000000" in status
    tools = ["tar2sqfs", "mksquashfs", "mkfs.erofs", "skopeo", "podman", "python3", "git", "curl"]
    there = bare.run(["sh", "-c", f"for t in {' '.join(tools)}; do command -v $t; done; true"])
    assert there.stdout == ""


@pytest.mark.parametrize("arch", ARCHES)
@pytest.mark.parametrize("only", [False, True], ids=["all-arches", "only-one"])
def test_rebuilds(made: Made, bare: Host, arch: str, only: bool) -> None:
    """The RPM holds the same bytes as the one that paack built."""
    (srpm,) = made.srpms(*(["--arch", arch] if only else []))
    rpm = rebuild(bare, srpm, arch, place(made))
    own = made.paack.output / f"rpms/{arch}/app-1.0-1.{arch}.rpm"
    assert payload(rpm) == payload(own)
    for form in (
        "%{NEVRA}",
        "%{BUILDTIME} %{BUILDHOST} %{PAYLOADFORMAT} %{PAYLOADCOMPRESSOR}",
        "[%{FILENAMES} %{FILEMODES:octal} %{FILEUSERNAME} %{FILEMTIMES} %{FILEDIGESTS}\n]",
        "[%{PROVIDENEVRS}\n]",
        "[%{RECOMMENDNEVRS}\n]",
        "%{POSTIN}%{PREUN}%{POSTTRANS}",
    ):
        assert query(rpm, form) == query(own, form), form
    assert int(query(own, "%{BUILDTIME}")) == 1_704_067_200  # the image's, by the changelog


def test_one_arch_inside(made: Made) -> None:
    srpms = made.srpms("--arch", "aarch64", "--arch", "x86_64")
    out = made.paack.output / "srpms"
    assert sorted(srpms) == [out / arch / "app-1.0-1.src.rpm" for arch in sorted(ARCHES)]
    (whole,) = made.srpms()
    assert whole == out / "app-1.0-1.src.rpm"
    assert query(whole, "[%{EXCLUSIVEARCH} ]").split() == sorted(ARCHES)
    for arch in ARCHES:
        srpm = out / arch / "app-1.0-1.src.rpm"
        names = query(srpm, "[%{FILENAMES} ]").split()
        assert query(srpm, "[%{EXCLUSIVEARCH} ]").split() == [arch]
        assert [name for name in names if name.endswith(".squashfs")] == [f"app-{arch}.squashfs"]
        other = next(each for each in ARCHES if each != arch)
        assert not [name for name in names if other in name]
        spec = (unpack_rpm(srpm, made.paack.home / f"unpacked-{arch}") / "app.spec").read_text()
        assert other not in spec
        assert srpm.stat().st_size < whole.stat().st_size


def test_reproducible(made: Made) -> None:
    again = made.paack.home / "again"
    options = ("--arch", "x86_64", "--arch", "aarch64")
    pairs = zip(made.srpms(*options), made.srpms(*options, output=again), strict=True)
    assert all(filecmp.cmp(one, other, shallow=False) for one, other in pairs)


def test_unchanged_is_not_made_again(made: Made) -> None:
    made.srpms("--arch", "x86_64")
    words = ["--def", str(made.definition), "--output", str(made.paack.output)]
    done = made.paack.call("srpm", *words, "--arch", "x86_64")
    assert f"same    {made.paack.output}/srpms/x86_64/app-1.0-1.src.rpm" in done.stderr


def test_arch_that_is_not_there(made: Made) -> None:
    words = ["--def", str(made.definition), "--arch", "s390x"]
    done = made.paack.call("srpm", *words, check=False)
    assert (done.returncode, "one of: aarch64, x86_64" in done.stderr) == (2, True)


def test_manifests_only(made: Made, tmp_path: Path) -> None:
    """The same for all arches: one noarch source RPM. Not the same: never noarch."""
    paack = Paack(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pod.yaml").write_text(f"kind: {name}\n")
    text = definition_text("same", [], arches=ARCHES, manifests="./a").replace("  images:\n", "")
    same = Made(paack, paack.define(text))
    assert same.srpms("--arch", "x86_64") == [paack.output / "srpms/same-1.0-1.src.rpm"]
    entries = [
        f"  - {{name: {arch}, manifests: ./{each}}}"
        for arch, each in zip(ARCHES, "ab", strict=True)
    ]
    lines = ["packages:", "- name: other", "  version: '1.0'", "  arch:", *entries]
    other = Made(paack, paack.define("\n".join([*lines, ""])))
    (srpm,) = other.srpms("--arch", "x86_64")
    assert srpm == paack.output / "srpms/x86_64/other-1.0-1.src.rpm"
    assert query(srpm, "[%{EXCLUSIVEARCH} ]").split() == ["x86_64"]
    assert query(srpm, "[%{BUILDARCHS}]") == ""


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (1_767_355_200, 1_767_355_199),  # noon, which a changelog entry without a time has, too
        (0, 631_152_000),  # rpm knows no changelog entry before 1990
        (315_532_800, 631_152_000),
        (1 << 40, (1 << 32) - 1),
    ],
)
def test_whatever_time_it_is_of(bare: Host, made: Made, given: int, taken: int) -> None:
    """The changelog tells a farm the time: the packages are those that paack builds."""
    paack = Paack(place(made), environment={"SOURCE_DATE_EPOCH": str(given)})
    definition = write_app(paack.home)
    (rpm, _) = paack.build(definition)
    (srpm,) = Made(paack, definition).srpms()
    assert int(query(rpm, "%{BUILDTIME}")) == taken
    arch = query(rpm, "%{ARCH}")
    rebuilt = rebuild(bare, srpm, arch, place(made))
    assert payload(rebuilt) == payload(rpm)
    assert query(rebuilt, "%{BUILDTIME}") == query(rpm, "%{BUILDTIME}")


def test_packages_of_layers(bare: Host, made: Made) -> None:
    """Whoever builds them, they are the same; no image gives them a time."""
    paack = Paack(place(made))
    layer = layer_tar(paack.home, Layer("base", MB)).read_bytes()
    write_image(paack.home / "layout", "localhost/app:1", [ImageSpec("x86_64", [layer])])
    source = "oci:layout:localhost/app:1"
    definition = paack.define(definition_text("app", [source], arches=["x86_64"], layers="shared"))
    rpms = paack.build(definition)
    srpms = Made(paack, definition).srpms()
    assert [rpm.name.rsplit(".", 2)[0] for rpm in rpms] == [
        srpm.name.removesuffix(".src.rpm") for srpm in srpms
    ]
    assert rpms[0].name.startswith("container-layers-")
    for rpm, srpm in zip(rpms, srpms, strict=True):
        rebuilt = rebuild(bare, srpm, "x86_64", place(made))
        # What the payload is once it is unpacked: the library that packs it is the farm's.
        for form in ("%{PAYLOADDIGESTALT}", "%{BUILDTIME}"):
            assert query(rebuilt, form) == query(rpm, form)
