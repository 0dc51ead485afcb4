"""Helm charts are rendered when a definition is locked, and then are manifests like others.

By the helm that PAACK_TEST_HELM names, else by a stand-in that takes the same command line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.support.product import Paack

#: Understands what the templates here have, and refuses an option that helm does not know.
STAND_IN = """\
import argparse, pathlib, random, sys
parser = argparse.ArgumentParser()
parser.add_argument("template", choices=["template"])
parser.add_argument("release")
parser.add_argument("chart", type=pathlib.Path)
parser.add_argument("--namespace")
parser.add_argument("--values", action="append", type=pathlib.Path, default=[])
parser.add_argument("--kube-version")
parser.add_argument("--include-crds", action="store_true")
parser.add_argument("--skip-tests", action="store_true")
o = parser.parse_args()
values = {"tag": "1"}
for file in o.values:
    values.update(line.split(": ") for line in file.read_text().splitlines())
if values["tag"] == "none":
    sys.exit("Error: execution error at (app/templates/pod.yaml): no tag")
for file in sorted((o.chart / "templates").iterdir()):
    text = file.read_text()
    for old, new in (
        (".Release.Name", o.release), (".Release.Namespace", o.namespace),
        (".Values.tag", values["tag"]), ("randNumeric 9", str(random.random())),
        ('required "no tag" .Values.tag', values["tag"]),
    ):
        text = text.replace("{{ %s }}" % old, new)
    print(f"---\\n# Source: app/templates/{file.name}\\n{text}", end="")
"""
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}
spec:
  containers:
  - name: app
    image: "quay.io/acme/app:{{ .Values.tag }}"
"""
HOOK = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: hook
  annotations:
    helm.sh/hook: WHEN
