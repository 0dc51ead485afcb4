"""The structs into which podman, CRI-O and skopeo decode manifests, indexes and image configs.

Those of github.com/opencontainers/image-spec v1 and of Docker's images as
go.podman.io/image/manifest has them. A config is decoded as both, whichever type its manifest
is of: as OCI's when it is pulled, as Docker's, too, whenever images are listed. So one struct
here has the fields of both, each with the narrower type.
"""

from __future__ import annotations

from paack.helpers.oci.go_json import ListOf, MapOf, Scalar, Struct, Type

_TEXT, _FLAG, _INT, _TIME = Scalar.TEXT, Scalar.FLAG, Scalar.INT, Scalar.TIME
_TEXTS, _SET = ListOf(_TEXT), MapOf(Struct({}))


def _fields(names: str, type_: Type) -> dict[str, Type]:
    return dict.fromkeys(names.split(), type_)


_HEALTHCHECK = Struct(
    {"Test": _TEXTS, **_fields("StartPeriod StartInterval Interval Timeout Retries", _INT)}
)
#: Docker's container.Config
_CONTAINER = {
    **_fields("Hostname Domainname User Image WorkingDir MacAddress StopSignal", _TEXT),
    **_fields("AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce", _FLAG),
    **_fields("ArgsEscaped NetworkDisabled", _FLAG),
    **_fields("Env OnBuild", _TEXTS),
    **_fields("Cmd Entrypoint Shell", Scalar.STRSLICE),
    **_fields("ExposedPorts Volumes", _SET),
    "Labels": MapOf(_TEXT),
    "Healthcheck": _HEALTHCHECK,
    "StopTimeout": _INT,
}
_PLATFORM: dict[str, Type] = {
    **_fields("architecture os os.version variant", _TEXT),
    "os.features": _TEXTS,
}
_HISTORY = Struct(
    {
        "created": _TIME,
        **_fields("author created_by comment", _TEXT),
        "empty_layer": _FLAG,
    }
)

#: v1.Image and Schema2Image
IMAGE = Struct(
    {
        **_fields("id parent comment container docker_version author", _TEXT),
        **_PLATFORM,
        "created": _TIME,
        "Size": _INT,
        # OCI has no strslice.
        "config": Struct({**_CONTAINER, **_fields("Cmd Entrypoint", _TEXTS)}),
        "container_config": Struct(_CONTAINER),
        "rootfs": Struct({"type": _TEXT, "diff_ids": _TEXTS}),
        "history": ListOf(_HISTORY),
    }
)

_DOCKER_DESCRIPTOR: dict[str, Type] = {
    **_fields("mediaType digest", _TEXT),
    "size": _INT,
    "urls": _TEXTS,
}
_OCI_DESCRIPTOR = Struct(
    {
        **_DOCKER_DESCRIPTOR,
        "artifactType": _TEXT,
        "annotations": MapOf(_TEXT),
        "data": Scalar.BYTES,
        "platform": Struct(_PLATFORM),
    }
)
_VERSION: dict[str, Type] = {"schemaVersion": _INT, "mediaType": _TEXT}
_OCI: dict[str, Type] = {
    **_VERSION,
    "artifactType": _TEXT,
    "annotations": MapOf(_TEXT),
    "subject": _OCI_DESCRIPTOR,
}
#: What would make a document ambiguous.
_OTHERS = _fields("config fsLayers history layers manifests", Scalar.ANYTHING)

#: What tells manifests and indexes apart.
HEAD = Struct({**_VERSION, "config": Struct({"mediaType": _TEXT}), "manifests": Scalar.ANYTHING})
#: v1.Manifest
OCI_MANIFEST = Struct(
    {**_OTHERS, **_OCI, "config": _OCI_DESCRIPTOR, "layers": ListOf(_OCI_DESCRIPTOR)}
)
#: Schema2
DOCKER_MANIFEST = Struct(
    {
        **_OTHERS,
        **_VERSION,
        "config": Struct(_DOCKER_DESCRIPTOR),
        "layers": ListOf(Struct(_DOCKER_DESCRIPTOR)),
    }
)
#: v1.Index
OCI_INDEX = Struct({**_OTHERS, **_OCI, "manifests": ListOf(_OCI_DESCRIPTOR)})
#: Schema2List
DOCKER_LIST = Struct(
    {
        **_OTHERS,
        **_VERSION,
        "manifests": ListOf(
            Struct({**_DOCKER_DESCRIPTOR, "platform": Struct({**_PLATFORM, "features": _TEXTS})})
        ),
    }
)
