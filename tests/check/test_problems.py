"""Every problem that paack check finds, at its line, in one run, with its exit code."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent

import pytest

from paack.helpers.blobs.cache import Cache
from paack.helpers.lock.lock import Lock, dump
from paack.helpers.oci.locked import LockedImage
from tests.support.product import Paack

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


@dataclass
class Project:
    """A definition for two arches, manifests and a lock."""

    paack: Paack

    @property
    def manifests(self) -> Path:
        return self.paack.home / "manifests"

    def manifest(self, text: str, name: str = "app.yaml") -> None:
        path = self.manifests / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))

    def pod(self, image: str, *more: str, name: str = "app.yaml") -> None:
        """Write a pod whose image stands on line 6."""
        lines = ["kind: Pod", "metadata: {name: app}", "spec:", "  containers:", "  - name: app"]
        self.manifest("\n".join([*lines, f"    image: {image}", *more, ""]), name)

    def define(self, *images: str, more: str = "", path: str = "/usr/lib/app/manifests") -> Path:
        """Write a definition; its first image stands on line 7. No MicroShift reads ``path``."""
        head = ["packages:", "- name: app", "  version: '1'", "  arches: [x86_64, aarch64]"]
        lines = [*head, "  manifests: manifests", "  images:", *(f"  - {each}" for each in images)]
        return self.paack.define("\n".join([*lines, f"  manifestPath: {path}", more]))

    def lock(self, *images: LockedImage) -> None:
        lock = Lock({(image.source, image.arch): image for image in images})
        (self.paack.home / "app.lock.yaml").write_text(dump(lock))

    def check(self, *options: str) -> tuple[int, list[tuple[str, str, str, int]]]:
        """Return the status, and (level, kind, file, line) of every problem."""
        done = self.paack.call("check", "--def", "app.yaml", "--json", *options, check=False)
        assert "Traceback" not in done.stderr
        problems = json.loads(done.stdout)["problems"]
        found = [
            (each["level"], each["kind"], each.get("file", ""), each.get("line", 0))
            for each in problems
        ]
        return done.returncode, found


def locked(source: str, arch: str, digest: str | None = A, manifest: str = B) -> LockedImage:
    repo = source.partition("@")[0].rpartition(":")[0] or source
    names = (source.partition("@")[0], f"{repo}@{digest or manifest}")
    created = "2024-01-01T00:00:00Z"
    return LockedImage(source, arch, names, digest, manifest, C, created, ())


def both(source: str, digest: str = A) -> list[LockedImage]:
    return [locked(source, arch, digest) for arch in ("x86_64", "aarch64")]


IMAGE = "quay.io/acme/app:1"
MANIFEST = "manifests/app.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(Paack(tmp_path))


def good(project: Project) -> None:
    project.define(IMAGE)
    project.pod(IMAGE)
    project.lock(*both(IMAGE))


def by_digest(project: Project) -> None:
    good(project)
    project.pod(f"quay.io/acme/app@{A}")


def by_tag_and_digest(project: Project) -> None:
    good(project)
    project.pod(f"quay.io/acme/app:other@{A}")


def by_arch_digest(project: Project) -> None:
    good(project)
    project.pod(f"quay.io/acme/app@{B}")


def in_another_package(project: Project) -> None:
    good(project)
    project.paack.define(
        f"packages:\n- {{name: a, version: '1', arches: [x86_64], images: ['{IMAGE}']}}\n"
        "- {name: b, version: '1', arches: [x86_64], manifests: manifests, "
        "manifestPath: /usr/lib/app/manifests}\n"
    )
    project.lock(locked(IMAGE, "x86_64"))


def brought_by_another_rpm(project: Project) -> None:
    project.define(IMAGE, more="  requires: ['container-image(quay.io/acme/base:2)']\n")
    project.pod(IMAGE)
    project.pod("quay.io/acme/base:2", name="base.yaml")
    project.lock(*both(IMAGE))


def short_name_that_is_docker_hubs(project: Project) -> None:
    project.define("docker.io/library/nginx:1.27")
    project.pod("nginx:1.27")
    project.lock(*both("docker.io/library/nginx:1.27"))


@pytest.mark.parametrize(
    ("arrange", "warnings"),
    [
        (good, []),
        (by_digest, []),
        (by_tag_and_digest, []),
        (by_arch_digest, []),
        (in_another_package, []),
        (brought_by_another_rpm, []),
        (short_name_that_is_docker_hubs, [("warning", "short-name", MANIFEST, 6)]),
    ],
)
def test_what_works_on_a_device_is_no_error(
    project: Project,
    arrange: Callable[[Project], None],
    warnings: list[tuple[str, str, str, int]],
) -> None:
    arrange(project)
    assert project.check() == (0, warnings)


def not_packaged(project: Project) -> None:
    good(project)
    project.pod("quay.io/acme/other:1", name="other.yaml")


def other_tag(project: Project) -> None:
    good(project)
    project.pod("quay.io/acme/app:2")


def for_one_arch_only(project: Project) -> None:
    project.paack.define(
        "name: app\nversion: '1'\nmanifestPath: /usr/lib/app/manifests\n"
        f"arch:\n- {{name: x86_64, images: ['{IMAGE}'], "
        "manifests: manifests}\n- {name: aarch64, manifests: manifests}\n"
    )
    project.pod(IMAGE)
    project.lock(locked(IMAGE, "x86_64"))


def tag_but_only_a_digest(project: Project) -> None:
    source = f"quay.io/acme/app@{A}"
    project.define(source)
    project.pod(IMAGE)
    both = [
        LockedImage(source, arch, (source,), A, B, C, "2024-01-01T00:00:00Z", ())
        for arch in ("x86_64", "aarch64")
    ]
    project.lock(*both)


def unused(project: Project) -> None:
    project.define(IMAGE, "quay.io/acme/old:1")
    project.pod(IMAGE)
    project.lock(*both(IMAGE), *both("quay.io/acme/old:1"))


def always(project: Project) -> None:
    good(project)
    project.pod(IMAGE, "    imagePullPolicy: Always")


def latest(project: Project) -> None:
    source = "quay.io/acme/app:latest"
    project.define(source)
    project.pod("quay.io/acme/app")
    project.lock(*both(source))


def latest_that_is_not_pulled(project: Project) -> None:
    latest(project)
    project.pod("quay.io/acme/app:latest", "    imagePullPolicy: IfNotPresent")


def image_volume(project: Project) -> None:
    good(project)
    project.manifest(
        f"""\
        kind: Pod
        spec:
          volumes:
          - name: model
            image:
              pullPolicy: Always
              reference: {IMAGE}
        """
    )


def differs(project: Project) -> None:
    good(project)
    project.lock(locked(IMAGE, "x86_64", A), locked(IMAGE, "aarch64", C))


def two_packages(project: Project, other: str) -> None:
    """Both have the image C."""
    project.paack.define(
        f"packages:\n- {{name: a, version: '1', arches: [x86_64], images: ['{IMAGE}']}}\n"
        f"- {{name: b, version: '1', arches: [x86_64], images: ['{other}']}}\n"
    )
    project.lock(locked(IMAGE, "x86_64"), locked(other, "x86_64"))


def same_image_of_two_repositories(project: Project) -> None:
    two_packages(project, "mirror.example.com/acme/app:1")


def same_image_of_one_repository(project: Project) -> None:
    two_packages(project, "quay.io/acme/app:2")


def same_image_in_one_package(project: Project) -> None:
    project.paack.define(
        "packages:\n- {name: a, version: '1', arches: [x86_64], "
        f"images: ['{IMAGE}', 'mirror.example.com/app:1']}}\n"
    )
    project.lock(locked(IMAGE, "x86_64"), locked("mirror.example.com/app:1", "x86_64"))


def config_in_cache(project: Project, label: str) -> None:
    config = json.dumps({"config": {"Labels": {"io.containers.autoupdate": label}}})
    digest = Cache(project.paack.home / "cache" / "paack").put(config.encode())
    project.define(IMAGE)
    project.pod(IMAGE)
    images = both(IMAGE)
    project.lock(*(replace(each, config=digest) for each in images))


def label_of_auto_update(project: Project) -> None:
    config_in_cache(project, "registry")


def label_against_auto_update(project: Project) -> None:
    config_in_cache(project, "disabled")


def annotation_of_auto_update(project: Project) -> None:
    good(project)
    annotations = "{a: b, io.containers.autoupdate: disabled, io.containers.autoupdate/app: local}"
    project.manifest(
        f"""\
        kind: Deployment
        spec:
          template:
            metadata:
              annotations: {annotations}
            spec:
              containers: [{{name: app, image: '{IMAGE}'}}]
        """
    )


def not_an_image(project: Project) -> None:
    good(project)
    project.pod("$(IMAGE)", name="other.yaml")


def template(project: Project) -> None:
    good(project)
    project.manifest("kind: Pod\nspec:\n  image: {{ .Values.image }}\n", "template.yaml")


def not_text(project: Project) -> None:
    good(project)
    (project.manifests / "binary.yaml").write_bytes(b"\xff\xfe")


OPTION = ("    args:", "    - --debug-image", "    - quay.io/acme/debug:2")


def not_packaged_probably(project: Project) -> None:
    good(project)
    project.pod(IMAGE, *OPTION)


def ignored(project: Project) -> None:
    good(project)
    project.define(IMAGE, more="  ignoreImages: [{image: quay.io/acme/debug, reason: no tests}]")
    project.pod(IMAGE, *OPTION)


def ignored_and_not_there(project: Project) -> None:
    good(project)
    project.define(IMAGE, more="  ignoreImages: [{image: 'quay.io/acme/d*', reason: no tests}]")


def ignored_without_a_reason(project: Project) -> None:
    good(project)
    project.define(IMAGE, more="  ignoreImages: [{image: quay.io/acme/debug}]")


def put_together(project: Project) -> None:
    good(project)
    project.manifest("kind: Mesh\nspec:\n  hub: quay.io/acme\n  tag: v1\n", "mesh.yaml")


def looks_like_one(project: Project) -> None:
    good(project)
    project.manifest("kind: Mesh\nspec:\n  a: quay.io/acme/debug:2\n  b: x\n", "mesh.yaml")


def one_file(project: Project) -> None:
    good(project)
    project.define(IMAGE)
    definition = project.paack.home / APP
    definition.write_text(definition.read_text().replace(": manifests\n", f": {MANIFEST}\n"))
    project.pod("quay.io/acme/other:1", name="other.yaml")


def one_file_for_microshift(project: Project) -> None:
    one_file(project)
    definition = project.paack.home / APP
    definition.write_text(definition.read_text().replace("/usr/lib/app", "/usr/lib/microshift"))


def unit_among_manifests(project: Project) -> None:
    good(project)
    project.manifest("[Container]\nImage=a\n", "units/app.container")


def kustomized_volume(project: Project) -> None:
    source = "quay.io/acme/model:1"
    project.define(source)
    project.lock(*both(source))
    project.manifest(
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n"
        f"spec: {{volumes: [{{name: m, image: {{reference: '{source}'}}}}]}}\n"
    )
    images = "images:\n- {name: quay.io/acme/model, newTag: '1'}\n- {name: x, tagSuffix: -x}\n"
    project.manifest(f"resources: [app.yaml]\n{images}", "kustomization.yaml")


def a_link(project: Project) -> None:
    good(project)
    (project.manifests / "link.yaml").symlink_to("app.yaml")


def two_bad_files(project: Project) -> None:
    good(project)
    (project.manifests / "a b.yaml").write_text("kind: Pod\n")
    (project.manifests / "c d.yaml").write_text("kind: Pod\n")


def no_manifest(project: Project) -> None:
    good(project)
    (project.paack.home / MANIFEST).unlink()


def no_directory(project: Project) -> None:
    project.define(IMAGE, "quay.io/acme/old:1")
    project.lock(*both(IMAGE), *both("quay.io/acme/old:1"))


def remote_resource(project: Project) -> None:
    good(project)
    project.manifest("resources:\n- app.yaml\n- https://example.com/x.yaml\n", "kustomization.yaml")


def resource_that_is_not_there(project: Project) -> None:
    good(project)
    project.manifest("resources:\n- app.yaml\n- gone.yaml\n", "kustomization.yaml")


def kustomization_that_fails(project: Project) -> None:
    good(project)
    project.manifest("resources: [app.yaml]\nno-such-key: 1\n", "kustomization.yaml")


def definition_and_manifest(project: Project) -> None:
    good(project)
    project.define("nginx", IMAGE, "quay.io/acme/:x")
    project.pod("quay.io/acme/other:1", name="other.yaml")


def bad_image_paths(project: Project) -> None:
    good(project)
    wrong = ['"spec.image"', '"Kafka: a..b"', "{kind: Kafka}", "{kind: Kafka, path: a b}"]
    right = ['"Kafka: spec.*.image"', "{kind: Kafka, path: spec.image}"]
    lines = "".join(f"  - {each}\n" for each in (*wrong, *right))
    project.define(IMAGE, more=f"  imagePaths:\n{lines}")


def no_yaml_at_all(project: Project) -> None:
    good(project)
    project.paack.define("a: [")


def no_lock(project: Project) -> None:
    good(project)
    (project.paack.home / "app.lock.yaml").unlink()


def damaged_lock(project: Project) -> None:
    good(project)
    (project.paack.home / "app.lock.yaml").write_text("paack: 1\nimages: [{}]\n")


def not_locked(project: Project) -> None:
    good(project)
    project.lock(locked(IMAGE, "x86_64"))


def locked_too_much(project: Project) -> None:
    good(project)
    project.lock(*both(IMAGE), locked("quay.io/acme/old:1", "x86_64"))


def locked_to_another_digest(project: Project) -> None:
    source = f"{IMAGE}@{C}"
    project.define(source)
    project.pod(IMAGE)
    project.lock(*both(source))


APP, LOCK = "app.yaml", "app.lock.yaml"


@pytest.mark.parametrize(
    ("arrange", "status", "expected"),
    [
        (not_packaged, 3, [("error", "missing", "manifests/other.yaml", 6)]),
        (other_tag, 3, [("warning", "unused", APP, 7), ("error", "missing", MANIFEST, 6)]),
        (for_one_arch_only, 3, [("error", "missing", MANIFEST, 6)]),
        (
            tag_but_only_a_digest,
            3,
            [("warning", "unused", APP, 7), ("error", "by-digest", MANIFEST, 6)],
        ),
        (unused, 0, [("warning", "unused", APP, 8)]),
        (always, 3, [("error", "pull", MANIFEST, 6)]),
        (latest, 3, [("error", "pull", MANIFEST, 6)]),
        (latest_that_is_not_pulled, 0, [("warning", "latest", MANIFEST, 6)]),
        (image_volume, 3, [("error", "pull", MANIFEST, 7)]),
        (differs, 0, [("warning", "differs", APP, 7)]),
        (same_image_of_two_repositories, 0, [("warning", "same-image", APP, 3)]),
        (same_image_of_one_repository, 0, []),
        (same_image_in_one_package, 0, []),
        (label_of_auto_update, 0, [("warning", "auto-update", APP, 7)]),
        (label_against_auto_update, 0, []),
        (annotation_of_auto_update, 0, [("warning", "auto-update", MANIFEST, 5)]),
        (not_an_image, 3, [("error", "name", "manifests/other.yaml", 6)]),
        (one_file, 0, []),
        (one_file_for_microshift, 0, [("warning", "kustomization", MANIFEST, 0)]),
        (unit_among_manifests, 0, [("warning", "stray-unit", "manifests/units/app.container", 0)]),
        (
            kustomized_volume,
            0,
            [("warning", "kustomize", "manifests/kustomization.yaml", line) for line in (3, 4)],
        ),
        (not_packaged_probably, 3, [("error", "missing", MANIFEST, 9)]),
        (ignored, 0, []),
        (ignored_and_not_there, 0, [("warning", "ignored", APP, 9)]),
        (ignored_without_a_reason, 3, [("error", "definition", APP, 9)]),
        (put_together, 0, [("warning", "unfindable", "manifests/mesh.yaml", 2)]),
        (looks_like_one, 0, []),
        (template, 3, [("error", "manifest", "manifests/template.yaml", 3)]),
        (not_text, 3, [("error", "manifest", "manifests/binary.yaml", 0)]),
        (a_link, 3, [("error", "manifest", "manifests/link.yaml", 0)]),
        (
            two_bad_files,
            3,
            [
                ("error", "manifest", "manifests/a b.yaml", 0),
                ("error", "manifest", "manifests/c d.yaml", 0),
            ],
        ),
        (no_manifest, 3, [("error", "manifest", "manifests", 0)]),
        (no_directory, 3, [("error", "definition", APP, 5)]),
        (remote_resource, 3, [("error", "manifest", "manifests/kustomization.yaml", 3)]),
        (
            resource_that_is_not_there,
            3,
            [("error", "manifest", "manifests/kustomization.yaml", 3)],
        ),
        (kustomization_that_fails, 3, [("error", "manifest", "manifests/kustomization.yaml", 0)]),
        (
            definition_and_manifest,
            3,
            [
                ("error", "definition", APP, 7),
                ("error", "definition", APP, 9),  # what lacks may be meant by these
            ],
        ),
        (bad_image_paths, 3, [("error", "definition", APP, line) for line in (10, 11, 12, 13)]),
        (no_yaml_at_all, 3, [("error", "definition", APP, 1)]),
        (no_lock, 4, [("error", "lock", LOCK, 0)]),
        (damaged_lock, 4, [("error", "lock", LOCK, 0)]),
        (not_locked, 4, [("error", "lock", APP, 7)]),
        (locked_too_much, 4, [("error", "lock", LOCK, 24)]),
        (
            locked_to_another_digest,
            4,
            [("error", "lock", LOCK, 4), ("error", "lock", LOCK, 14)],
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_problems(
    project: Project,
    arrange: Callable[[Project], None],
    status: int,
    expected: list[tuple[str, str, str, int]],
) -> None:
    arrange(project)
    assert project.check() == (status, expected)


def test_what_only_looks_like_an_image(project: Project) -> None:
    looks_like_one(project)
    assert project.check("--all") == (0, [("warning", "possible", "manifests/mesh.yaml", 3)])
    assert "mesh.yaml:3" in project.paack.call("check", "app.yaml", "--why", "debug").stdout
    project.define(IMAGE, "quay.io/acme/debug:2")
    project.lock(*both(IMAGE), *both("quay.io/acme/debug:2"))
    assert project.check("--all") == (0, [])


def test_all_at_once_for_people(project: Project) -> None:
    project.define(IMAGE, "quay.io/acme/old:1")
    project.pod(IMAGE, "    imagePullPolicy: Always")
    project.pod("quay.io/acme/other:1", name="other.yaml")
    done = project.paack.call("check", "app.yaml", check=False)
    assert done.returncode == 3
    assert done.stderr == "error: 3 errors in app.yaml\n"
    lines = [line for line in done.stdout.splitlines() if not line.startswith("  hint: ")]
    assert [line.split(": ")[:2] for line in lines] == [
        ["app.yaml:8", "warning"],
        ["manifests/app.yaml:6", "error"],
        ["manifests/other.yaml:6", "error"],
        ["app.lock.yaml", "error"],
    ]
    assert "  hint: paack lock --def app.yaml" in done.stdout


def test_why(project: Project) -> None:
    good(project)
    project.pod(f"quay.io/acme/app@{A}", name="b.yaml")
    project.pod("nginx:1", name="c.yaml")

    def why(image: str) -> list[str]:
        done = project.paack.call("check", "app.yaml", "--why", image)
        return [line.split(": ")[0] for line in done.stdout.splitlines()]

    assert why(IMAGE) == ["manifests/app.yaml:6"]
    assert why("quay.io/acme/app") == ["manifests/app.yaml:6", "manifests/b.yaml:6"]
    for name in ("docker.io/library/nginx:1", "nginx", "nginx:1", "library/nginx"):
        assert why(name) == ["manifests/c.yaml:6"]
    assert why(f"quay.io/acme/app@{A}") == why(f"app@{A}") == ["manifests/b.yaml:6"]
    assert why("acme/app:1") == why("app:1") == ["manifests/app.yaml:6"]
    assert why("app") == why("acme/app") == ["manifests/app.yaml:6", "manifests/b.yaml:6"]
    project.pod("127.0.0.1:5791/me/web:1.0", name="d.yaml")
    for name in ("me/web", "web", "web:1.0", "127.0.0.1:5791/me/web"):
        assert why(name) == ["manifests/d.yaml:6"]
    for name in ("eb", "me", "web:1", "pp", "/", "$(X)"):
        done = project.paack.call("check", "app.yaml", f"--why={name}", check=False)
        assert done.returncode == 2
    done = project.paack.call("check", "app.yaml", "--why", "quay.io/no/such:1", check=False)
    assert done.returncode == 2
    assert "nginx:1" in done.stderr


def test_no_kustomize_is_said(project: Project, tmp_path: Path) -> None:
    good(project)
    project.manifest("resources: [app.yaml]\n", "kustomization.yaml")
    assert project.check() == (0, [])
    (tmp_path / "empty").mkdir()
    project.paack.environment["PATH"] = str(tmp_path / "empty")
    assert project.check() == (5, [("error", "manifest", "", 0)])


def test_no_network_is_asked(project: Project) -> None:
    """A patch that kustomize would download, through the proxy that the environment names."""
    good(project)
    project.manifest(
        "resources: [app.yaml]\npatches:\n- path: https://registry.example/x.yaml\n",
        "kustomization.yaml",
    )
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        project.paack.environment |= {"HTTPS_PROXY": address, "https_proxy": address}
        done = project.paack.call("check", "app.yaml", check=False)
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert done.returncode == 3
    assert "cannot be rendered" in done.stdout


@pytest.mark.parametrize(
    ("text", "warned"),
    [("Mit License", True), ("MIT AND (Apache-2.0 OR HPND)", False), ("LicenseRef-ours", False)],
)
def test_a_licence_that_is_no_expression_is_warned_of(
    project: Project, text: str, warned: bool
) -> None:
    project.define(IMAGE, more=f"  license: {text}")
    project.pod(IMAGE)
    project.lock(*both(IMAGE))
    assert project.check() == (0, [("warning", "definition", "app.yaml", 2)] if warned else [])
