"""Definitions: which images and manifests become which packages.

The YAML format is the first paack's, which loads unchanged, plus what ``PackageDocument`` adds.
``load`` checks everything that can be told without a network, and reports all problems at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from paack.helpers.arch import oci_arch
from paack.helpers.definition.charts import with_charts
from paack.helpers.definition.derived import DERIVED, as_lists, check_words
from paack.helpers.definition.exclusions import is_verified, layers_of
from paack.helpers.definition.kind import check_kind, check_twin, with_packages
from paack.helpers.definition.names import check_names, check_once
from paack.helpers.definition.paths import clean_path, image_path, manifests_of, units_of
from paack.helpers.definition.yaml_format import (
    SBOM_FORMATS,
    ArchDocument,
    ChartDocument,
    DefinitionDocument,
    IgnoredImage,
    ImageDocument,
    PackageDocument,
)
from paack.helpers.document import Problems, Text, bind, load
from paack.helpers.oci import (
    FILE_TRANSPORTS,
    ReferenceProblem,
    Source,
    parse_dependency,
    parse_source,
)

DEFAULT_PATH = "/usr/lib/container-images"
DEFAULT_MANIFEST_PATH = "/usr/lib/microshift/manifests"
#: Where podman looks for units that packages bring; podman-systemd.unit(5)
DEFAULT_UNIT_PATH = "/usr/share/containers/systemd"


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a package, what the RPM provides for it, and the line that asks for it."""

    source: Source
    line: int
    provides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackageArch:
    """What a package holds for one RPM architecture.

    ``units`` are files and directories of Quadlet units. ``derived`` are words of DERIVED that
    stand for more images, each with its line.
    """

    name: str
    images: tuple[Image, ...]
    manifests: Path | None
    units: tuple[Path, ...] = ()
    derived: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Package:
    """One package. ``path``, ``manifest_path`` and ``unit_path`` are on the device, without a
    final slash. ``start_units`` says when units that are new start: "boot" or "now".

    ``image_paths`` are (kind, path) of images in custom resources. ``layers`` says what its store
    holds: "bundled" all, "shared" images whose layers are in other packages, "packed" an index of
    images whose contents are in packs; no definition has a "group" of layers, a "pack" or the
    "program" of devices. ``sbom`` are formats of bills of materials.
    """

    name: str
    version: str
    release: str
    license: str
    summary: str
    description: str
    url: str | None
    path: str
    filesystem: str
    manifest_path: str
    arches: tuple[PackageArch, ...]
    line: int
    requires: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    obsoletes: tuple[str, ...] = ()
    image_paths: tuple[tuple[str, str], ...] = ()
    layers: str = "bundled"
    unit_path: str = DEFAULT_UNIT_PATH
    start_units: str = "boot"
    sbom: tuple[str, ...] = ("spdx",)
    ignore_images: tuple[IgnoredImage, ...] = ()
    verity: bool = False
    charts: tuple[ChartDocument, ...] = ()

    @property
    def has_images(self) -> bool:
        """Whether any arch has an image: then the package has a store."""
        return any(arch.images for arch in self.arches)

    @property
    def shares_layers(self) -> bool:
        """Whether layers of its images are in packages of layers."""
        return self.layers == "shared"

    @property
    def is_packed(self) -> bool:
        """Whether the contents of its images are in packs."""
        return self.layers == "packed"

    @property
    def is_program(self) -> bool:
        """Whether it is the program of devices."""
        return self.layers == "program"

    @property
    def is_part(self) -> bool:
        """Whether others are made up of it (layers, a pack, the program); in no definition."""
        return self.is_program or self.layers in ("group", "pack")

    @property
    def is_thin(self) -> bool:
        """Whether all that its updates may leave as it is is in parts, which it requires."""
        return self.layers in ("shared", "packed")


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that passed all checks; ``file`` is the path that was loaded."""

    file: Path
    packages: tuple[Package, ...]

    def images(self) -> Iterator[tuple[str, Image]]:
        """Yield (RPM arch, image) of every package; the same image may come more than once."""
        for package in self.packages:
            for arch in package.arches:
                for image in arch.images:
                    yield arch.name, image


def load_definition(file: Path) -> Definition:
    """Load and check a definition; raise DefinitionErrors with all of its problems."""
    definition, problems = read_definition(file)
    problems.check()
    return definition


def read_definition(file: Path) -> tuple[Definition, Problems]:
    """Load what can be understood of a definition, and all of its problems.

    Raises DefinitionError for a file that cannot be read or is not YAML.
    """
    problems = Problems(file)
    check_kind(file)
    check_twin(file, problems)
    document = bind(DefinitionDocument, as_lists(with_packages(load(file))), problems)
    packages = document.packages if document else ()
    loaded = tuple(
        _package(package, f"packages[{number}]", problems)
        for number, package in enumerate(packages)
    )
    if document and not packages and not problems.found:
        problems.add(document.line, "no package", "see images/demo for an example")
    seen: dict[str, int] = {}
    for package in loaded:
        if package.name and package.name in seen:
            problems.add(
                package.line,
                f"package {package.name!r} is defined twice (line {seen[package.name]})",
                "give it another name",
            )
        seen[package.name] = package.line
    definition = Definition(file, loaded)
    check_names([(arch, image.source, image.line) for arch, image in definition.images()], problems)
    return definition, problems


def _package(document: PackageDocument, path: str, problems: Problems) -> Package:
    document = with_charts(document, path, problems)
    shared = (document.arches, document.images, document.manifests, document.units)
    if document.arch and any(shared):
        problems.add(
            document.line,
            f"{path}: both 'arch' and 'arches', 'images', 'manifests' or 'units'",
            "use either the list 'arch', or 'arches' with 'images', 'manifests' and 'units'",
        )
    arches = _package_arches(document, path, problems)
    name, units = document.name, document.unit_path or DEFAULT_UNIT_PATH
    return Package(
        name=name,
        version=document.version,
        release=document.release,
        license=document.license,
        summary=document.summary or f"Container images of {name}",
        description=document.full_description(),
        url=document.url,
        path=clean_path(document.path or f"{DEFAULT_PATH}/{name}", path, document.line, problems),
        filesystem=document.filesystem,
        manifest_path=clean_path(
            document.manifest_path or DEFAULT_MANIFEST_PATH, path, document.line, problems
        ),
        arches=arches,
        line=document.line,
        requires=tuple(map(parse_dependency, document.requires)),
        conflicts=document.conflicts,
        obsoletes=document.obsoletes,
        image_paths=tuple(map(image_path, document.image_paths)),
        layers=layers_of(document, path, problems),
        unit_path=clean_path(units, path, document.line, problems),
        start_units=document.start_units,
        sbom=tuple(each for each in SBOM_FORMATS if each == "spdx" or each in document.sbom),
        ignore_images=document.ignore_images,
        verity=is_verified(document, path, problems),
        charts=document.charts,
    )


def _package_arches(
    document: PackageDocument, path: str, problems: Problems
) -> tuple[PackageArch, ...]:
    names = [(each.name, each.line) for each in document.arch]
    if document.arch:
        arches = tuple(
            _package_arch(entry, f"{path}.arch[{number}]", problems)
            for number, entry in enumerate(document.arch)
        )
    elif document.arches:
        names = [(name, document.line) for name in document.arches]
        # Looked at once, under the keys that the file has.
        shared = ArchDocument(
            "", None, document.images, document.manifests, document.units, document.line
        )
        contents = _package_arch(shared, path, problems)
        arches = tuple(replace(contents, name=name) for name in document.arches)
    else:
        if not problems.has(f"{path}.arch"):
            hint = "add: arches: [x86_64, aarch64], or 'arch'"
            problems.add(document.line, f"{path}: no architecture", hint)
        return ()
    seen: set[str] = set()
    for name, line in names:
        if name and name in seen:
            problems.add(line, f"{path}: arch {name} comes twice", "merge the entries")
        seen.add(name)
    return arches


def _package_arch(document: ArchDocument, path: str, problems: Problems) -> PackageArch:
    expected = oci_arch(document.name) if document.name else None
    if document.image_arch and expected and document.image_arch not in (expected, document.name):
        problems.add(
            document.line,
            f"{path}.image_arch: {document.image_arch!r} does not go with {document.name}",
            f"leave it out, or write {expected}",
        )
    images: list[Image] = []
    names: dict[str, int] = {}
    derived = [(str(each), each.line) for each in document.images if each in DERIVED]
    for number, entry in enumerate(document.images):
        if entry in DERIVED:
            continue
        image = _image(entry, f"{path}.images[{number}]", problems)
        if image is None:
            continue
        check_once(image.source.reference, names, f"{path}.images[{number}]", image.line, problems)
        images.append(image)
    manifests = manifests_of(document, path, problems)
    units = units_of(document, path, problems)
    check_words(derived, (units, manifests), f"{path}.images", problems)
    is_told = any(problems.has(f"{path}.{key}") for key in ("images", "manifests", "units"))
    if not (images or manifests or units or document.images or is_told):
        message = f"{path}: neither images nor manifests nor units"
        problems.add(document.line, message, "add one of them")
    return PackageArch(document.name, tuple(images), manifests, units, tuple(derived))


def _image(entry: Text | ImageDocument, path: str, problems: Problems) -> Image | None:
    line = entry.line
    if isinstance(entry, ImageDocument) and not (entry.source and entry.name):
        return None  # reported as missing
    try:
        if isinstance(entry, ImageDocument):
            source = parse_source(entry.source, entry.name)
        else:
            source = parse_source(str(entry))
    except ReferenceProblem as problem:
        problems.add(line, f"{path}: {problem}", problem.hint)
        return None
    if source.transport in FILE_TRANSPORTS and source.location.startswith("-"):
        problems.add(line, f"{path}: a path may not begin with '-'", "write ./ in front of it")
        return None
    return Image(source, line, entry.provides if isinstance(entry, ImageDocument) else ())
