"""Checking a set: what its pods lack, what its release did not pin, and its locks; no network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from paack.helpers.check import Finding, lock_problems
from paack.helpers.definition import Definition
from paack.helpers.errors import DefinitionError, LockError, Place
from paack.helpers.hint import command
from paack.helpers.lock import lock_path, read_lock
from paack.helpers.microshift.image_set import ImageSet
from paack.helpers.microshift.needs import needs_of
from paack.helpers.microshift.needs_of_set import missing_in, missing_needs
from paack.helpers.microshift.release_image_sources import read_source
from paack.helpers.microshift.release_images import CORE
from paack.helpers.progress import count


def check_set(
    images: ImageSet, packages: Sequence[Definition], sources: Sequence[Path] = ()
) -> list[Finding]:
    """Return all findings of a set, and of the locks of ``packages`` that are there.

    The manifests of components in ``sources`` (as of an import) are compared, too.
    """
    findings = [
        Finding("missing", error) for error in missing_needs(images, list(images.components))
    ]
    trees = [tree for source in sources for tree in read_source(source).trees]
    needs, faults = needs_of(trees, [each for each in images.components if each != CORE])
    findings += [Finding("missing", error) for error in missing_in(images, needs)]
    findings += [Finding("manifest", error, warning=True) for error in faults]
    findings += [
        Finding("by-tag", error, warning=True)
        for component in images.components
        for error in _loose(images, component, packages)
    ]
    for definition in packages:
        findings += [Finding("lock", error) for error in _lock_problems(images, definition)]
    unique = {str(each): each for each in findings}.values()
    return sorted(unique, key=lambda each: each.order)


def _loose(
    images: ImageSet, component: str, packages: Sequence[Definition]
) -> Iterator[DefinitionError]:
    """Say for each arch which images the release did not pin, and whether a lock does."""
    locked = any(
        package.path.endswith(f"/{component}") and lock_path(definition.file).exists()
        for definition in packages
        for package in definition.packages
    )
    which = component if component != CORE else "none"
    lock = command("microshift.lock", version=images.name, components=which)
    hint = f"lock them, and commit the lock: {lock}"
    for arch, file in images.components[component].items():
        loose = [each for each in file.images if each.source.reference.digest is None]
        if loose:
            yield DefinitionError(
                f"{component}: the release did not pin {len(loose)} of "
                f"{count(len(file.images), 'image')} for {arch}: "
                + ", ".join(f"{each.name} ({each.source.text})" for each in loose),
                place=Place(images.file, loose[0].line),
                hint="the lock pins them" if locked else hint,
            )


def _lock_problems(images: ImageSet, definition: Definition) -> Iterator[LockError]:
    try:
        lock = read_lock(lock_path(definition.file))
    except LockError as error:
        yield error
        return
    if lock is None:
        return  # made when it is needed
    hint = command("microshift.lock", version=images.name)
    for problem in lock_problems(definition, lock):
        yield LockError(problem.message, place=problem.place, hint=hint)
