"""The kinds of Quadlet units, and which keys podman knows since which version.

Measured: the tables of podman 4.4 to 5.8 (pkg/systemd/quadlet). A key that a podman does not know
makes it refuse the unit: no service is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from paack.helpers.errors import Place

#: Major and minor of a podman.
Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of unit: its group, what is appended to its service's name, the first podman."""

    group: str
    suffix: str
    since: Version


@dataclass(frozen=True, slots=True)
class NeededVersion:
    """The first podman that makes of a unit what it says, for the sake of what is at ``place``."""

    version: Version
    what: str
    place: Place


#: By the end of the file's name.
KINDS: Mapping[str, Kind] = {
    ".container": Kind("Container", "", (4, 4)),
    ".pod": Kind("Pod", "-pod", (5, 0)),
    ".kube": Kind("Kube", "", (4, 4)),
    ".volume": Kind("Volume", "-volume", (4, 4)),
    ".network": Kind("Network", "-network", (4, 4)),
    ".image": Kind("Image", "-image", (4, 8)),
    ".build": Kind("Build", "-build", (5, 2)),
    ".artifact": Kind("Artifact", "-artifact", (5, 7)),
}
#: Podman reads X.container.d/*.conf since, and directories below its own since.
DROP_INS_SINCE: Version = (5, 0)
DIRECTORIES_SINCE: Version = (4, 7)
#: The newest podman whose keys are known here.
NEWEST: Version = (5, 8)

_KEYS: Mapping[str, Mapping[Version, str]] = {
    "Container": {
        (4, 4): (
            "AddCapability AddDevice Annotation ContainerName DropCapability Environment "
            "EnvironmentFile EnvironmentHost Exec ExposeHostPort Group Image Label Network "
            "NoNewPrivileges Notify PodmanArgs PublishPort ReadOnly RemapGid RemapUid "
            "RemapUidSize RemapUsers RunInit SeccompProfile Timezone User VolatileTmp Volume"
        ),
        (4, 5): (
            "HealthCmd HealthInterval HealthOnFailure HealthRetries HealthStartPeriod "
            "HealthStartupCmd HealthStartupInterval HealthStartupRetries HealthStartupSuccess "
            "HealthStartupTimeout HealthTimeout IP IP6 LogDriver Mount Rootfs Secret "
            "SecurityLabelDisable SecurityLabelFileType SecurityLabelLevel SecurityLabelType "
            "Tmpfs UserNS"
        ),
        (4, 6): "AutoUpdate HostName Mask Pull SecurityLabelNested Sysctl Unmask WorkingDir",
        (4, 7): "DNS DNSOption DNSSearch PidsLimit ShmSize Ulimit",
        (4, 8): ("ContainersConfModule GIDMap GlobalArgs ReadOnlyTmpfs SubGIDMap SubUIDMap UIDMap"),
        (5, 0): "Entrypoint Pod StopTimeout",
        (5, 1): "GroupAdd",
        (5, 2): "LogOpt NetworkAlias StopSignal",
        (5, 3): (
            "AddHost CgroupsMode HealthLogDestination HealthMaxLogCount HealthMaxLogSize "
            "ServiceName StartWithPod"
        ),
        (5, 5): "Memory ReloadCmd ReloadSignal Retry RetryDelay",
        (5, 7): "HttpProxy",
        (5, 8): "AppArmor",
    },
    "Pod": {
        (5, 0): ("ContainersConfModule GlobalArgs Network PodName PodmanArgs PublishPort Volume"),
        (5, 2): "NetworkAlias",
        (5, 3): (
            "AddHost DNS DNSOption DNSSearch GIDMap IP IP6 RemapGid RemapUid RemapUidSize "
            "RemapUsers ServiceName SubGIDMap SubUIDMap UIDMap UserNS"
        ),
        (5, 4): "ShmSize",
        (5, 5): "HostName",
        (5, 6): "ExitPolicy Label",
        (5, 7): "StopTimeout",
    },
    "Kube": {
        (4, 4): ("ConfigMap Network PublishPort RemapGid RemapUid RemapUidSize RemapUsers Yaml"),
        (4, 5): "LogDriver UserNS",
        (4, 6): "ExitCodePropagation PodmanArgs",
        (4, 7): "AutoUpdate SetWorkingDirectory",
        (4, 8): "ContainersConfModule GlobalArgs KubeDownForce",
        (5, 2): "LogOpt",
        (5, 3): "ServiceName",
    },
    "Volume": {
        (4, 4): "Copy Device Group Label Options Type User",
        (4, 6): "PodmanArgs",
        (4, 7): "VolumeName",
        (4, 8): "ContainersConfModule Driver GlobalArgs Image",
        (5, 3): "ServiceName",
    },
    "Network": {
        (4, 4): ("DisableDNS Driver Gateway IPAMDriver IPRange IPv6 Internal Label Options Subnet"),
        (4, 6): "PodmanArgs",
        (4, 7): "DNS NetworkName",
        (4, 8): "ContainersConfModule GlobalArgs",
        (5, 3): "ServiceName",
        (5, 5): "NetworkDeleteOnStop",
        (5, 6): "InterfaceName",
    },
    "Image": {
        (4, 8): (
            "AllTags Arch AuthFile CertDir ContainersConfModule Creds DecryptionKey "
            "GlobalArgs Image ImageTag OS PodmanArgs TLSVerify Variant"
        ),
        (5, 3): "ServiceName",
        (5, 5): "Retry RetryDelay",
        (5, 6): "Policy",
    },
    "Build": {
        (5, 2): (
            "Annotation Arch AuthFile ContainersConfModule DNS DNSOption DNSSearch "
            "Environment File ForceRM GlobalArgs GroupAdd ImageTag Label Network PodmanArgs "
            "Pull Secret SetWorkingDirectory TLSVerify Target Variant Volume"
        ),
        (5, 3): "ServiceName",
        (5, 5): "Retry RetryDelay",
        (5, 7): "BuildArg IgnoreFile",
    },
    "Artifact": {
        (5, 7): (
            "Artifact AuthFile CertDir ContainersConfModule Creds DecryptionKey GlobalArgs "
            "PodmanArgs Quiet Retry RetryDelay ServiceName TLSVerify"
        ),
    },
    "Quadlet": {
        (5, 3): "DefaultDependencies",
    },
}


def kind_of(name: str) -> Kind | None:
    """Return the kind of a unit by the name of its file, None for another file."""
    return KINDS.get(PurePosixPath(name).suffix)


@cache
def keys_of(group: str) -> Mapping[str, Version]:
    """Return the keys of a group, each with the first podman that knows it."""
    return {key: since for since, keys in _KEYS[group].items() for key in keys.split()}


def version_text(version: Version) -> str:
    """Return a version as people write it: ``5.6``."""
    return ".".join(map(str, version))
