"""Findings about texts that may be images, and about those that a definition ignores."""

from __future__ import annotations

from collections.abc import Iterator

from paack.helpers.check.findings import Finding
from paack.helpers.check.packaged import PackagedImages
from paack.helpers.definition import Definition
from paack.helpers.errors import DefinitionError, Place
from paack.helpers.kubernetes import NEEDED, POSSIBLE, UNFINDABLE, Need, Needs, full_name


def described(need: Need) -> str:
    """Return where an image is named, and why it is taken for one where that is not sure."""
    if need.use.level == NEEDED:
        return need.use.where
    return f"{need.use.where}; {need.use.level}: {need.use.reason}"


def unless(need: Need) -> str:
    """Return what to do about an image that is taken for one by mistake; a hint's end."""
    return "" if need.use.level == NEEDED else "; or ignoreImages, if the device does not need it"


def other_findings(
    definition: Definition, packaged: PackagedImages, needs: Needs, *, everything: bool
) -> Iterator[Finding]:
    """Yield warnings; of texts that only look like images when ``everything`` is asked for."""
    for need in needs.others:
        if need.ignored is None and need.use.level == UNFINDABLE:
            yield _unfindable(need)
        elif need.ignored is None and everything and need.use.level == POSSIBLE:
            reference = full_name(need.use.image)
            if reference and packaged.lacking(reference, need.arches):
                message = f"{need.use.image} looks like an image ({need.use.where})"
                hint = "if the device needs it, add it to images"
                error = DefinitionError(message, place=need.use.place, hint=hint)
                yield Finding("possible", error, warning=True)
    if needs.are_known:
        used = {id(need.ignored) for need in (*needs.found, *needs.others)}
        for package in definition.packages:
            for entry in package.ignore_images:
                if id(entry) not in used:
                    message = f"ignoreImages: no manifest names {entry.image}"
                    place = Place(definition.file, entry.line)
                    error = DefinitionError(message, place=place, hint="remove it")
                    yield Finding("ignored", error, warning=True)


def _unfindable(need: Need) -> Finding:
    error = DefinitionError(
        f"an image that cannot be found: {need.use.image} ({described(need)})",
        place=need.use.place,
        hint="find out which one it becomes, and add it to images; ignoreImages ends this warning",
    )
    return Finding("unfindable", error, warning=True)
