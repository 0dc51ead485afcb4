"""A stand-in for a MicroShift release: its files, and its images on registries that pose as others.

The files have MicroShift's layout and names. The images are small ones of two architectures, on a
loopback registry for each of quay.io and registry.redhat.io, which a registries.conf puts there.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.debian import ARCHES, busybox_rootfs, push_multiarch, text_layer
from tests.support.image_directory import RPM_ARCHES, Arch, Digests
from tests.support.oddities import LayerTar
from tests.support.registry import Registry

VERSION = "4.99.1"
USER, PASSWORD = "puller", "dont-tell-anyone-5e5c2e"
TOKEN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
OCP = "openshift-release-dev/ocp-v4.0-art-dev"
LVMS = "lvms4/lvms-rhel9-operator"
GATEWAY = "openshift-service-mesh-tech-preview/istio-rhel9-operator"
QUAY, REDHAT = "quay.io", "registry.redhat.io"

CORE = (
    "cli", "coredns", "haproxy-router", "kube-rbac-proxy", "ovn-kubernetes-microshift", "pod",
    "service-ca-operator", "csi-snapshot-controller",
)  # fmt: skip
OLM = ("operator-lifecycle-manager", "operator-registry", "kube-rbac-proxy")
PAUSE_SAYS = "the pause image runs"

#: Component -> RPM arch -> name -> reference.
Release = dict[str, dict[str, dict[str, str]]]


@dataclass
class Registries:
    """Registries on the loopback, by the name that they go by."""

    base: Path
    users: Mapping[str, str] = field(default_factory=dict)
    tls: bool = False
    hosts: dict[str, Registry] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        for name in (QUAY, REDHAT):
            running = Registry(self.base, users=self.users, tls=self.tls)
            self.hosts[name] = self._stack.enter_context(running)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def registries_conf(self, directory: Path) -> Path:
        """Write a registries.conf(5) that leads to them."""
        path = directory / "registries.conf"
        path.write_text(
            "".join(
                f'[[registry]]\nprefix = "{name}"\nlocation = "{registry.host}"\n'
                f"insecure = {json.dumps(not self.tls)}\n"
                for name, registry in self.hosts.items()
            )
        )
        return path

    def trust(self, home: Path) -> None:
        """Make the certificates known to the user whose HOME is `home`."""
        for registry in self.hosts.values():
            trusted = home / ".config/containers/certs.d" / registry.host
            trusted.mkdir(parents=True)
            assert registry.certificates is not None
            (trusted / "ca.crt").write_bytes((registry.certificates / "ca.crt").read_bytes())

    def pull_secret(self, path: Path, names: Iterable[str] = (QUAY, REDHAT)) -> Path:
        """Write a pull secret, as one downloads it, for `names`."""
        auths = {host: {"auth": TOKEN} for name in names for host in (name, self.hosts[name].host)}
        path.write_text(json.dumps({"auths": auths}))
        path.chmod(0o600)
        return path

    def push(self, name: str, repository: str, tag: str, layers: Mapping[Arch, Path]) -> Digests:
        """Push an image: busybox and a layer of its own for each arch."""
        images = {arch: [busybox_rootfs(arch), layer] for arch, layer in layers.items()}
        return push_multiarch(self.hosts[name], repository, tag, images)


def push_release(registries: Registries, base: Path) -> Release:
    """Push the images of a whole release and return what its files say."""
    ocp = f"{QUAY}/{OCP}"

    def by_arch(repository: str, digests: Digests) -> dict[str, str]:
        return {arch: f"{repository}@{digests.per_arch[oci]}" for arch, oci in RPM_ARCHES.items()}

    core = {
        name: by_arch(ocp, registries.push(QUAY, OCP, name, layers_of(base, name))) for name in CORE
    }
    lvms = registries.push(REDHAT, LVMS, "1", layers_of(base, "lvms"))
    core["lvms_operator"] = by_arch(f"{REDHAT}/{LVMS}", lvms)
    olm = {
        name: core.get(name)
        or by_arch(ocp, registries.push(QUAY, OCP, name, layers_of(base, name)))
        for name in OLM
    }
    # As there: the same digest for both arches (a list), and under two names.
    gateway = registries.push(REDHAT, GATEWAY, "1", layers_of(base, "gateway"))
    listed = dict.fromkeys(RPM_ARCHES, f"{REDHAT}/{GATEWAY}@{gateway.list}")
    hexadecimal = gateway.list.removeprefix("sha256:")
    names = (f"istio-rhel9-operator-{hexadecimal}-annotation", "manager")
    model = registries.push(QUAY, "modh/server", "1", {"amd64": layers_of(base, "model")["amd64"]})
    serving = {"x86_64": {"server-image": f"{QUAY}/modh/server@{model.per_arch['amd64']}"}}
    return {
        "core": turned(core),
        "olm": turned(olm),
        "gateway-api": turned(dict.fromkeys(names, listed)),
        "ai-model-serving": serving,
    }


def turned(images: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return name -> arch -> reference as arch -> name -> reference."""
    return {arch: {name: images[name][arch] for name in images} for arch in RPM_ARCHES}


def layers_of(base: Path, name: str) -> dict[Arch, Path]:
    """Write the layer that makes an image what it is; the pause image's has its command."""
    made: dict[Arch, Path] = {}
    for arch in ARCHES:
        made[arch] = base / f"{name}-{arch}.tar"
        if name != "pod":
            text_layer(made[arch], {"etc/motd": f"{name} for {arch}\n"})
            continue
        tar = LayerTar()
        tar.directory("usr")
        tar.directory("usr/bin")
        script = f"#!/bin/sh\necho '{PAUSE_SAYS}, for {arch}'\n".encode()
        tar.add("usr/bin/pod", script, mode=0o755)
        made[arch].write_bytes(tar.close())
    return made


def write_files(directory: Path, release: Release, version: str = VERSION) -> Path:
    """Write release files as MicroShift formats them, and return their directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for component, arches in release.items():
        for arch, images in arches.items():
            infix = "" if component == "core" else f"-{component}"
            nightly = "" if arch == "x86_64" else "-arm64"
            base = f"{version}-0.nightly{nightly}-2026-01-01-000000"
            document = {"release": {"base": base}, "images": images}
            text = json.dumps(document, indent=2) + "\n"
            (directory / f"release{infix}-{arch}.json").write_text(text)
    return directory


def fake_release(*components: str, core: Iterable[str] = ("cli", "pod")) -> Release:
    """Return a release whose images are nowhere."""

    def images(component: str, arch: str, names: Iterable[str]) -> dict[str, str]:
        marks = {"x86_64": "1", "aarch64": "2"}
        return {
            name: f"{QUAY}/{OCP}@sha256:{f'{len(component)}{number}{marks[arch]}':0>64}"
            for number, name in enumerate(names)
        }

    return {
        component: {arch: images(component, arch, names) for arch in RPM_ARCHES}
        for component, names in (
            ("core", tuple(core)),
            *((name, ("a", "b")) for name in components),
        )
    }
