"""The YAML format of definitions, key by key: the one description of it.

The first paack's format, which loads unchanged, plus what is new. helpers/document.py binds YAML to
these dataclasses and makes the JSON schema from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from paack.helpers.arch import OCI_ARCH
from paack.helpers.document import Text, key

FILESYSTEMS = ("squashfs", "erofs")
LAYERS = ("bundled", "shared", "packed")
SBOM_FORMATS = ("spdx", "cyclonedx")

_PATH = r"/usr/[A-Za-z0-9._+/-]*[A-Za-z0-9._+/-]"
_VERSION = r"(?!.*\.\.)[A-Za-z0-9_.+~^]+"
_EVR = rf"(?:[0-9]+:)?{_VERSION}(?:-{_VERSION})?"
_NAME = r"[A-Za-z0-9_./:@+~^()-]*"
_DEPENDENCY = rf"/{_NAME}|[A-Za-z0-9_]{_NAME}(?: (?:<|<=|=|>=|>) {_EVR})?"
_DEPENDENCY_HINT = "a name, or a name, a comparison and a version: microshift = 4.20.26"
# rpmbuild warns of one without a version: it takes away what has that name for ever.
_OBSOLETE = rf"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.+-]* (?:<|<=|=) {_EVR}"
_OBSOLETE_HINT = "the name of a package and its versions until then: old-containers < 2.0"
_IMAGE_PATH = r"[^\s.:]+(?:\.[^\s.:]+)*"
_IMAGE_PATH_HINT = "keys and *, with dots between them: spec.templates.*.image"
_DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,51}[a-z0-9])?"
_DNS_HINT = "small letters, digits and -, at most 53"
# What rpm would not give back as it is written, or not read at all.
_LINE = (
    (r"^$", "is empty"),
    (r"^\s|\s$", "begins or ends with a blank"),
    (r"\\%", "has a backslash before a '%'"),
)
_BLOCK = (
    (r"^\s*$", "is empty"),
    (r"^\s", "begins with a blank"),
    (r"(^|\n)[^\S\n]*[%#]", "has a line that begins with '%' or '#'"),
    (r"[^\S\n](\n|$)", "has a line that ends with a blank"),
    (r"\\%", "has a backslash before a '%'"),
)
_TEXT_HINT = "rpm would not keep it: write it in another way"
PATH_HINT = "an absolute path below /usr, of letters, digits and . _ + -"
_ARCHES = tuple(OCI_ARCH)
_OCI_NAMES = {name: rpm for rpm, (name, _) in OCI_ARCH.items()}


@dataclass(frozen=True)
class ImageDocument:
    """An image whose source does not tell its name in the store."""

    source: str = key(
        "Where the image comes from, as skopeo writes it",
        required=True,
        example="oci:./layout:latest",
    )
    name: str | None = key(
        "The name of the image in the store", required=True, example="localhost/app:1.0"
    )
    provides: tuple[str, ...] = key(
        "What the RPM provides for the image, besides its name and digests",
        pattern=_DEPENDENCY, hint=_DEPENDENCY_HINT, default=(),
    )  # fmt: skip
    line: int = 0


@dataclass(frozen=True)
class ImagePathDocument:
    """Where a custom resource names an image."""

    kind: str | None = key("Kind of the resource", required=True, example="Kafka")
    path: str | None = key(
        "Path of the image in it; * is any item or key", required=True,
        pattern=_IMAGE_PATH, hint=_IMAGE_PATH_HINT, example="spec.kafka.image",
    )  # fmt: skip
    line: int = 0


@dataclass(frozen=True)
class IgnoredImage:
    """An image that manifests name but the device does not need: ``paack check`` ignores it."""

    image: str = key(
        "The image: a name, with or without a tag, or as it is written; * is any text",
        required=True, example="quay.io/acme/debug", default="",
    )  # fmt: skip
    reason: str = key(
        "Why it is not needed", required=True, example="only for its tests", default=""
    )
    line: int = 0


@dataclass(frozen=True)
class ChartDocument:
    """A Helm chart, rendered when the definition is locked."""

    chart: str = key(
        "Directory or .tgz of the chart, relative to this file", required=True,
        pattern=r"[^\s:]+", hint="a path, not a URL: helm pull brings a chart here",
        example="charts/app", default="",
    )  # fmt: skip
    release: str = key(
        "Name of the release", required=True, pattern=_DNS_LABEL, hint=_DNS_HINT, example="app",
        default="",
    )  # fmt: skip
    namespace: str = key(
        "Namespace of the release", pattern=_DNS_LABEL, hint=_DNS_HINT, default="default"
    )
    values: tuple[str, ...] = key("Files of values, the later ones win", default=())
    kube_version: str | None = key(
        "Version of Kubernetes that templates see; helm's own when left out", name="kubeVersion",
        pattern=r"v?[0-9]+\.[0-9]+(?:\.[0-9]+)?", hint="for example 1.32.0", example="1.32.0",
    )  # fmt: skip
    line: int = 0


@dataclass(frozen=True)
class ArchDocument:
    """One entry of a package's ``arch`` list."""

    name: str = key(
        "RPM architecture", required=True, example="x86_64", choices=_ARCHES, synonyms=_OCI_NAMES,
        default="",
    )  # fmt: skip
    image_arch: str | None = key("The image's word for it; derived when left out", example="amd64")
    images: tuple[Text | ImageDocument, ...] = key("Images to package", default=())
    manifests: Text | None = key("Directory or file of Kubernetes manifests, relative to this file")
    units: tuple[Text, ...] = key(
        "Files and directories of Quadlet units, relative to this file", default=()
    )
    line: int = 0