data: {a: b}
"""
CHARTS = "charts: [{chart: app, release: web, namespace: acme, values: [values.yaml]}]\n"


@pytest.fixture
def paack(tmp_path: Path) -> Paack:
    paack = Paack(tmp_path)
    (tmp_path / "bin").mkdir()
    helm = tmp_path / "bin" / "helm"
    if real := os.environ.get("PAACK_TEST_HELM"):
        helm.symlink_to(real)
    else:
        helm.write_text(f"#!{sys.executable}\n{STAND_IN}")
        helm.chmod(0o755)
    paack.environment["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    template(paack, "pod.yaml", POD)
    (tmp_path / "app" / "Chart.yaml").write_text("apiVersion: v2\nname: app\nversion: 0.1.0\n")
    (tmp_path / "app" / "values.yaml").write_text('tag: "1"\n')
    (tmp_path / "values.yaml").write_text("tag: v2\n")
    define(paack)
    return paack


def define(paack: Paack, charts: str = CHARTS) -> None:
    paack.define(
        "name: app\nversion: '1'\narches: [x86_64, aarch64]\n"
        f"manifestPath: /usr/lib/microshift/manifests.d/app\n{charts}"
    )


def template(paack: Paack, name: str, text: str) -> None:
    file = paack.home / "app" / "templates" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def lock(paack: Paack, *options: str) -> str:
    return paack.call("lock", "app.yaml", *options).stderr


def problems(paack: Paack) -> list[tuple[str, str, str]]:
    done = paack.call("check", "app.yaml", "--json", check=False)
    found = json.loads(done.stdout)["problems"]
    return [(each["kind"], each["file"], each["message"].partition(" (")[0]) for each in found]


HOME = "app.lock.charts/app"
MISSING = "quay.io/acme/app:v2 is not packaged for x86_64, aarch64"


def test_a_chart_becomes_manifests(paack: Paack) -> None:
    assert problems(paack) == [("lock", "app.yaml", "the charts of app are not rendered")]
    assert f"rendered the charts of app into {HOME}" in lock(paack)
    files = sorted(path for path in (paack.home / HOME).rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in files}
    assert [path.relative_to(paack.home / HOME).as_posix() for path in files] == [
        "kustomization.yaml",
        "namespace-acme.yaml",
        *(f"web/{name}.yaml" for name in ("kustomization", "namespace-of-release", "release")),
    ]
    assert problems(paack) == [("missing", f"{HOME}/web/release.yaml", MISSING)]
    # As it is applied: in the namespace of the release.
    done = paack.call("check", "app.yaml", "--why", "acme/app")
    assert "Pod/web spec.containers[0].image" in done.stdout
    lock(paack, "--update")
    assert {path: path.read_bytes() for path in files} == before
    assert not list(paack.home.glob(".*.work"))


def test_what_changes_is_told_and_rendered_again(paack: Paack) -> None:
    lock(paack)
    changed = [("lock", "app.yaml", "the charts of app changed since they were rendered")]
    for change in (
        lambda: template(paack, "pod.yaml", f"# more\n{POD}"),
        lambda: (paack.home / "values.yaml").write_text("tag: v3\n"),
        lambda: define(paack, CHARTS.replace("acme", "other")),
    ):
        change()
        assert [each for each in problems(paack) if each[0] == "lock"] == changed
        assert "rendered" in lock(paack)
    assert [each[0] for each in problems(paack)] == ["missing"]
    assert "no change" in lock(paack)
    (paack.home / "values.yaml").write_text("tag: v4\n")
    done = paack.call("srpm", "app.yaml", "--no-check", check=False)
    assert done.returncode == 4
    assert "charts of app changed" in done.stderr


def test_random_values_are_told_and_kept(paack: Paack) -> None:
    template(paack, "secret.yaml", HOOK.replace("helm.sh/hook: WHEN", "a: 'n{{ randNumeric 9 }}'"))
    said = lock(paack)
    assert "renders otherwise each time" in said
    assert "  | a: 'n" in said
    release = paack.home / HOME / "web" / "release.yaml"
    before = release.read_text()
    assert "no change" in lock(paack)
    assert release.read_text() == before
    lock(paack, "--update")
    assert release.read_text() != before


def test_hooks(paack: Paack) -> None:
    for when in ("pre-install,pre-upgrade", "pre-delete", "post-upgrade"):
        text = HOOK.replace("WHEN", when).replace("hook\n", f"{when[:8]}\n")
        template(paack, f"{when.partition(',')[0]}.yaml", text)
    said = lock(paack)
    assert "left out app/templates/pre-delete.yaml: a hook for pre-delete" in said
    assert "left out app/templates/post-upgrade.yaml" in said
    assert "warning app/templates/pre-install.yaml is a hook (pre-install, pre-upgrade)" in said
    release = (paack.home / HOME / "web" / "release.yaml").read_text()
    assert release.count("helm.sh/hook") == 1


def test_no_helm(paack: Paack) -> None:
    path = paack.environment["PATH"]
    paack.environment["PATH"] = os.environ["PATH"]
    done = paack.call("lock", "app.yaml", check=False)
    assert done.returncode == 5
    assert "helm is not installed" in done.stderr
    paack.environment["PATH"] = path
    lock(paack)
    paack.environment["PATH"] = os.environ["PATH"]
    assert "no change" in lock(paack)
    assert [each[0] for each in problems(paack)] == ["missing"]


def test_a_chart_that_fails(paack: Paack) -> None:
    template(paack, "pod.yaml", POD.replace(".Values.tag", 'required "no tag" .Values.tag'))
    (paack.home / "values.yaml").write_text(
        'tag: ""\n' if "PAACK_TEST_HELM" in os.environ else "tag: none\n"
    )
    done = paack.call("lock", "app.yaml", check=False)
    assert done.returncode == 3
    assert "app.yaml:5: helm cannot render app: " in done.stderr
    assert "execution error at (app/templates/pod.yaml" in done.stderr
    assert not (paack.home / HOME).exists()


BAD = {
    "no chart": ("charts: [{chart: nothing, release: a}]", "'nothing' is no chart"),
    "a URL": ("charts: [{chart: 'oci://a/b', release: a}]", "'oci://a/b' is not valid"),
    "no such archive": ("charts: [{chart: a.tgz, release: a}]", "'a.tgz' is no file"),
    "no such values": (CHARTS.replace("values.yaml", "x.yaml"), "'x.yaml' is no file"),
    "a release twice": (
        "charts: [{chart: app, release: a}, {chart: app, release: a}]",
        "a comes twice",
    ),
    "an option": ("charts: [{chart: app, release: --debug}]", "'--debug' is not valid"),
    "manifests, too": (f"{CHARTS}manifests: app\n", "both 'charts' and 'manifests'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_chart(paack: Paack, case: str) -> None:
    text, message = BAD[case]
    define(paack, f"{text}\n")
    done = paack.call("check", "app.yaml", check=False)
    assert done.returncode == 3
    assert message in done.stdout
