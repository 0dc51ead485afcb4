"""Spec files: a package of a definition rendered with specs/*.j2.

Texts of a definition never reach rpm's macro engine: ``%`` is doubled here, and what cannot be
escaped (line ends in one-line tags) was refused when the definition was loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from helpers.definition import Package
from helpers.lock import LockedImage
from helpers.manifests import Manifests
from helpers.reference import parse_reference

TEMPLATES = Path(__file__).resolve().parent.parent / "specs"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package holds for one RPM arch, ready to be a source of the SRPM."""

    arch: str
    images: tuple[LockedImage, ...]
    manifests: Manifests | None


@dataclass(frozen=True, slots=True)
class Source:
    """A source of the SRPM: its number, file name and what it is (store, lock, manifests)."""

    number: int
    name: str
    arch: str
    kind: str


@dataclass(frozen=True, slots=True)
class Spec:
    """A rendered spec and the sources that it names, in their order."""

    package: Package
    contents: tuple[Contents, ...]
    sources: tuple[Source, ...]
    noarch: bool
    text: str

    @property
    def nevra_base(self) -> str:
        """NAME-VERSION-RELEASE."""
        return f"{self.package.name}-{self.package.version}-{self.package.release}"

    def rpm_arch(self, arch: str) -> str:
        """Return the arch of the RPM that holds the contents of ``arch``."""
        return "noarch" if self.noarch else arch


def render_spec(package: Package, contents: Sequence[Contents]) -> Spec:
    """Render the spec of ``package``."""
    sources = _sources(package, contents)
    noarch = _is_noarch(contents)
    text = (
        _environment()
        .get_template("package.spec.j2")
        .render(
            package=package,
            contents=contents,
            sources=sources,
            noarch=noarch,
            provides={each.arch: _provides(each.images) for each in contents},
        )
    )
    return Spec(package, tuple(contents), sources, noarch, text)


def source_name(package: Package, arch: str, kind: str) -> str:
    """Return the file name of a source; kinds: store, lock, manifests."""
    suffix = {"store": package.filesystem, "lock": "lock.yaml", "manifests": "manifests.tar"}[kind]
    return f"{package.name}-{arch}.{suffix}"


def escape(text: str) -> str:
    """Return ``text`` such that rpm's macro engine gives it back unchanged."""
    return text.replace("%", "%%")


def _sources(package: Package, contents: Sequence[Contents]) -> tuple[Source, ...]:
    found: list[Source] = []
    for each in contents:
        kinds = [("store", each.images), ("lock", each.images), ("manifests", each.manifests)]
        for kind, present in kinds:
            if present:
                name = source_name(package, each.arch, kind)
                found.append(Source(len(found), name, each.arch, kind))
    return tuple(found)


def _is_noarch(contents: Sequence[Contents]) -> bool:
    """Only manifests, and the same for every arch."""
    return not any(each.images for each in contents) and (
        len({each.manifests.archive for each in contents if each.manifests}) == 1
    )


def _provides(images: Sequence[LockedImage]) -> list[str]:
    """Every name and digest, so that ``dnf repoquery --whatprovides`` finds who ships an image."""
    names = {name for image in images for name in image.names}
    for image in images:
        repo = parse_reference(image.names[0]).repo
        names |= {f"{repo}@{digest}" for digest in (image.list, image.manifest) if digest}
    return sorted(names)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - specs are not HTML; `escape` is for rpm
    )
    environment.filters["escape"] = escape
    return environment
