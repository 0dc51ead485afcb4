"""MicroShift's image sets as packages: definitions that are generated, then built as any other.

Each component is a package of its own, not a sub-package: it has its own source RPM and lock, and
can be built, published and rebuilt alone. Layers that components share are fetched once all the
same: the blob cache sees to that.

A package fits one version of MicroShift. ``Conflicts: microshift < V`` and ``> V`` tie the two
without asking for MicroShift, so the images may be installed first; and a comparison without a
release takes every rebuild of that version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from paack.helpers.definition import DEFAULT_MANIFEST_PATH, Definition, Image, Package, PackageArch
from paack.helpers.document import suggest
from paack.helpers.errors import DefinitionErrors, LockError, UsageError
from paack.helpers.hint import command
from paack.helpers.lock import lock_path
from paack.helpers.microshift.image_set import ImageSet
from paack.helpers.microshift.needs_of_set import missing_needs
from paack.helpers.microshift.release_images import ARCHES, CORE
from paack.helpers.microshift.set_document import RELEASE, RELEASE_HINT
from paack.helpers.pipe import Builder

NAME = "microshift-containers"
#: Not the first paack's /usr/lib/microshift/images, a directory: rpm cannot put a link there.
PATH = f"/usr/lib/{NAME}"
NONE, ALL = "none", "all"

_DESCRIPTION = """\
The container images of {what}, in a read-only store that CRI-O and
podman use in place: nothing is pulled, imported or copied. They fit this version only.
The licence is MicroShift's; each image names those of its content."""


def definitions(
    images: ImageSet, components: Sequence[str] = (), *, core: bool = True, release: str = ""
) -> tuple[Definition, ...]:
    """Return a definition per package: the core's (unless ``core`` is False) and ``components``'.

    No component means all that the release pins, ALL really all, NONE none. ``release`` replaces
    the set's RPM release. Raises UsageError for a component that the set does not offer, and for
    a bad release; DefinitionErrors when a pod of a component would lack an image.
    """
    chosen = [*([CORE] if core else []), *_choose(images, components)]
    if release and not re.fullmatch(RELEASE, release):
        raise UsageError(f"{release!r} is no RPM release", hint=RELEASE_HINT)
    if lacking := list(missing_needs(images, chosen)):
        raise DefinitionErrors(lacking)
    return tuple(
        _definition(images, component, release or images.document.release) for component in chosen
    )


def all_definitions(images: ImageSet) -> tuple[Definition, ...]:
    """Return a definition for each component, whatever is wrong with it."""
    return tuple(_definition(images, each, images.document.release) for each in images.components)


def on_request(images: ImageSet) -> list[str]:
    """Return the components that are made only when named: a tag may move, or be gone."""
    return [component for component in images.optional if images.by_tag(component)]


def build(
    builder: Builder,
    images: ImageSet,
    packages: Sequence[Definition],
    arches: Sequence[str],
    make: Callable[[Definition, Sequence[str]], list[Path]],
) -> list[Path]:
    """Let ``make`` make each of ``packages`` for those of ``arches`` that it has (none: all).

    All locks come first: what cannot be had shows before anything is made.
    """
    for arch in arches:
        if arch not in ARCHES:
            hint = f"one of: {', '.join(ARCHES)}"
            raise UsageError(f"MicroShift is not for {arch!r}", hint=hint)
    lock_missing(builder, images, packages)
    made: list[Path] = []
    for definition in packages:
        (package,) = definition.packages
        there = {arch.name for arch in package.arches}
        if arches and not there.intersection(arches):
            builder.reporter.say(f"skip    {package.name}: not for {', '.join(arches)}")
            continue
        asked = [arch for arch in arches if arch in there]
        with _hinted(images):
            made += make(definition, asked)
    return made


def lock_missing(builder: Builder, images: ImageSet, packages: Sequence[Definition]) -> list[Path]:
    """Lock those of ``packages`` that have no lock, unless the builder is frozen."""
    lacking = [each for each in packages if not lock_path(each.file).exists()]
    return lock(builder, images, () if builder.frozen else lacking)


def lock(builder: Builder, images: ImageSet, packages: Sequence[Definition]) -> list[Path]:
    """Lock ``packages`` and return the paths of the locks."""
    made = []
    for definition in packages:
        builder.reporter.say(f"lock    {lock_path(definition.file)}")
        images.directory.mkdir(parents=True, exist_ok=True)
        try:
            with _hinted(images):
                made.append(builder.lock(definition)[0])
        finally:
            with suppress(OSError):
                images.directory.rmdir()  # nothing could be locked
    return made


def _choose(images: ImageSet, components: Sequence[str]) -> list[str]:
    offered = images.optional
    if not components:
        return [component for component in offered if component not in on_request(images)]
    for component in components:
        if component in images.document.excluded:
            raise UsageError(
                f"{images.name} does not offer {component}: {images.document.excluded[component]}",
                hint="package what you need of it with a definition of your own",
            )
        if component not in (*offered, NONE, ALL):
            raise UsageError(
                f"{images.name} has no component {component!r}",
                hint=suggest(component, (*offered, NONE, ALL)),
            )
    return [each for each in offered if each in components or ALL in components]


def _definition(images: ImageSet, component: str, release: str) -> Definition:
    version = images.version
    name = NAME if component == CORE else f"{NAME}-{component}"
    what = f"MicroShift {version}" + (f": {component}" if component != CORE else "")
    package = Package(
        name=name,
        version=version,
        release=release,
        license=images.document.license,
        summary=f"Container images of {what}",
        description=_DESCRIPTION.format(what=what),
        url=images.document.url,
        path=f"{PATH}/{component}",
        filesystem="squashfs",
        manifest_path=DEFAULT_MANIFEST_PATH,
        arches=tuple(
            PackageArch(arch, _images(images, component, arch), None)
            for arch in ARCHES
            if arch in images.components[component]
        ),
        line=0,
        requires=() if component == CORE else (f"{NAME} = {version}",),
        conflicts=(f"microshift < {version}", f"microshift > {version}"),
    )
    # There is no such file; the lock is beside it.
    return Definition(images.directory / f"{name}.yaml", (package,))


def _images(images: ImageSet, component: str, arch: str) -> tuple[Image, ...]:
    """Return the images of one arch; one that has several names comes once, and provides all."""
    found: dict[str, Image] = {}
    qualifier = "" if component == CORE else f"{component}/"
    for each in images.components[component][arch].images:
        provided = f"microshift-image({qualifier}{each.name}) = {images.version}"
        before = found.get(each.source.text)
        provides = (*(before.provides if before else ()), provided)
        found[each.source.text] = Image(each.source, each.line, provides)
    return tuple(found.values())


@contextmanager
def _hinted(images: ImageSet) -> Iterator[None]:
    """Name the command that makes these locks: it is not the one of other definitions."""
    try:
        yield
    except LockError as error:
        hint = command("microshift.lock", version=images.name)
        raise LockError(error.message, place=error.place, hint=hint) from error