@dataclass(frozen=True)
class PackageDocument:
    """One package, as it is written."""

    name: str = key(
        "RPM name",
        required=True,
        example="my-app-containers",
        pattern=r"(?!.*\.\.)(?!container-(?:layers|pack|device)-)[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}",
        hint="letters, digits, . _ + -, no '..'; container-layers-…, -pack-…, -device-… are ours",
        default="",
    )
    version: str = key(
        "RPM version",
        required=True,
        example="1.0.0",
        pattern=_VERSION,
        hint="letters, digits and . _ + ~ ^, no '..'; no dash (~ for a pre-release: 1.0~rc1)",
        default="",
    )
    release: str = key(
        "RPM release",
        pattern=_VERSION,
        hint="letters, digits and . _ + ~ ^, no '..'; no dash",
        example="1",
        default="1",
    )
    license: str = key(
        "Licence of what is inside", refused=_LINE, hint=_TEXT_HINT, example="Apache-2.0",
        default="Unknown",
    )  # fmt: skip
    summary: str | None = key("One line about the package", refused=_LINE, hint=_TEXT_HINT)
    description: str | None = key(
        "Some lines about the package", block=True, refused=_BLOCK, hint=_TEXT_HINT
    )
    url: str | None = key(
        "Home page", pattern=r"[a-z][a-z0-9+.-]*://\S+", refused=_LINE,
        hint="for example https://example.com",
    )  # fmt: skip
    path: str | None = key(
        "Where the store appears on the device", pattern=_PATH, hint=PATH_HINT,
        example="/usr/lib/my-app/containers",
    )  # fmt: skip
    filesystem: str = key(
        "Filesystem of the store image; auto: erofs where an image has files that need it",
        choices=(*FILESYSTEMS, "auto"), example="erofs", default="squashfs",
    )  # fmt: skip
    layers: str = key(
        "Where layers are: in the package, in packages of their own, or their files in packs",
        choices=LAYERS, example="shared", default="bundled",
    )  # fmt: skip
    sbom: tuple[str, ...] = key(
        "Formats of the bill of materials; spdx is always there", choices=SBOM_FORMATS,
        example=["spdx", "cyclonedx"], default=("spdx",),
    )  # fmt: skip
    verity: str = key(
        "Whether the kernel checks each block of the store against the RPM (dm-verity)",
        choices=("false", "true"), example="true", default="false",
    )  # fmt: skip
    manifest_path: str | None = key(
        "Where the manifests go", name="manifestPath", pattern=_PATH, hint=PATH_HINT,
        example="/usr/lib/microshift/manifests.d/my-app",
    )  # fmt: skip
    unit_path: str | None = key(
        "Where the Quadlet units go", name="unitPath", pattern=_PATH, hint=PATH_HINT,
        example="/usr/share/containers/systemd",
    )  # fmt: skip
    start_units: str = key(
        "When units that are new start: at the next boot, or at the end of the transaction",
        name="startUnits", choices=("boot", "now"), example="now", default="boot",
    )  # fmt: skip
    requires: tuple[str, ...] = key(
        "RPM dependencies", pattern=_DEPENDENCY, hint=_DEPENDENCY_HINT, default=(),
        example=["microshift"],
    )  # fmt: skip
    conflicts: tuple[str, ...] = key(
        "RPM conflicts", pattern=_DEPENDENCY, hint=_DEPENDENCY_HINT, default=(),
        example=["microshift < 4.20.26"],
    )  # fmt: skip
    obsoletes: tuple[str, ...] = key(
        "Packages that this one takes the place of", pattern=_OBSOLETE, hint=_OBSOLETE_HINT,
        default=(), example=["old-containers < 2.0"],
    )  # fmt: skip
    image_paths: tuple[Text | ImagePathDocument, ...] = key(
        "Where custom resources name images, for paack check", name="imagePaths",
        pattern=rf"\S+: +{_IMAGE_PATH}", hint='"KIND: PATH", in quotes, or {kind: …, path: …}',
        default=(), example=["Kafka: spec.kafka.image"],
    )  # fmt: skip
    ignore_images: tuple[IgnoredImage, ...] = key(
        "Images that manifests name and the device does not need, for paack check",
        name="ignoreImages", default=(),
    )  # fmt: skip
    charts: tuple[ChartDocument, ...] = key(
        "Helm charts that paack lock renders: the manifests of the package", default=()
    )
    arch: tuple[ArchDocument, ...] = key("Images and manifests of each architecture", default=())
    arches: tuple[str, ...] = key(
        "Architectures that share images and manifests", choices=_ARCHES, synonyms=_OCI_NAMES,
        example=["x86_64"], default=(),
    )  # fmt: skip
    images: tuple[Text | ImageDocument, ...] = key("Images, for all arches", default=())
    manifests: Text | None = key("Directory or file of Kubernetes manifests, for all arches")
    units: tuple[Text, ...] = key(
        "Files and directories of Quadlet units, for all arches", default=(), example=["units"]
    )
    line: int = 0

    def full_description(self) -> str:
        """Return the description, or what stands for it."""
        if self.description:
            return self.description.rstrip("\n")  # a block of YAML ends with one
        if self.summary and self.summary[0] not in "%#":
            return self.summary
        return f"Container images of {self.name}."


@dataclass(frozen=True)
class DefinitionDocument:
    """The whole file."""

    packages: tuple[PackageDocument, ...] = key("The packages to make", required=True, default=())
    line: int = 0
