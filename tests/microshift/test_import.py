"""`paack microshift.import`: from RPMs, directories and files alike; and all that it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from paack.helpers.microshift.version import rpm_version, set_name
from tests.microshift.release_info import CORE_INFO, OLM_INFO, SHARE, info_rpm
from tests.microshift.stand_in import VERSION, fake_release, write_files
from tests.support.host import Host
from tests.support.product import REPOSITORY, Paack
from tests.support.rights import need_root

NOBODY = 65534


@dataclass(frozen=True)
class Sources:
    """The same release in each of its forms, as --from options."""

    home: Path
    forms: dict[str, list[Path]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    home = tmp_path_factory.mktemp("sources")
    home.chmod(0o755)
    release = fake_release("olm")
    files = write_files(home / "release", release)
    nested = {"core": "release", "olm": "optional/operator-lifecycle-manager"}
    for component, where in nested.items():
        write_files(home / "assets" / where, {component: release[component]})
    rpms = home / "rpms"
    rpms.mkdir()
    for name, infix in ((CORE_INFO, ""), (OLM_INFO, "-olm")):
        names = [f"release{infix}-{arch}.json" for arch in ("x86_64", "aarch64")]
        shutil.copy(info_rpm(home, files, name, *names), rpms)
    return Sources(
        home,
        {
            "RPMs": sorted(rpms.iterdir()),
            "directory of RPMs": [rpms],
            "directory": [files],
            "checkout": [home / "assets"],
            "files": [files / "release-x86_64.json", files / "release-olm-aarch64.json"],
        },
    )


def options(sources: list[Path]) -> list[str]:
    return [word for source in sources for word in ("--from", str(source))]


def contents(file: Path) -> dict[str, Any]:
    """Return a set without where it came from."""
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    document.pop("date", None)
    for each in document["components"].values():
        del each["origin"]
    return document


def test_every_form_gives_the_same(sources: Sources, tmp_path: Path) -> None:
    made = {}
    for form, given in sources.forms.items():
        paack = Paack(tmp_path)
        version = [] if "RPMs" in form else ["--version", VERSION]
        done = paack.call("microshift.import", *options(given), *version, "--sets", form)
        assert done.stdout == f"{form}/{VERSION}.yaml\n"
        assert [path.name for path in (tmp_path / form).iterdir()] == [f"{VERSION}.yaml"]
        made[form] = contents(tmp_path / form / f"{VERSION}.yaml")
    assert all(each == made["RPMs"] for each in made.values())
    components = made["RPMs"].pop("components")
    for name, infix in (("core", ""), ("olm", "-olm")):
        for arch in ("x86_64", "aarch64"):
            text = (sources.home / f"release/release{infix}-{arch}.json").read_text()
            assert components[name]["images"][arch] == json.loads(text)["images"]
            assert components[name]["base"][arch] == json.loads(text)["release"]["base"]
    assert made["RPMs"] == {
        "name": VERSION,
        "version": VERSION,
        "release": "1",
        "license": "Apache-2.0",
        "url": "https://github.com/openshift/microshift",
        "registries": ["quay.io/openshift-release-dev"],
        "pull_secret": ["quay.io/openshift-release-dev"],
    }


def test_origins(sources: Sources, tmp_path: Path) -> None:
    paack = Paack(tmp_path)
    url = "https://example.com/microshift/blob/abc/assets"
    checkout = options(sources.forms["checkout"])
    paack.call("microshift.import", *checkout, "--version", VERSION, "--origin", url, "--sets", "a")
    assert set_of(tmp_path / "a")["components"]["olm"]["origin"]["x86_64"] == (
        f"{url}/optional/operator-lifecycle-manager/release-olm-x86_64.json"
    )
    rpms = options(sources.forms["RPMs"])
    paack.call("microshift.import", *rpms, "--sets", "b")
    release = f"{VERSION}-202601010000.p0.gabcdef0.assembly.{VERSION}.el9.noarch.rpm"
    made = set_of(tmp_path / "b")
    assert made["components"]["core"]["origin"]["x86_64"] == (
        f"{CORE_INFO}-{release}!{SHARE}/release/release-x86_64.json"
    )
    assert made["date"] == "2026-01-01"  # of the RPM's release


def set_of(sets: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((sets / f"{VERSION}.yaml").read_text())
    return document


def test_rpms_are_read_by_an_ordinary_user(sources: Sources) -> None:
    need_root("another user's home is made")
    rpms = options(sources.forms["RPMs"])
    command, env = Paack(sources.home).command("microshift.import", *rpms, "--sets", "sets")
    home = sources.home / "nobody"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    kept = {key: env[key] for key in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    shared = [sources.home, REPOSITORY, Path(sys.base_prefix).resolve()]
    with Host(Path("/"), shared=shared) as host:
        above = {str(parent) for directory in shared for parent in directory.parents}
        host.run(["chmod", "a+x", *above])
        done = host.run([*drop, "env", "-C", str(home), *command], env={**kept, "HOME": str(home)})
    assert done.stdout == f"sets/{VERSION}.yaml\n"
    assert (home / "sets" / f"{VERSION}.yaml").stat().st_uid == NOBODY


def test_components_are_added_later(sources: Sources, tmp_path: Path) -> None:
    paack = Paack(tmp_path)
    olm, core = sources.forms["RPMs"]
    assert CORE_INFO in core.name
    paack.call("microshift.import", "--from", str(core), "--sets", "sets")
    set_file = tmp_path / "sets" / f"{VERSION}.yaml"
    set_file.write_text(set_file.read_text().replace("release: '1'", "release: '7'"))
    paack.call("microshift.import", "--from", str(olm), "--sets", "sets")
    document = yaml.safe_load(set_file.read_text())
    assert (document["release"], list(document["components"])) == ("7", ["core", "olm"])
    again = paack.call("microshift.import", *options([olm, core]), "--sets", "sets")
    assert (again.returncode, yaml.safe_load(set_file.read_text())) == (0, document)


def test_excluded_components_say_why(tmp_path: Path) -> None:
    paack = Paack(tmp_path)
    release = fake_release("olm", "ai-model-serving")
    loose = release["ai-model-serving"]
    del loose["aarch64"]
    loose["x86_64"]["b"] = "quay.io/opendatahub/vllm:fast"
    write_files(tmp_path / "files", release)
    call = ("microshift.import", "--from", "files", "--version", VERSION)
    refused = paack.call(*call, check=False)
    assert "--exclude ai-model-serving" in refused.stderr
    paack.call(*call, "--exclude", "ai-model-serving")
    assert "ai-model-serving" not in set_of(tmp_path / "microshift-images")["components"]
    for options_, status, said in (
        (["--components", "ai-model-serving"], 2, "1 of 2 images have no digest.*vllm:fast"),
        (["--components", "om"], 2, "did you mean 'olm'"),
        (["--arch", "arm64"], 2, "not for 'arm64'"),
        (["--release", "%(touch x)", "--print"], 2, "is no RPM release"),
        (["--components", "olm", "--frozen"], 4, "paack microshift.lock --version 4.99.1"),
        (["--version", "4.99.2"], 2, "no set for MicroShift '4.99.2'; there are: 4.99.1"),
    ):
        done = paack.call("microshift", *options_, check=False)
        assert done.returncode == status, done.stderr
        assert re.search(said, done.stderr), done.stderr


def test_mock_is_asked_for_a_target(sources: Sources, tmp_path: Path) -> None:
    paack = Paack(tmp_path)
    paack.call("microshift.import", *options(sources.forms["RPMs"]))
    paack.environment["PATH"] = str(tmp_path)
    done = paack.call("microshift", "--target", "rhel-9-x86_64", "--frozen", check=False)
    assert (done.returncode, "mock is not installed" in done.stderr) == (5, True)


@pytest.mark.parametrize(
    ("named", "version", "directory"),
    [
        ("4.20.26-202606190714.p0", "4.20.26", "4.20.26"),
        ("4.20.26", "4.20.26", "4.20.26"),
        ("5.0.0-ec.6-202608140925.p0", "5.0.0~ec.6", "5.0.0-ec.6"),
        ("4.13.0-rc.0", "4.13.0~rc.0", "4.13.0-rc.0"),
        ("5.0.0~ec.6", "5.0.0~ec.6", "5.0.0-ec.6"),
        *(
            (version, version, directory)
            for version, directory in (
                ("4.21.0_g20c1b77d4_4.21.0_okd_scos.ec.15", "4.21.0-okd-scos.ec.15"),
                ("4.20.0_202510201126.p0_g1c4675ace_4.20.0_okd_scos.6", "4.20.0-okd-scos.6"),
                ("4.20.0_0.nightly_2025_11_19_39863aadd_dirty",) * 2,
            )
        ),
        (
            "4.21.0-g29f429c21-4.21.0-okd-scos.ec.15",
            "4.21.0_g29f429c21_4.21.0_okd_scos.ec.15",
            "4.21.0-okd-scos.ec.15",
        ),
    ],
)
def test_versions(named: str, version: str, directory: str) -> None:
    assert (rpm_version(named), set_name(rpm_version(named))) == (version, directory)
