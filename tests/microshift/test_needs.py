"""Images that a component's pods need and its release does not name: found, added, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from paack.helpers.definition.dump import dump_definitions
from paack.helpers.microshift.check import check_set
from paack.helpers.microshift.image_set import load_set
from paack.helpers.microshift.microshift import definitions
from tests.microshift.stand_in import OCP, QUAY, VERSION, fake_release, write_files
from tests.support.commands import run
from tests.support.product import Paack

COMPONENT = "kube-state-metrics"
HOME = f"/usr/lib/microshift/manifests.d/081-microshift-{COMPONENT}"
PROXIES = {arch: f"{QUAY}/{OCP}@sha256:{mark * 64}" for arch, mark in
           (("x86_64", "c"), ("aarch64", "d"))}  # fmt: skip
KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [deployment.yaml, crd.yaml]
"""
#: As there: short names that each arch's kustomization makes whole.
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: kube-state-metrics, namespace: openshift-monitoring}
spec:
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      containers:
      - {name: kube-state-metrics, image: quay.io/openshift/kube-state-metrics}
      - {name: kube-rbac-proxy-main, image: quay.io/openshift/kube-rbac-proxy}
      - {name: not-an-image, image: '{{ .ReleaseImage.cli }}'}
"""
CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec: {containers: [{image: quay.io/none/none:1}]}
"""
SPEC = """
Name: microshift-{component}
Version: {version}
Release: 1
Summary: Manifests
License: ASL 2.0
%description
Manifests.
%install
install -d %{{buildroot}}{home}
cp {source}/deployment.yaml {source}/crd.yaml %{{buildroot}}{home}
cd {source}
cat kustomization.yaml kustomization.{arch}.yaml >%{{buildroot}}{home}/kustomization.yaml
%files
{home}
"""


def images_of(arch: str, release: Mapping[str, Any]) -> str:
    """Return what an arch's kustomization ends with."""
    own = release[COMPONENT][arch]["kube_state_metrics"].rpartition("@")
    entries = [
        {"name": "quay.io/openshift/kube-state-metrics", "newName": own[0], "digest": own[2]},
        {
            "name": "quay.io/openshift/kube-rbac-proxy",
            "newName": f"{QUAY}/{OCP}",
            "digest": PROXIES[arch].rpartition("@")[2],
        },
    ]
    return yaml.safe_dump({"images": entries})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory as MicroShift's assets: a core, and a component with its manifests."""
    release = fake_release(COMPONENT)
    for arch in PROXIES:
        release[COMPONENT][arch] = {"kube_state_metrics": release[COMPONENT][arch]["a"]}
    assets = tmp_path / "assets"
    write_files(assets / "release", {"core": release["core"]})
    home = write_files(assets / "optional" / COMPONENT, {COMPONENT: release[COMPONENT]})
    texts = {"kustomization": KUSTOMIZATION, "deployment": DEPLOYMENT, "crd": CRD}
    texts |= {f"kustomization.{arch}": images_of(arch, release) for arch in PROXIES}
    for name, text in texts.items():
        (home / f"{name}.yaml").write_text(text)
    return assets


@pytest.fixture
def paack(tmp_path: Path) -> Paack:
    return Paack(tmp_path)


def imported(paack: Paack, *sources: Path) -> tuple[str, dict[str, Any]]:
    """Import, and return what was said, and the component."""
    given = [word for source in sources for word in ("--from", str(source))]
    said = paack.call("microshift.import", *given, "--version", VERSION).stderr
    document = yaml.safe_load(set_file(paack).read_text())
    component: dict[str, Any] = document["components"][COMPONENT]
    return said, component


def set_file(paack: Paack) -> Path:
    return paack.home / "microshift-images" / f"{VERSION}.yaml"


ADDED = {
    "kube-rbac-proxy": {
        "reason": "Deployment/kube-state-metrics needs it, and the release does not name it",
        "images": PROXIES,
    }
}
NEEDS = {
    "kube-rbac-proxy": "Deployment/kube-state-metrics",
    "kube_state_metrics": "Deployment/kube-state-metrics",
}
LACKS = "Deployment/kube-state-metrics needs kube-rbac-proxy"


