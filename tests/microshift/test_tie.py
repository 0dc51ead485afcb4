"""Images and MicroShift stay of one version, whatever dnf is asked for: real transactions."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.microshift.stand_in import OCP, QUAY, Registries, Release, layers_of, turned, write_files
from tests.support.commands import MINIMAL_ENVIRONMENT, run
from tests.support.product import Paack

V1, V2 = "4.20.26", "4.21.29"
EC = "5.0.0~ec.6"
OKD = "4.21.0_g20c1b77d4_4.21.0_okd_scos.ec.15"
NAME = "microshift-containers"
#: As Red Hat's builds have it, and as OKD's.
RELEASE = "202606190714.p0.gb79e4b0.assembly.{}.el9"
ROOT = "root"


@dataclass(frozen=True)
class Packages:
    """RPMs by short name: m1, m2 (MicroShift), c1, c2 (core), o1, o2 (olm), c1b (c1 rebuilt)."""

    home: Path
    files: dict[str, Path]

    def repository(self, names: Collection[str]) -> Path:
        """Return a repository of these packages, and of what a scriptlet needs."""
        directory = self.home / "repositories" / "-".join(sorted((*names, "sh")))
        if not directory.exists():
            directory.mkdir(parents=True)
            for name in (*names, "sh"):
                (directory / self.files[name].name).hardlink_to(self.files[name])
            run(["createrepo_c", "--quiet", str(directory)])
        return directory

    def short(self, nevra: str) -> str:
        """Return the short name of a package."""
        (name,) = (name for name, file in self.files.items() if file.name == f"{nevra}.rpm")
        return name


@dataclass(frozen=True)
class Device:
    """A root that dnf installs into."""

    packages: Packages
    home: Path

    def dnf(
        self, repository: Collection[str], *arguments: str, best: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run dnf as configured on RHEL (``best``) or not; only ``repository`` is there."""
        options = {
            "cachedir": self.home / "cache",
            "best": int(best),
            "install_weak_deps": 0,
            # There is no shell in this root, and no host whose services could be told.
            "tsflags": "noscripts",
        }
        return run(
            [
                *("dnf", "--assumeyes", "--releasever=1", f"--installroot={self.home / ROOT}"),
                *("--disablerepo=*", "--nogpgcheck"),
                f"--repofrompath=all,{self.packages.repository(repository).as_uri()}",
                *(f"--setopt={name}={value}" for name, value in options.items()),
                *arguments,
            ],
            check=False,
            env=MINIMAL_ENVIRONMENT,
        )

    def start_with(self, names: Collection[str]) -> None:
        """Install packages, or take a copy of a root that has them."""
        if not names:
            return
        root = self.packages.home / "roots" / "-".join(names)
        if not root.exists():
            done = self.dnf([], "install", *(str(self.packages.files[name]) for name in names))
            assert self.state() == set(names), done.stderr
            shutil.copytree(self.home / ROOT, root, symlinks=True)
            return
        shutil.copytree(root, self.home / ROOT, symlinks=True)

    def installed(self) -> list[str]:
        """Return the packages of MicroShift and its images, as NEVRAs."""
        query = [
            "rpm",
            f"--root={self.home / ROOT}",
            "--query",
            "--all",
            "--queryformat=%{NEVRA}\n",
        ]
        # Debian's rpm has its database where HOME says.
        return run([*query, "microshift*"], env=MINIMAL_ENVIRONMENT).stdout.splitlines()

    def state(self) -> set[str]:
        """Return the short names of what is installed."""
        return {self.packages.short(nevra) for nevra in self.installed()}


