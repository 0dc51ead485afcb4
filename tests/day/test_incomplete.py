"""What is incomplete is not built, and never published."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from paack.helpers.oci.layout import layout_of
from tests.day.front import ENVIRONMENT, typed
from tests.repo.publisher import snapshot
from tests.support.product import REPOSITORY

DEFINITION = """\
packages:
- name: hello-containers
  version: 1.0.0
  license: MIT
  arches: [x86_64]
  manifests: ./manifests
  manifestPath: /usr/lib/microshift/manifests.d/hello
  images: ["oci:./layout:localhost/hello:1.0"]
"""
POD = """\
kind: Pod
metadata: {{name: hello}}
spec:
  containers:
  - {{name: hello, image: "{image}"}}
"""
LACKING = r"manifests/pod.yaml:5: quay.io/acme/other:2 is not packaged for x86_64"


class Home:
    """A directory with a definition; ``run`` starts paack there."""

    def __init__(self, path: Path):
        self.path = path
        (path / "manifests").mkdir()
        layout_of(REPOSITORY / "images/demo/rootfs", path / "layout", ["x86_64"])
        (path / "app.yaml").write_text(DEFINITION)
        (path / "manifests/kustomization.yaml").write_text("resources: [pod.yaml]\n")
        self.need("localhost/hello:1.0")

    def need(self, image: str) -> None:
        """Write the manifest."""
        (self.path / "manifests/pod.yaml").write_text(POD.format(image=image))

    def run(
        self, task: str, *, front: str = "paack", status: int = 0, **options: object
    ) -> subprocess.CompletedProcess[str]:
        """Run a task."""
        environment = {
            **ENVIRONMENT,
            "XDG_CACHE_HOME": str(self.path / "cache"),
            "PWD": str(self.path),
        }
        given = {"output": "out", **options}
        command = typed(front, task, {name: each for name, each in given.items() if each})
        done = subprocess.run(
            command, cwd=self.path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == (2 if front == "make" and status else status), done.stderr
        assert "Traceback" not in done.stderr
        return done

    def files(self, below: str = ".") -> set[str]:
        """Return what is there."""
        top = self.path / below
        return {str(path.relative_to(top)) for path in top.rglob("*")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def other_image(home: Home) -> str:
    home.need("quay.io/acme/other:2")
    return LACKING


def no_such_file(home: Home) -> str:
    (home.path / "manifests/kustomization.yaml").write_text("resources:\n- gone.yaml\n")
    return "manifests/kustomization.yaml:2: gone.yaml does not exist"


INCOMPLETE = (other_image, no_such_file)
TASKS: dict[str, dict[str, object]] = {
    "build": {},
    "srpm": {},
    "copr": {"project": "me/images"},
    "publish-job": {"to": "site"},
}


def valid(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the document that --json printed, which its schema describes."""
    schema = json.loads((REPOSITORY / "schema/answer.schema.json").read_text("utf-8"))
    document: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(document, schema)
    return document


def test_a_job_publishes_nothing_and_says_why(home: Home) -> None:
    """In its last line (make adds its own) and in JSON; what is published stays as it is."""
    job: dict[str, Any] = {"def_": "app.yaml", "to": "site"}
    locked = valid(home.run("lock", def_="app.yaml", json=True, output=None))
    assert locked["result"]["lock"] == "app.lock.yaml"
    dry = valid(home.run("publish-job", dry_run=True, json=True, **job))
    assert dry["result"]["packages"] == ["x86_64/hello-containers-1.0.0-1.x86_64.rpm"]
    assert not (home.path / "site").exists()
    done = valid(home.run("publish-job", front="make", json=True, **job))
    assert [done["result"]["published"], len(done["result"]["packages"])] == [True, 1]
    found = valid(home.run("repo.verify", where="site", unsigned=True, json=True, output=None))
    assert list(found["result"]["packages"]) == ["x86_64"]
    proved = valid(home.run("verify", json=True))
    assert proved["result"]["rpms"][0]["path"].endswith("hello-containers-1.0.0-1.x86_64.rpm")
    built = valid(home.run("build", def_="app.yaml", json=True))
    assert [each["checked"] for each in built["result"]["files"]] == [True]
    before = snapshot(home.path / "site")
    home.need("quay.io/acme/other:2")
    (home.path / "app.yaml").write_text(DEFINITION.replace("1.0.0", "1.0.1"))
    failed = home.run("publish-job", front="make", status=3, json=True, **job)
    answer = valid(failed)
    assert (answer["ok"], answer["exit"], answer["result"]) == (False, 3, None)
    assert re.match(LACKING, answer["message"])
    said = failed.stderr.splitlines()
    assert re.match(rf"not published: {LACKING}", said[-2])
    assert said[-1].startswith("make: *** ")
    assert snapshot(home.path / "site") == before


