"""Packages of Quadlet units without images: of one arch or all, and what their scriptlets do."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import run
from tests.support.product import Paack

PATH = "/usr/share/containers/systemd"
WEB = "[Container]\nImage=quay.io/me/web:1\n[Install]\nWantedBy=multi-user.target\n"
SCRIPTLETS = ("POSTIN", "PREUN", "POSTUN", "POSTTRANS")


def built(home: Path, text: str) -> list[Path]:
    (home / "units").mkdir()
    (home / "units/web.container").write_text(WEB)
    (home / "more.container").write_text(WEB)
    requires = "requires: [container-image(quay.io/me/web:1)]\n"
    paack = Paack(home)
    return list(paack.build(paack.define(f"name: app\nversion: '1'\n{requires}{text}")))


def files(rpm: Path) -> list[str]:
    return run(["rpm", "-qlp", "--nosignature", str(rpm)]).stdout.splitlines()


def scriptlet(rpm: Path, kind: str) -> str:
    return run(["rpm", "-qp", "--nosignature", "--qf", f"%{{{kind}}}", str(rpm)]).stdout


def test_one_for_all_arches(tmp_path: Path) -> None:
    (rpm,) = built(tmp_path, "arches: [x86_64, aarch64]\nunits: [units]\nstartUnits: now\n")
    assert rpm.name == "app-1-1.noarch.rpm"
    assert files(rpm) == [
        *("/usr/share/containers", PATH, f"{PATH}/web.container"),
        *("/usr/share/paack", "/usr/share/paack/app", "/usr/share/paack/app/units"),
    ]
    recommended = run(["rpm", "-qp", "--nosignature", "--recommends", str(rpm)]).stdout
    assert recommended == "podman\n"
    for kind in SCRIPTLETS:
        text = scriptlet(rpm, kind)
        run(["shellcheck", "--shell=sh", "--exclude=SC2086", "-"], stdin=text)
        # Where no systemd runs there is nothing to do.
        for shell in (["dash", "-c"], ["busybox", "sh", "-c"]):
            assert run([*shell, text, "sh", "1"], env={"SYSTEMD_OFFLINE": "1"}).stderr == ""
    assert "\nweb.service " in scriptlet(rpm, "PREUN").replace("'", "\n")


def test_instances(tmp_path: Path) -> None:
    """A link to a template is a file in the RPM, and what is stopped has each by its name."""
    (tmp_path / "units").mkdir()
    (tmp_path / "units/db@1.container").symlink_to("db@.container")
    (tmp_path / "units/db@.container").write_text(WEB.replace("web:1", "db:%i"))
    requires = "requires: [container-image(quay.io/me/db:1)]\n"
    paack = Paack(tmp_path)
    head = f"name: app\nversion: '1'\narches: [x86_64]\n{requires}"
    (rpm,) = paack.build(paack.define(f"{head}units: [units]\n"))
    names = [f"{PATH}/db@.container", f"{PATH}/db@1.container"]
    assert [path for path in files(rpm) if path.endswith(".container")] == names
    modes = run(
        ["rpm", "-qp", "--nosignature", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]", str(rpm)]
    )
    assert all(f"-rw-r--r-- {name}" in modes.stdout for name in names)
    for service in ("db@*.service", "db@1.service"):
        assert f"{service} " in scriptlet(rpm, "PREUN")


def test_each_arch_stops_its_own(tmp_path: Path) -> None:
    entries = "[{name: x86_64, units: [units]}, {name: aarch64, units: [more.container]}]"
    rpms = built(tmp_path, f"arch: {entries}\nunitPath: /usr/lib/units\n")
    found = {
        rpm.name.split(".")[-2]: [path for path in files(rpm) if path.endswith(".container")]
        for rpm in rpms
    }
    assert found == {
        "x86_64": ["/usr/lib/units/web.container"],
        "aarch64": ["/usr/lib/units/more.container"],
    }
    for rpm, service in zip(sorted(rpms), ("more", "web"), strict=True):
        listed = [each for each in ("more", "web") if f"{each}.service " in scriptlet(rpm, "PREUN")]
        assert listed == [service]
        assert "systemctl try-restart" not in scriptlet(rpm, "POSTTRANS")


def test_what_differs_and_what_is_missing(tmp_path: Path) -> None:
    requires = "requires: [container-image(quay.io/me/web:1)]\n"
    (first,) = built(tmp_path, "arches: [x86_64]\nunits: [units, more.container]\n")
    paack = Paack(tmp_path)
    (tmp_path / "units/web.container").write_text(WEB.replace("web:1", "web:2"))
    (tmp_path / "new.volume").write_text("[Volume]\n")
    head = f"name: app\nversion: '2'\narches: [x86_64]\n{requires}"
    file = paack.define(f"{head}units: [units, new.volume]\n")
    assert paack.call("build", str(file), check=False).returncode == 3
    paack.call("build", str(file), "--no-check", "--output", str(paack.output))
    second = first.with_name(first.name.replace("-1-1", "-2-1"))
    said = paack.call("diff", str(first), str(second)).stdout.splitlines()
    assert said[:-1] == ["- unit more.container", "+ unit new.volume", "~ unit web.container"]
    (report,) = json.loads(paack.call("report", str(second), "--json").stdout)
    manifests = {each["path"]: each for each in report["rpms"][0]["manifests"]}
    unit = manifests[f"{PATH}/web.container"]
    assert (unit["objects"], unit["images"]) == (["web.service"], ["quay.io/me/web:2"])
    refused = paack.call("repo", "--output", str(paack.output), check=False)
    assert refused.returncode == 20
    assert f"{second.name}: web.container needs quay.io/me/web:2, which is not packaged" in (
        refused.stderr
    )
    assert f"error: {first.name}" not in refused.stderr
