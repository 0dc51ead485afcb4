"""The shipped 4.22.7 set, whole: every name, repository and shared reference, both arches.

The images are stand-ins of the set's shape: what has a digest there has another here, since no
other bytes have that digest. So Red Hat's bytes, their sizes, and access to them stay unproven.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.microshift.make import make_containers
from tests.support.debian import text_layer
from tests.support.image_directory import RPM_ARCHES
from tests.support.product import REPOSITORY, Paack
from tests.support.registry import Registry
from tests.support.rpm_query import provides, tags
from tests.support.thorough import only_thorough

VERSION = "4.22.7"
NAME = "microshift-containers"
PREFIXES = ("quay.io", "registry.redhat.io", "ghcr.io")
_OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class StandIns:
    """Puts images into a registry, each by the name that a reference has elsewhere."""

    registry: Registry
    layer: bytes

    def push(self, reference: str, arches: Mapping[str, str]) -> str:
        """Push an image (RPM arch -> OCI arch), and return its reference: tags stay."""
        repo, _, tag = reference.partition("@")[0].partition(":")
        where = repo.partition("/")[2]
        manifests = []
        for oci in arches.values():
            config = self._config(reference, oci)
            own = self._blob(where, config, "config.v1+json")
            layer = self._blob(where, gzip.compress(self.layer, mtime=0), "layer.v1.tar+gzip")
            manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json"}
            manifests.append((oci, manifest | {"config": own, "layers": [layer]}))
        entries = []
        for oci, manifest in manifests:
            digest, size = self._manifest(where, manifest, tag if len(manifests) == 1 else "")
            entry = {"mediaType": manifest["mediaType"], "digest": digest, "size": size}
            entries.append(entry | {"platform": {"os": "linux", "architecture": oci}})
        if len(entries) > 1:
            index = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json", "manifests": entries}
            digest, _ = self._manifest(where, index, tag)
        return reference if tag else f"{repo}@{digest}"

    def _config(self, reference: str, oci: str) -> bytes:
        rootfs = {"type": "layers", "diff_ids": [digest_of(self.layer)]}
        labels = {"config": {"Labels": {"stands-in-for": reference}}}
        platform = {"architecture": oci, "os": "linux", "created": "2026-01-02T03:04:05Z"}
        return json.dumps({**platform, **labels, "rootfs": rootfs}).encode()

    def _blob(self, where: str, content: bytes, kind: str) -> dict[str, Any]:
        start = self._ask("POST", f"/v2/{where}/blobs/uploads/")
        path = (start.getheader("Location") or "").partition(self.registry.host)[2]
        digest = digest_of(content)
        self._ask("PUT", f"{path}&digest={digest}", content, "application/octet-stream")
        return {"mediaType": f"{_OCI}.{kind}", "digest": digest, "size": len(content)}

    def _manifest(self, where: str, manifest: dict[str, Any], tag: str) -> tuple[str, int]:
        content = json.dumps(manifest).encode()
        digest = digest_of(content)
        self._ask("PUT", f"/v2/{where}/manifests/{tag or digest}", content, manifest["mediaType"])
        return digest, len(content)

    def _ask(
        self, method: str, path: str, body: bytes = b"", kind: str = ""
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.registry.host)
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        assert answer.status in (201, 202), answer.read()
        answer.read()
        connection.close()
        return answer


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry(tmp_path) as running:
        yield running


@only_thorough
def test_all_components_for_both_arches(registry: Registry, tmp_path: Path) -> None:
    document = yaml.safe_load((REPOSITORY / f"microshift-images/{VERSION}.yaml").read_text())
    layer = text_layer(tmp_path / "layer.tar", {"etc/motd": "a stand-in\n"}).read_bytes()
    stand_ins = StandIns(registry, layer)
    users: dict[str, dict[str, str]] = {}
    for component in document["components"].values():
        for arch, images in component["images"].items():
            for reference in images.values():
                users.setdefault(reference, {})[arch] = RPM_ARCHES[arch]
    pushed = {reference: stand_ins.push(reference, arches) for reference, arches in users.items()}
    for component in document["components"].values():
        for images in component["images"].values():
            images |= {name: pushed[reference] for name, reference in images.items()}
    conf = tmp_path / "registries.conf"
    conf.write_text(
        "".join(
            f'[[registry]]\nprefix = "{name}"\nlocation = "{registry.host}"\ninsecure = true\n'
            for name in PREFIXES
        )
    )
    paack = Paack(tmp_path, conf)
    (tmp_path / "sets").mkdir()
    (tmp_path / f"sets/{VERSION}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    done = make_containers(paack, "COMPONENTS=all", seconds=1200)
    assert done.returncode == 0, done.stderr
    rpms = [Path(line) for line in done.stdout.splitlines() if line.endswith(".rpm")]
    made = {(tags(rpm, "%{NAME}"), tags(rpm, "%{ARCH}")): provides(rpm) for rpm in rpms}
    assert {tags(rpm, "%{VERSION}") for rpm in rpms} == {VERSION}
    expected = {
        (NAME if component == "core" else f"{NAME}-{component}", arch): (component, images)
        for component, its in document["components"].items()
        for arch, images in its["images"].items()
    }
    assert made.keys() == expected.keys()
    for key, (component, images) in expected.items():
        prefix = "" if component == "core" else f"{component}/"
        names = {f"microshift-image({prefix}{name}) = {VERSION}" for name in images}
        assert {each for each in made[key] if each.startswith("microshift-image(")} == names
        assert {f"container-image({each})" for each in images.values()} <= made[key]