def test_import_adds_them_and_check_wants_them(paack: Paack, checkout: Path) -> None:
    said, component = imported(paack, checkout)
    assert f"{COMPONENT}: {LACKS}, which the release does not name: added" in said
    assert (component["add"], component["needs"]) == (ADDED, NEEDS)
    printed = paack.call("microshift", "--print").stdout
    assert all(proxy in printed for proxy in PROXIES.values())
    assert paack.call("microshift.check", "--from", str(checkout)).stdout == "no problem\n"

    # Without them the check, and any build, fails and names the pod
    document = yaml.safe_load(set_file(paack).read_text())
    own = document["components"][COMPONENT]
    added = own.pop("add")
    write(paack, document)
    for words in (["microshift.check"], ["microshift"]):
        done = paack.call(*words, check=False)
        assert done.returncode == 3
        assert LACKS in done.stdout + done.stderr
    # but not when the component is not made
    assert LACKS not in paack.call("microshift", "--components", "none", "--print").stdout

    # What the set does not know, the manifests tell
    needs = own.pop("needs")
    write(paack, document)
    images = load_set(set_file(paack))
    assert check_set(images, ()) == []
    found = check_set(images, (), [checkout])
    assert [LACKS in str(each) for each in found] == [True, True]  # both arches

    # Unless it is left out for a reason
    for arch in PROXIES:
        own["images"][arch] |= {"kube-rbac-proxy": added["kube-rbac-proxy"]["images"][arch]}
    own |= {"omit": {"kube-rbac-proxy": {"reason": "nobody asks for metrics"}}, "needs": needs}
    write(paack, document)
    images = load_set(set_file(paack))
    assert check_set(images, (), [checkout]) == []
    assert not any(proxy in dump_definitions(definitions(images)) for proxy in PROXIES.values())


def write(paack: Paack, document: object) -> None:
    set_file(paack).write_text(yaml.safe_dump(document, sort_keys=False))


def test_from_the_packages_of_a_component(paack: Paack, checkout: Path) -> None:
    """One of each arch, with the core's release files; they come later than the set."""
    home = checkout / "optional" / COMPONENT
    rpms = []
    for arch in PROXIES:
        top = checkout / f"rpmbuild-{arch}"
        top.mkdir()
        values = {"component": COMPONENT, "version": VERSION, "home": HOME, "source": home}
        (top / "it.spec").write_text(SPEC.format(arch=arch, **values))
        options = ["--target", arch, "--define", f"_topdir {top}"]
        run(["rpmbuild", "-bb", *options, str(top / "it.spec")])
        rpms += list((top / "RPMS" / arch).iterdir())
    releases = [path for path in home.iterdir() if path.suffix == ".json"]
    said, component = imported(paack, checkout / "release", releases[0])
    assert "add" not in component
    said, component = imported(paack, rpms[0])
    assert f"{LACKS}, which the release does not name: NOT added" in said
    assert "its digest is not known for" in said
    assert "add" not in component
    said, component = imported(paack, *rpms)
    assert (component["add"], component["needs"]) == (ADDED, NEEDS)


def test_what_no_digest_pins_is_said(paack: Paack, checkout: Path) -> None:
    for arch in PROXIES:
        file = checkout / "optional" / COMPONENT / f"kustomization.{arch}.yaml"
        document = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({"images": document["images"][:1]}))
    said, component = imported(paack, checkout)
    assert f"{LACKS}, which the release does not name: NOT added" in said
    assert "add" not in component


def test_manifests_that_cannot_be_rendered(paack: Paack, checkout: Path) -> None:
    (checkout / "optional" / COMPONENT / "deployment.yaml").unlink()
    said, component = imported(paack, checkout)
    assert f"not compared: {checkout}/optional/{COMPONENT}/kustomization.yaml: " in said
    assert list(component["images"]) == ["x86_64", "aarch64"]


def test_set_of_an_older_paack(paack: Paack, checkout: Path) -> None:
    """It loads, and says how to convert it; converted it is the same."""
    old = paack.home / "microshift-images" / VERSION
    files = write_files(old, json.loads(json.dumps(fake_release("olm"))))
    listed = []
    for path in sorted(files.glob("*.json")):
        digest = run(["sha256sum", str(path)]).stdout.split()[0]
        listed.append({"name": path.name, "sha256": digest, "origin": f"there/{path.name}"})
    document = {
        "name": f"{VERSION}-202601010000.p0",
        "version": VERSION,
        "release": "3",
        "registries": ["quay.io/openshift-release-dev"],
        "pull_secret": ["quay.io/openshift-release-dev"],
        "components": ["olm"],
        "excluded": [{"component": "ai", "reason": "by tag"}],
        "omit": [{"image": "cli", "arches": ["aarch64"], "reason": "too big"}],
        "files": listed,
    }
    (old / "set.yaml").write_text(yaml.safe_dump(document))
    done = paack.call("microshift", "--print")
    assert done.stderr == (
        f"microshift-images/{VERSION}/set.yaml is a set of an older paack: to convert it, "
        f"paack microshift.import --from microshift-images/{VERSION}\n"
    )
    said = paack.call("microshift.import", "--from", f"microshift-images/{VERSION}")
    assert said.stdout == f"microshift-images/{VERSION}.yaml\n"
    again = paack.call("microshift", "--print")
    assert (again.stdout, again.stderr) == (done.stdout, "")
    assert "release: '3'" in again.stdout
    made = yaml.safe_load(set_file(paack).read_text())
    assert made["components"]["core"]["omit"] == {
        "cli": {"reason": "too big", "arches": ["aarch64"]}
    }
    assert made["excluded"] == {"ai": "by tag"}
    file = old / "release-x86_64.json"
    file.write_text(file.read_text().replace("nightly", "weekly"))
    set_file(paack).unlink()
    done = paack.call("microshift", "--print", check=False)
    assert (done.returncode, "was changed since its import" in done.stderr) == (3, True)