def rpm(directory: Path, name: str, version: str, release: str, *more: str) -> Path:
    """Build an empty RPM."""
    topdir = directory / f"{name}-{version}-{release}"
    topdir.mkdir(parents=True)
    spec = topdir / "it.spec"
    tags = {"Name": name, "Version": version, "Release": release, "Summary": "x", "License": "x"}
    lines = [f"{tag}: {value}" for tag, value in tags.items()]
    spec.write_text("\n".join([*lines, *more, "%description", "%files", ""]))
    run(["rpmbuild", "-bb", "--define", f"_topdir {topdir}", str(spec)])
    (made,) = (topdir / "RPMS").rglob("*.rpm")
    return made


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Image packages made by the product, with one small image each; the rest are empty."""
    home = tmp_path_factory.mktemp("tie")
    files = {
        "m1": rpm(home, "microshift", V1, RELEASE.format(V1)),
        "m2": rpm(home, "microshift", V2, RELEASE.format(V2)),
        "sh": rpm(home, "sh", "1", "1", "Provides: /bin/sh"),
    }
    with Registries(home) as registries:
        release = small_release(registries, home)
        paack = Paack(home, registries.registries_conf(home))
        for version, short in ((V1, "1"), (V2, "2"), (EC, "ec"), (OKD, "okd")):
            given = write_files(home / f"files-{short}", release, version)
            call = ("--from", str(given), "--version", version, "--sets", "sets")
            paack.call("microshift.import", *call)
            files[f"c{short}"], files[f"o{short}"] = build(paack, version)
        files["c1b"], files["o1b"] = build(paack, V1, "--release", "2")
    return Packages(home, files)


def build(paack: Paack, version: str, *options: str) -> list[Path]:
    where = ["--sets", "sets", "--arch", "x86_64", "--output", "out"]
    done = paack.call("microshift", "--version", version, *where, *options)
    return [paack.home / line for line in done.stdout.splitlines()]


def small_release(registries: Registries, base: Path) -> Release:
    digests = registries.push(QUAY, OCP, "1", layers_of(base, "pod")).per_arch
    image = {
        "x86_64": f"{QUAY}/{OCP}@{digests['amd64']}",
        "aarch64": f"{QUAY}/{OCP}@{digests['arm64']}",
    }
    return {"core": turned({"pod": image}), "olm": turned({"olm": image})}


@dataclass(frozen=True)
class Case:
    """dnf is asked for ``command`` where ``before`` is installed and ``offered`` to be had.

    ``after`` is there in the end; ``relaxed`` instead when dnf need not take the best.
    """

    before: str
    offered: str
    command: tuple[str, ...]
    after: str
    relaxed: str | None = None


ALL = "m1 m2 c1 c2 o1 o2"
CASES = {
    "images first": Case("", ALL, ("install", f"{NAME}-{V1}"), "c1"),
    "newest images": Case("", ALL, ("install", f"{NAME}-olm"), "c2 o2"),
    "all at once": Case("", ALL, ("install", "microshift", f"{NAME}-olm"), "m2 c2 o2"),
    "old MicroShift at once": Case("", ALL, ("install", f"microshift-{V1}", NAME), "", "m1 c1"),
    "MicroShift after its images": Case("c1", "m1", ("install", "microshift"), "c1 m1"),
    "MicroShift after images": Case("c1 o1", ALL, ("install", "microshift"), "m2 c2 o2"),
    "another MicroShift": Case("c1", "m2", ("install", "microshift"), "c1"),
    "images after MicroShift": Case("m1", ALL, ("install", NAME), "m2 c2"),
    "other images": Case("m1", "c2", ("install", NAME), "m1"),
    "update": Case("m1 c1 o1", ALL, ("update",), "m2 c2 o2"),
    "update of MicroShift": Case("m1 c1 o1", ALL, ("update", "microshift"), "m2 c2 o2"),
    "update of images": Case("m1 c1 o1", ALL, ("update", NAME), "m2 c2 o2"),
    "update without images": Case("m1 c1 o1", "m1 m2 c1 o1", ("update",), "m1 c1 o1"),
    "update without MicroShift": Case("m1 c1 o1", "m1 c1 c2 o1 o2", ("update",), "m1 c1 o1"),
    "update without a component": Case("m1 c1 o1", "m1 m2 c1 c2 o1", ("update",), "m1 c1 o1"),
    "update without the core": Case("m1 c1 o1", "m1 m2 c1 o1 o2", ("update",), "m1 c1 o1"),
    "update of images alone": Case("c1 o1", "c2 o2", ("update",), "c2 o2"),
    "rebuilt images": Case("m1 c1 o1", "m1 c1b o1b", ("update",), "m1 c1b o1b"),
    "rebuilt core": Case("m1 c1 o1", "m1 c1b o1", ("update",), "m1 c1b o1"),
    "downgrade": Case("m2 c2 o2", ALL, ("downgrade", "microshift", f"{NAME}*"), "m1 c1 o1"),
    "downgrade of MicroShift": Case("m2 c2", ALL, ("downgrade", "microshift"), "m1 c1"),
    "downgrade without images": Case("m2 c2", "m1 m2 c2", ("downgrade", "microshift"), "m2 c2"),
    "downgrade of images": Case("m2 c2", ALL, ("downgrade", NAME), "m1 c1"),
    "erase MicroShift": Case("m1 c1 o1", ALL, ("remove", "microshift"), "c1 o1"),
    "erase images": Case("m1 c1 o1", ALL, ("remove", NAME), "m1"),
    "erase a component": Case("m1 c1 o1", ALL, ("remove", f"{NAME}-olm"), "m1 c1"),
    "swap by hand": Case("m1 c1", ALL, ("install", f"microshift-{V2}", f"{NAME}-{V2}"), "m2 c2"),
    "one by hand": Case("m1 c1", "m2", ("install", f"microshift-{V2}"), "m1 c1"),
}


#: dnf weighs what is best only where it may choose.
CALLS = {
    f"{name}, {'best' if best else 'nobest'}": (case, best)
    for name, case in CASES.items()
    for best in (True, False)
    if best or case.command[0] in ("install", "update")
}


def matching(installed: Collection[str]) -> bool:
    """Tell whether all that is installed is of one version."""
    return len({name[1] for name in installed}) <= 1


@pytest.fixture
def device(packages: Packages, tmp_path: Path) -> Device:
    return Device(packages, tmp_path)


@pytest.mark.parametrize(("case", "best"), CALLS.values(), ids=CALLS)
def test_versions_match(case: Case, best: bool, device: Device) -> None:
    device.start_with(case.before.split())
    done = device.dnf(case.offered.split(), *case.command, best=best)
    after = device.state()
    assert matching(after), done.stdout
    expected = case.after if best or case.relaxed is None else case.relaxed
    assert after == set(expected.split()), done.stderr


@pytest.mark.parametrize(
    ("images", "version", "release", "fits"),
    [
        ("ec", EC, RELEASE.format("ec.6"), True),
        ("ec", EC, "1", True),
        ("ec", "5.0.0~ec.5", "1", False),
        ("ec", "5.0.0~rc.1", "1", False),
        ("ec", "5.0.0", "1", False),
        ("okd", OKD, "1.el9", True),
        ("okd", OKD.replace("ec.15", "ec.14"), "1", False),
        ("okd", OKD.replace("g20c1b77d4", "g20c1b77d5"), "1", False),
        ("okd", "4.21.0", "1", False),
        ("okd", V2, "1", False),
        ("1", V1, "9999.el10", True),
        ("1", f"{V1}.1", "1", False),
        ("1", "4.20.9", "1", False),
    ],
)
def test_which_microshift_fits(
    images: str, version: str, release: str, fits: bool, device: Device
) -> None:
    """The release never matters, every other difference of the version does."""
    other = rpm(device.home, "microshift", version, release)
    core = device.packages.files[f"c{images}"]
    done = device.dnf([], "install", str(core), str(other))
    assert (done.returncode == 0) == fits, done.stderr
    assert ("conflicts with microshift" in done.stderr) != fits
    installed = f"microshift-{version}-{release}.x86_64" in device.installed()
    assert installed == fits
