"""Where MicroShift's images come from, and which of those places want OpenShift's pull secret.

One secret opens both of Red Hat's registries. Whether it is wanted is told by namespace, not by
registry: quay.io also holds the public images of OKD.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

#: Namespace (a registry, or the first parts of a repository) -> whether the secret is wanted.
NAMESPACES = MappingProxyType(
    {
        "quay.io/openshift-release-dev": True,
        "registry.redhat.io": True,
        "registry.access.redhat.com": False,
        # OKD and what is built upon it.
        "quay.io/okd": False,
        "ghcr.io/microshift-io": False,
        "docker.io/kindest": False,
        "ghcr.io/topolvm": False,
        "quay.io/jetstack": False,
        "registry.k8s.io": False,
        # Model serving.
        "ghcr.io/llm-d": False,
        "quay.io/modh": False,
        "quay.io/opendatahub": False,
        "quay.io/trustyai": False,
    }
)

HINT = (
    "OpenShift's pull secret opens it: save it from "
    "https://console.redhat.com/openshift/install/pull-secret as a file, and name that file: "
    "--authfile FILE, or REGISTRY_AUTH_FILE=FILE"
)


def namespace_of(repo: str, namespaces: Iterable[str] = NAMESPACES) -> str | None:
    """Return the namespace that ``repo`` (with its registry) is in; None when it is in none."""
    return next((each for each in namespaces if f"{repo}/".startswith(f"{each}/")), None)


def wants_pull_secret(repo: str) -> bool:
    """Tell whether the images of ``repo`` are given only to those who show the pull secret."""
    namespace = namespace_of(repo)
    return namespace is not None and NAMESPACES[namespace]