@pytest.mark.parametrize("incomplete", INCOMPLETE)
@pytest.mark.parametrize("task", TASKS)
def test_nothing_is_begun(home: Home, task: str, incomplete: object) -> None:
    assert callable(incomplete)
    said = incomplete(home)
    before = home.files()
    front = "make" if task in ("build", "publish-job") else "invoke" if task == "srpm" else "paack"
    done = home.run(task, front=front, status=3, def_="app.yaml", **TASKS[task])
    assert said in done.stderr
    assert home.files() == before
    assert done.stdout == ""


def test_a_digest_that_only_the_lock_can_tell(home: Home) -> None:
    """Without a lock any digest may be right; the new lock tells, before anything is fetched."""
    home.need(f"localhost/hello@sha256:{'0' * 64}")
    done = home.run("build", status=3, def_="app.yaml")
    assert f"localhost/hello@sha256:{'0' * 64} is not packaged" in done.stderr
    assert "fetch   " not in done.stderr
    assert (home.path / "app.lock.yaml").exists()
    assert not (home.path / "out").exists()


def test_warnings_are_said_once_and_do_not_stop(home: Home) -> None:
    (home.path / "manifests/kustomization.yaml").unlink()
    done = home.run("build", def_="app.yaml")
    assert done.stderr.count("holds no kustomization.yaml") == 1
    assert ": warning: " in done.stderr
    assert done.stdout.endswith(".rpm\n")


def test_who_means_it(home: Home, tmp_path: Path) -> None:
    """Built all the same, which its record says; never published, until it is complete."""
    other_image(home)
    done = home.run("build", def_="app.yaml", no_check=True)
    assert "not checked" in done.stderr
    (record,) = (tmp_path / "out/rpms").glob("*/*.rpm.buildinfo.json")
    assert json.loads(record.read_text())["checked"] is False
    refused = home.run("repo", status=20)
    assert "Pod/hello spec.containers[0].image needs quay.io/acme/other:2" in refused.stderr
    assert not list((tmp_path / "out/repo").glob("*/*"))
    home.need("localhost/hello:1.0")
    home.run("build", def_="app.yaml")
    assert "checked" not in json.loads(record.read_text())
    home.run("repo")
    home.run("publish", to="site")
    home.run("build", def_="app.yaml", no_check=True)  # what was checked stays so
    assert "checked" not in json.loads(record.read_text())
    other_image(home)
    (tmp_path / "app.yaml").write_text(DEFINITION.replace("1.0.0", "1.0.1"))
    home.run("build", def_="app.yaml", no_check=True)
    before = home.files("site"), home.files("out/repo")
    home.run("repo", status=20)
    home.run("publish", to="site")  # of the repository as it was
    assert (home.files("site"), home.files("out/repo")) == before


def test_an_image_that_another_package_brings(home: Home, tmp_path: Path) -> None:
    """Of the same repository, or one that the package requires; a noarch package is everywhere."""
    manifests = DEFINITION.replace("hello-containers", "hello-manifests")
    manifests = manifests.replace('  images: ["oci:./layout:localhost/hello:1.0"]\n', "")
    (tmp_path / "two.yaml").write_text(manifests)
    home.run("build", def_="two.yaml", no_check=True)
    assert "localhost/hello:1.0, which is not packaged" in home.run("repo", status=20).stderr
    home.run("build", def_="app.yaml")
    home.run("repo")
    home.need("quay.io/acme/other:2")
    required = '  requires: ["container-image(quay.io/acme/other:2)"]\n'
    required = manifests.replace("1.0.0", "1.1.0") + required
    (tmp_path / "two.yaml").write_text(required)
    home.run("build", def_="two.yaml")
    home.run("repo")
