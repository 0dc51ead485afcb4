"""Images that stand where no field says it: how sure they are, why, and on which line."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paack.helpers.document import load_all
from paack.helpers.kubernetes.candidates import candidates
from paack.helpers.kubernetes.images import all_images_of, read_objects
from paack.helpers.kubernetes.likeness import is_full, is_short, words_of
from paack.helpers.kubernetes.needs import manifest_files
from tests.support.product import REPOSITORY

FULL = "quay.io/acme/app:1"
DIGEST = f"quay.io/acme/app@sha256:{'a' * 64}"
FILE = Path("a.yaml")

#: What an object says at .spec, or a ConfigMap at .data: (text, {(image, level): line in it}).
#: The project is one that has such a place.
PLACES: dict[str, tuple[str, dict[tuple[str, str], int]]] = {
    # longhorn, tekton
    "argument after its option": (
        f'args: ["-v", "--engine-image", "{FULL}", "--other"]\n',
        {(FULL, "probable"): 1},
    ),
    "option and image in one text": (
        f'args: ["start -shell-image {DIGEST} -v"]\n',
        {(DIGEST, "probable"): 1},
    ),
    "option with a value": (f'args: ["--reloader={FULL}"]\n', {(FULL, "probable"): 1}),
    "option of a script": (
        f"args:\n- |\n  set -e\n  run --image {FULL}\n  get {DIGEST}\n",
        {(FULL, "probable"): 4, (DIGEST, "possible"): 5},
    ),
    "argument without an option": (f"args: [pull, '{FULL}']\n", {(FULL, "possible"): 1}),
    # strimzi
    "variable with a list": (
        f"env:\n- name: KAFKA_IMAGES\n  value: |\n    4.0={FULL}\n    4.1={DIGEST}\n",
        {(FULL, "probable"): 4, (DIGEST, "probable"): 5},
    ),
    "variable of another name": (
        f"env: [{{name: ADAPTER, value: '{FULL}'}}]\n",
        {(FULL, "probable"): 1},
    ),
    "short name in a variable": (
        "env: [{name: RUN_IMAGE, value: 'busybox:1.36'}, {name: HOST, value: 'redis:6379'}]\n",
        {("busybox:1.36", "probable"): 1},
    ),
    # katib, kserve
    "key of a custom resource": (
        f"a: {{sidecarImage: {FULL}}}\nb: [{{image: acme/app:2}}]\nc: {DIGEST}\n",
        {(FULL, "probable"): 1, ("acme/app:2", "probable"): 2, (DIGEST, "possible"): 3},
    ),
    "list of images": (f"images:\n- {FULL}\n", {(FULL, "probable"): 2}),
    "status": (f"status: {{image: {FULL}}}\n", {(FULL, "possible"): 1}),
    "what was applied last": (
        "annotations:\n  kubectl.kubernetes.io/last-applied-configuration: |\n"
        f'    {{"spec": {{"image": "{FULL}"}}}}\n',
        {(FULL, "possible"): 3},
    ),
    "annotation of a pod": (
        f"annotations: {{sidecar.example/proxyImage: {FULL}, image: '{DIGEST}'}}\n",
        {(FULL, "probable"): 1, (DIGEST, "possible"): 1},
    ),
    # istio
    "put together": (
        "global: {hub: gcr.io/acme, tag: 1.2}\nrepository: quay.io/acme/app\ntag: v3\n",
        {("gcr.io/acme/…:1.2", "unfindable"): 1, ("quay.io/acme/app:v3", "unfindable"): 0},
    ),
    "template": (
        "image: '{{ .Values.hub }}/app:{{ .Values.tag }}'\n",
        {("{{ .Values.hub }}/app:{{ .Values.tag }}", "unfindable"): 1},
    ),
    # mongodb, kserve: the operator adds registry and version
    "name without a version": (
        "env: [{name: DB_IMAGE, value: mongo}, {name: IN_IMAGE, value: 'false'}]\n"
        "a: {image: acme/art, icon-image: img/a.png, image-kind: acme/b}\nb: {image: disk}\n",
        {("mongo", "unfindable"): 1, ("acme/art", "unfindable"): 2},
    ),
}
DATA: dict[str, tuple[str, dict[tuple[str, str], int]]] = {
    # piraeus
    "put together": (
        "c.yaml: |\n  base: quay.io/acme\n  parts:\n    one: {image: server, tag: v1}\n",
        {("…/server:v1", "unfindable"): 4},
    ),
    # knative, rook
    "key": (f"queue-sidecar-image: {FULL}\n", {(FULL, "probable"): 1}),
    "any key": (f"provisioner: {FULL}\n", {(FULL, "probable"): 1}),
    "only told": (f"_example: |\n  a-image: {FULL}\n", {(FULL, "possible"): 2}),
    # local-path
    "manifest": (
        "pod.yaml: |-\n  kind: Pod\n  spec:\n    containers:\n    - image: busybox\n",
        {("busybox", "probable"): 5},
    ),
    "JSON": (f'c: |\n  {{\n   "router": {{"image": "{FULL}"}}}}\n', {(FULL, "probable"): 3}),
    "JSON in a line": (f'c: \'{{"image": "{FULL}"}}\'\n', {(FULL, "probable"): 1}),
    "manifest in a manifest": (
        f"a: |\n  kind: ConfigMap\n  data:\n    b: |\n      image: {FULL}\n",
        {(FULL, "probable"): 5},
    ),
    # istio, calico
    "template of a manifest": (
        "t: |\n  {{ if .x }}\n  image: busybox:1.28\n  {{ end }}\n"
        f'  image: "{{{{ or .y `{FULL}` }}}}"\n',
        {
            ("busybox:1.28", "probable"): 3,
            (FULL, "probable"): 5,
            (f"{{{{ or .y `{FULL}` }}}}", "unfindable"): 5,
        },
    ),
    "script": (f"run.sh: |\n  IMAGE={FULL}\n  echo {DIGEST}\n", {(FULL, "probable"): 2}),
}
DATA["script"][1][(DIGEST, "possible")] = 3


def found_in(text: str) -> dict[tuple[str, str], int]:
    (document,) = load_all(text, FILE)
    return {(each.text, each.level): each.line for each in candidates(document)}


@pytest.mark.parametrize("case", PLACES)
def test_places_in_a_specification(case: str) -> None:
    text, expected = PLACES[case]
    found = found_in(f"kind: Widget\nspec:\n{indent(text, '  ')}")
    assert found == {key: line + 2 for key, line in expected.items()}


@pytest.mark.parametrize("case", DATA)
def test_places_in_the_data_of_a_map(case: str) -> None:
    text, expected = DATA[case]
    found = found_in(f"kind: ConfigMap\ndata:\n{indent(text, '  ')}")
    assert found == {key: line + 2 for key, line in expected.items()}


NO_IMAGES = [
    *("https://quay.io/acme/app:1", "oci://quay.io/acme/chart:1", "ko://example.com/cmd/app:1"),
    *("rbac.authorization.k8s.io/v1", "apps/v1", "monitoring.coreos.com/v1alpha1"),
    *("/var/lib/acme:rw", "./a/b:c", "application/vnd.acme.v1+json", "text/html; charset=utf-8"),
    *("github.com/acme/app/cmd:v1", "github.com/acme/app/v2", "golang.org/x/net:http2"),
    *("node-role.kubernetes.io/master:NoSchedule", "app.kubernetes.io/name"),
    *("redis.default.svc:6379", "localhost:8080", "127.0.0.1:9090/metrics", "[::1]:80"),
    *("quay.io/acme/config.yaml:1", "acme.example.com/crt.pem", "us-east-1", "1:2", "a:b", "12:30"),
    *("system:serviceaccount:acme:app", "arn:aws:iam::1:role/app", "me@example.com", "acme/app"),
]


@pytest.mark.parametrize("text", NO_IMAGES)
def test_what_is_no_image(text: str) -> None:
    assert not is_full(text)
    found = found_in(f"spec: {{address: '{text}', list: ['{text}', '--x={text}', '-x', '{text}']}}")
    assert not found
    assert not found_in(f"data: {{a: '{text}'}}\nkind: ConfigMap\n")


@pytest.mark.parametrize("text", [FULL, DIGEST, f"{FULL}@sha256:{'a' * 64}", "localhost:5000/a:b"])
def test_what_is_one(text: str) -> None:
    assert is_full(text)


@given(st.text(max_size=80) | st.text(":/@.-_a1= \n", max_size=400))
def test_any_text_is_judged(text: str) -> None:
    is_short(text)
    if is_full(text):
        assert ":" in text
    for word in words_of(text):
        assert word.text in text
        assert word.line <= text.count("\n")


def test_a_nested_text_is_bounded() -> None:
    bomb = "\n".join(
        ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    )
    deep = "a: " + "[" * 3000
    assert not found_in("data:\n  a: |\n" + indent(bomb, "    "))
    assert not found_in(f"data:\n  a: |\n    {deep}\n    b: c\n")


#: Project, commit, directory; images that are needed, probably, possibly, and that cannot be found,
#: as docs/check.md has them beside lists that were made without paack.
PROJECTS = [
    ("antrea", "fc70f2bb", "build/yamls", (7, 0, 0, 0)),
    ("argo-cd", "37ee0097", "manifests", (6, 0, 0, 0)),
    ("argo-workflows", "f016ad89", "manifests", (11, 0, 0, 0)),
    ("calico", "87c15906", "manifests", (6, 38, 0, 8)),
    ("ceph-csi", "52fcb7b0", ".", (10, 0, 0, 0)),
    ("contour", "31c4bb38", "examples", (8, 0, 0, 0)),
    ("hyperconverged-cluster-operator", "03da3cff", "deploy/operator.yaml", (14, 43, 0, 0)),
    ("kube-prometheus", "4d719f1d", "manifests", (10, 1, 0, 0)),
    ("kserve", "aaac4e29", "config", (35, 2, 0, 1)),
    ("local-path-provisioner", "9fa2a62e", "deploy/local-path-storage.yaml", (1, 1, 0, 0)),
    ("longhorn", "bb2f2223", "deploy/longhorn.yaml", (3, 10, 0, 0)),
    ("manifests", "009c8808", "common/knative/knative-eventing", (10, 13, 0, 0)),
    ("manifests", "009c8808", "common/knative/knative-serving", (7, 0, 0, 0)),
    ("manifests", "009c8808", "applications/kserve/kserve", (20, 2, 0, 1)),
    ("metallb", "7938d3f8", "config", (5, 0, 0, 0)),
    ("mongodb-kubernetes-operator", "f6a53c96", ".", (2, 3, 1, 2)),
    ("pipeline", "3ee1745a", "config", (4, 2, 0, 0)),
    ("rook", "d0c3b9ce", "deploy/examples", (13, 7, 0, 0)),
    ("strimzi-kafka-operator", "8541da1e", "install", (3, 8, 0, 0)),
    ("volcano", "ed72c7c8", "installer/volcano-development.yaml", (3, 0, 0, 0)),
]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project[0])
def test_projects(project: tuple[str, str, str, tuple[int, int, int, int]]) -> None:
    """Where checkouts of them are: in the directory that PAACK_TEST_PROJECTS names."""
    name, _, where, counts = project
    home = Path(os.environ.get("PAACK_TEST_PROJECTS", REPOSITORY / "no-projects")) / name / where
    if not home.exists():
        pytest.skip(f"no checkout of {name}")
    levels: dict[str, set[str]] = {}
    for file in manifest_files(home) if home.is_dir() else [home]:
        for item in read_objects(file.read_text("utf-8"), file):
            for use in all_images_of(item, file):
                levels.setdefault(use.level, set()).add(use.image)
    known: set[str] = set()
    found = []
    for level in ("needed", "probable", "possible", "unfindable"):
        found.append(len(levels.get(level, set()) - known))
        known |= levels.get(level, set())
    assert tuple(found) == counts
